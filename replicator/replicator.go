package replicator

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"rowshift/schema"
)

// ErrInterrupted ends a run with Once that was told to end before it had drained.
var ErrInterrupted = errors.New("replicator: told to end before everything was drained")

// Run replicates until ctx is done or, with Once, until it has drained to the
// position of its start. There is one way to recover, from a dropped connection as
// from a kill: open the source again at the warehouse's checkpoint.
//
// It returns nil if it was asked to stop: what was handed over is then merged and
// acknowledged, or will be read again. With Once it returns what kept it from
// draining: a *Halt, what failed Tries times in a row, or ErrInterrupted. Without, a
// halted pipeline stays, and looks again every HaltRetry.
func Run(ctx context.Context, o Options) error {
	o.EnsureDefaults()
	d := &daemon{Options: &o}
	var wg sync.WaitGroup
	defer wg.Wait()
	sweeping, stop := context.WithCancel(ctx)
	defer stop()
	for failures := 0; ; {
		began := time.Now()
		err := d.pass(ctx, func(first Epoch) {
			d.sweepOnce.Do(func() { wg.Go(func() { d.sweep(sweeping, first) }) })
		})
		if ctx.Err() != nil || err == nil {
			return d.end()
		}
		err, goesOn := d.refuses(err)
		if goesOn || time.Since(began) > o.Backoff.Max {
			failures = 0
		}
		if o.Once && (Final(err) || failures+1 >= o.Tries) {
			return err
		}
		if sleep(ctx, d.settle(err, failures)) != nil {
			return d.end()
		}
		failures++
	}
}

// end is what a run that was told to end, or has drained, comes to.
func (d *daemon) end() error {
	if d.Once && !d.drained {
		return ErrInterrupted
	}
	return nil
}

// daemon is what lasts over passes.
type daemon struct {
	*Options
	loads     int // snapshots that were loaded from
	refusals  refusals
	sweepOnce sync.Once
	drained   bool // with Once: everything up to the position of the start is merged
}

// refuses takes in rows that COPY refused, if err is of such, and tells whether the next
// pass goes on without them.
func (d *daemon) refuses(err error) (error, bool) {
	refused, ok := errors.AsType[*Refused](err)
	if !ok {
		return err, false
	}
	if halt := d.refusals.learn(refused); halt != nil {
		return halt, false
	}
	return err, true
}

// settle tells of a failed pass and returns how long to wait for the next.
func (d *daemon) settle(err error, failures int) time.Duration {
	var h *Halt
	if errors.As(err, &h) {
		tell(d.Listener.Halted, h)
		return d.HaltRetry
	}
	wait := d.Backoff.wait(failures)
	tell(d.Listener.Restarted, Restart{Cause: err, Wait: wait})
	return wait
}

// pass opens the source at the checkpoint and replicates until something fails or
// ctx is done. Slot first, fence second: the slot lets one daemon in, and only that
// one takes the warehouse over.
func (d *daemon) pass(ctx context.Context, fenced func(Epoch)) error {
	cp, err := d.Warehouse.Checkpoint(ctx)
	if err != nil {
		return err
	}
	if cp == nil {
		if err := d.lookForStranger(ctx); err != nil {
			return err
		}
	}
	if cp == nil || cp.Phase == Creating || d.due(cp) != "" {
		err := d.Origin.Alone(ctx, func(ctx context.Context) (err error) {
			cp, err = d.begin(ctx)
			return err
		})
		if err != nil {
			return err
		}
	}
	source, opened, err := d.Origin.Open(ctx, OpenRequest{
		After: cp.LSN, Timeline: cp.Timeline, End: d.Once,
		Judge: func(o Opened) error { return judgeEarly(*cp, o) },
	})
	if err != nil {
		return d.repairLost(ctx, *cp, err)
	}
	defer source.Close()
	now, err := d.fence(ctx, source, opened.Confirmed)
	if err != nil {
		return err
	}
	fenced(now.Epoch)
	if now.Phase == Creating {
		return errors.New("replicator: the checkpoint was reset while the source was opened")
	}
	if err := judge(now, opened); err != nil {
		_ = source.Close() // a reset drops the slot
		return d.repairLost(ctx, now, err)
	}
	err = d.replicate(ctx, source, opened, now)
	if errors.Is(err, errReset) { // a standby that is let in sees that the slot is to be made anew
		if failed := d.beginReset(ctx, d.due); failed != nil {
			return failed
		}
	}
	return err
}

// fence takes the warehouse over, which may wait for a dying transaction, and keeps
// the source alive meanwhile. Until the source is judged the slot is told only what
// it knows: it might be another's.
func (d *daemon) fence(ctx context.Context, source Source, at LSN) (c Checkpoint, err error) {
	err = besides(ctx, source, at, func(ctx context.Context) (err error) {
		c, err = d.Warehouse.Fence(ctx, Checkpoint{Pipeline: d.Pipeline, Phase: Creating})
		return err
	})
	return c, err
}

// besides does something that may take its time, and keeps the slot's connection
// alive meanwhile.
func besides(ctx context.Context, source Source, at LSN, do func(context.Context) error) error {
	g, work := errgroup.WithContext(ctx)
	waiting, done := context.WithCancel(work)
	g.Go(func() error {
		defer done()
		return do(work)
	})
	g.Go(func() error { return keepAlive(waiting, source, at) })
	return g.Wait()
}

// keepAlive keeps the slot's connection alive until ctx is done.
func keepAlive(ctx context.Context, source Source, at LSN) error {
	tick := time.NewTicker(aliveEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := source.Acknowledge(ctx, at); err != nil && ctx.Err() == nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// replicate follows the stream, and loads what is not loaded beside it.
func (d *daemon) replicate(ctx context.Context, source Source, opened Opened, cp Checkpoint) error {
	cp = plan(cp, opened)
	tell(d.Listener.Opened, OpenedPass{Opened: opened, Checkpoint: cp.Clone()})
	tell(d.Listener.Tables, cp.Clone().Tables)
	cp, err := d.beginHolding(ctx, source, opened, cp)
	if err != nil {
		return err
	}
	p := newPipeline(d.Options, source, opened, cp, d.attempt, &d.refusals)
	err = p.run(ctx)
	d.drained = err == nil && p.reader.drained
	return err
}

// attempt counts the loads of this process.
func (d *daemon) attempt() int {
	d.loads++
	return d.loads
}

// plan brings the checkpoint's tables in line with what the source publishes. Those
// that have to be loaded are loading then, with nothing loaded: the ones that are new,
// whose load did not end, that were out of the publication for a while, or that have
// another shape than when they were loaded, and those that somebody asked for.
func plan(cp Checkpoint, o Opened) Checkpoint {
	next := cp.Clone()
	next.Timeline = o.Timeline
	next.Publication = o.Publication
	next.Tables, next.Resyncs, next.Reset = nil, nil, ""
	for _, p := range o.Tables {
		t := p.Table
		s := TableState{OID: t.OID, State: Loading}
		if known := cp.Table(t.OID); known != nil {
			s = *known
		}
		kept := cp.Publication == o.Publication && s.Row == p.Row && slices.Equal(s.Shape, t.Shape()) && schema.Unseen(s.Parts, t.Parts) == "" && !p.Missed
		if slices.Contains(cp.Resyncs, t.Name) {
			kept = false
		}
		if !kept || s.State == Loading && (s.Load == nil || !s.Load.Loaded) {
			s.State, s.Load = Loading, nil
		}
		s.Name, s.Target, s.Row, s.Shape, s.Parts = t.Name, t.Target, p.Row, t.Shape(), t.Parts
		next.Tables = append(next.Tables, s)
	}
	slices.SortFunc(next.Tables, func(a, b TableState) int { return int(int64(a.OID) - int64(b.OID)) })
	return next
}
