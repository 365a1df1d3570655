package replicator

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// remakes is how many slots in a row may turn out to be unable to decode before the pass is
// given up.
const remakes = 5

// lookForStranger returns a halt if the slot exists though the warehouse remembers nothing,
// unless another daemon of this pipeline has just begun.
func (d *daemon) lookForStranger(ctx context.Context) error {
	_, err := d.Origin.Create(ctx, CreateRequest{Look: true})
	if err == nil {
		return nil
	}
	if cp, read := d.Warehouse.Checkpoint(ctx); read == nil && cp != nil {
		return errors.New("replicator: another daemon has begun meanwhile")
	}
	return err
}

// begin takes up a reset that is due and brings the pipeline out of phase Creating. Only
// one daemon at a time does so; by the time it is this one's turn, another may have done
// it.
func (d *daemon) begin(ctx context.Context) (*Checkpoint, error) {
	cp, err := d.Warehouse.Checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	if cp != nil && d.due(cp) != "" {
		if cp.Phase == Streaming { // nothing is forgotten for a slot that is not this pipeline's
			if _, err := d.Origin.Create(ctx, CreateRequest{Look: true, Resumed: true, Slot: cp.Slot, Known: cp.Known()}); err != nil {
				return nil, err
			}
		}
		if err := d.beginReset(ctx, d.due); err != nil {
			return nil, err
		}
	} else if cp != nil && cp.Phase != Creating {
		return cp, nil
	}
	return d.create(ctx)
}

// create brings a pipeline out of phase Creating: it takes the fence, makes the slot and
// proves it. Whatever dies in between, it begins again. Only here is a missing slot made,
// or an unusable one made again.
//
// An epoch above 1 tells that an earlier daemon began. The checkpoint that was read before
// the fence does not tell, since another daemon may have begun after that.
func (d *daemon) create(ctx context.Context) (*Checkpoint, error) {
	cp, err := d.Warehouse.Fence(ctx, Checkpoint{Pipeline: d.Pipeline, Phase: Creating})
	if err != nil || cp.Phase != Creating {
		return &cp, err
	}
	request := CreateRequest{Resumed: cp.Epoch > 1, Reset: cp.Reset != "", Known: cp.Known()}
	request.Still = func(ctx context.Context) error {
		now, err := d.Warehouse.Checkpoint(ctx)
		if err == nil && (now == nil || now.Epoch != cp.Epoch || now.Phase != Creating) {
			err = fmt.Errorf("%w: another daemon makes the slot, or has made it", ErrFenced)
		}
		return err
	}
	if strings.HasPrefix(cp.Reset, unasked) {
		request.System = cp.System
	}
	if cp.Reset == "" {
		cp.Reset = d.ResetSlot // a pipeline that begins needs no reset
	}
	for range remakes {
		created, err := d.Origin.Create(ctx, request)
		if err != nil {
			return nil, err
		}
		opened, err := d.prove(ctx, created)
		if err == nil {
			return d.created(ctx, cp, created, opened)
		}
		if !errors.Is(err, ErrUndecodable) {
			return nil, err
		}
		tell(d.Listener.Retried, Retry{Step: "create", Cause: err})
		request.Resumed, request.Remake = true, true
	}
	return nil, fmt.Errorf("replicator: %d slots in a row could not decode", remakes)
}

// prove reads the slot's stream past the proof: a slot that was made while DDL was running
// may never be able to decode. It acknowledges nothing past the slot's start, so what it
// reads stays in the slot.
func (d *daemon) prove(ctx context.Context, created Created) (Opened, error) {
	source, opened, err := d.Origin.Open(ctx, OpenRequest{After: created.Start})
	if err != nil {
		return opened, err
	}
	defer source.Close()
	for {
		c, err := source.Next(ctx, 0)
		if err != nil {
			return opened, err
		}
		if (c.Op == Mark || c.Op == Commit) && c.LSN >= created.Proof {
			return opened, nil
		}
		if c.Op == Mark {
			if err := source.Acknowledge(ctx, created.Start); err != nil {
				return opened, err
			}
		}
	}
}

// created writes that the slot holds what the warehouse lacks: from here on no other is
// ever made. If the slot is of another database than the one before, the same write forgets
// what was known of the old database's tables. So wherever this daemon dies, the next
// opening never mixes the two.
func (d *daemon) created(ctx context.Context, cp Checkpoint, created Created, o Opened) (*Checkpoint, error) {
	next := cp.Clone()
	next.Phase = Streaming
	next.LSN = created.Start
	next.Tables = next.Known().In(o.System, o.Database)
	next.System, next.Timeline, next.Database = o.System, o.Timeline, o.Database
	next.Slot, next.Publication = o.Slot, o.Publication
	_, err := d.transact(ctx, &Merge{Expect: cp.LSN, Checkpoint: next})
	return &next, err
}
