package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"rowshift/replicator"
)

// expectation is what Check and Plan assume about the pipeline.
type expectation struct {
	checkpoint *replicator.Checkpoint // nil: the warehouse remembers nothing
	resyncLost bool                   // a run resets a lost slot without being asked to
}

// Expect tells the Origin what the warehouse remembers, nil if nothing, and whether a run
// resets a lost slot without being asked to. Check and Plan then say what a run does about
// the slot, and know about the tables what Remember is told.
func (o *Origin) Expect(cp *replicator.Checkpoint, resyncLost bool) {
	o.expects = &expectation{cp, resyncLost}
	if cp != nil {
		o.Remember(cp.Known())
	}
}

// asked describes the reset that a run begins with, whatever state the slot is in. It is
// empty if there is none.
func (e *expectation) asked() string {
	i := slices.IndexFunc(e.checkpoint.Resets, func(r replicator.Reset) bool { return !r.Begun })
	if i < 0 {
		return ""
	}
	return fmt.Sprintf("the reset %q was asked for", e.checkpoint.Resets[i].Token)
}

// foreseeSlot predicts what a run does about the slot that was found, nil for none, if what
// the warehouse remembers is of this source. reset is why the run resets the slot, empty if
// it does not. err is the *replicator.Halt that it ends with.
func (o *Origin) foreseeSlot(ctx context.Context, q querier, found *slot, database string) (reset string, err error) {
	cp := o.expects.checkpoint
	switch {
	case cp == nil:
		return "", o.mayMake(found, database, false)
	case cp.Phase != replicator.Streaming:
		return "", o.mayMake(found, database, true)
	}
	if reset = o.expects.asked(); reset == "" {
		err := o.judgeSlot(ctx, q, *cp, found, database)
		h, is := errors.AsType[*replicator.Halt](err)
		if !is || !cp.Repairs(h, o.expects.resyncLost) {
			return "", err
		}
		reset = h.Found
	}
	if err := o.sameSlot(ctx, q, database, replicator.CreateRequest{Slot: cp.Slot, Known: cp.Known()}); err != nil {
		return "", err
	}
	if err := o.mayMake(found, database, true); err != nil {
		return "", err
	}
	return reset, nil
}

// judgeSlot returns the *replicator.Halt that an opening ends with because of the slot, nil
// if it goes on with the slot.
func (o *Origin) judgeSlot(ctx context.Context, q querier, cp replicator.Checkpoint, found *slot, database string) error {
	now := replicator.Opened{Slot: o.options.Slot}
	missing, strange := o.streamable(found, database), replicator.JudgeSlot(cp, now)
	switch {
	case missing != nil && strange != nil:
		had, err := findSlot(ctx, q, cp.Slot)
		if err != nil {
			return err
		}
		return renamed(missing, strange, had, database)
	case missing != nil:
		return missing
	case !found.active: // else whoever streams may have acknowledged more since the checkpoint was read
		now.Confirmed = found.confirmed
	}
	return replicator.JudgeSlot(cp, now)
}

// anotherSource reports whether the source is another database than the one that is
// remembered. The system identifier is empty if nobody asked for it; then the answer is no.
func (o *Origin) anotherSource(system, database string) bool {
	r := o.remembered
	return system != "" && r != nil && (system != r.System || database != r.Database)
}
