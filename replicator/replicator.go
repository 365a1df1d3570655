package replicator

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// ErrInterrupted is returned by a run with Once that was told to end before it had drained.
var ErrInterrupted = errors.New("replicator: told to end before everything was drained")

// Run replicates until ctx is done or, with Once, until it has drained to the position of
// its start. There is one way to recover, from a dropped connection as from a kill: open
// the source again at the warehouse's checkpoint.
//
// It returns nil if it was asked to stop: what was handed over is then merged and
// acknowledged, or will be read again. With Once it returns what kept it from draining: a
// *Halt, what failed Tries times in a row, or ErrInterrupted. Without Once a halted
// pipeline stays, and looks again every HaltRetry.
func Run(ctx context.Context, o Options) error {
	o.EnsureDefaults()
	d := &daemon{Options: &o, shapes: shapes{every: looksAgain * o.HaltRetry}}
	defer d.loads.giveUp()
	var wg sync.WaitGroup
	defer wg.Wait()
	sweeping, stop := context.WithCancel(ctx)
	defer stop()
	for failures := 0; ; {
		began := time.Now()
		d.gained = false
		err := d.pass(ctx, func() {
			d.sweepOnce.Do(func() { wg.Go(func() { d.sweep(sweeping) }) })
		})
		if ctx.Err() != nil || err == nil {
			return d.end()
		}
		err, goesOn := d.learnRefused(err)
		if goesOn || d.gotOn(time.Since(began)) {
			failures = 0
		}
		if d.shapes.learn(err) {
			tell(o.Listener.Restarted, Restart{Cause: err})
			continue
		}
		if o.Once && (Final(err) || failures+1 >= o.Tries) {
			return err
		}
		wait := d.settle(err, failures)
		if Final(err) || errors.Is(err, ErrFenced) {
			d.loads.giveUp() // it may be long until it can go on, if it can
		}
		if sleep(ctx, wait) != nil {
			return d.end()
		}
		failures++
	}
}

// gotOn reports whether a pass that took so long has got on, so that its failure is not one
// more in a row. With Once the pass has to have gained something as well: one that hangs
// until a time-out takes long too, and its failure would never end the run.
func (d *daemon) gotOn(took time.Duration) bool {
	return took > d.Backoff.Max && (d.gained || !d.Once)
}

// end returns what Run returns if it was told to end or has drained: nil without Once;
// ErrInterrupted if it has not drained; else an error if tables are parked.
func (d *daemon) end() error {
	switch {
	case !d.Once:
		return nil
	case !d.drained:
		return ErrInterrupted
	}
	return d.shapes.parked()
}

// daemon is what lasts from one pass to the next.
type daemon struct {
	*Options
	loads     loads
	refusals  refusals
	shapes    shapes
	stuck     int      // streams in a row that ended because the slot lacks something
	again     repeated // a reset that was begun again because its slot was lost
	sweepOnce sync.Once
	drained   bool     // with Once: everything up to the position of the start is merged
	gained    bool     // the pass at hand did something that the next need not do again
	unsure    []string // objects of the last pass's merge that may have been committed; not needed once this pass has the fence
}

// learnRefused takes in the rows that COPY refused, if err is about such, and reports whether
// the next pass goes on without them. If it cannot, the error is the halt that err becomes.
func (d *daemon) learnRefused(err error) (error, bool) {
	refused, ok := errors.AsType[*Refused](err)
	if !ok {
		return err, false
	}
	if halt := d.refusals.learn(refused); halt != nil {
		return halt, false
	}
	return err, true
}

// settle tells of a failed pass, and returns how long to wait for the next.
func (d *daemon) settle(err error, failures int) time.Duration {
	if h, ok := errors.AsType[*Halt](err); ok {
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
func (d *daemon) pass(ctx context.Context, fenced func()) error {
	cp, err := d.remembered(ctx)
	if err != nil {
		return err
	}
	source, opened, err := d.Origin.Open(ctx, OpenRequest{
		After: cp.LSN, Timeline: cp.Timeline, End: d.Once, Slot: cp.Slot,
		Judge: func(o Opened) error { return judgeEarly(*cp, o) },
		Known: d.known,
	})
	if err != nil {
		return d.repairLost(ctx, *cp, err)
	}
	defer source.Close()
	now, err := d.fence(ctx, source, opened.Confirmed)
	if err != nil {
		if now.Epoch == d.shapes.left.Epoch+1 { // taken by us, and nothing came of it
			d.shapes.left.Epoch = now.Epoch
		}
		return err
	}
	if !d.shapes.fenced(now) {
		if err := d.giveUp(ctx, source, opened.Confirmed); err != nil { // another daemon may have begun the loads anew
			return err
		}
	}
	d.loads.reckon(now.Epoch)
	fenced()
	if now.Phase == Creating {
		return errors.New("replicator: the checkpoint was reset while the source was opened")
	}
	if err := d.shapes.current(now); err != nil {
		return err
	}
	if opened, err = opened.onTimeline(now.Timeline, cp.Timeline); err != nil {
		return err
	}
	if err := judge(now, opened); err != nil {
		_ = source.Close() // a reset drops the slot
		return d.repairLost(ctx, now, err)
	}
	now, err = d.replicate(ctx, source, opened, now)
	if err == nil {
		return nil
	}
	if errors.Is(err, errReset) { // a standby that is let in sees that the slot is to be made anew
		if failed := d.beginReset(ctx, d.due); failed != nil {
			return failed
		}
		return err
	}
	_ = source.Close() // likewise
	return d.repairStream(ctx, now, err)
}

// remembered returns the checkpoint to open the source at. If there is none that can be
// streamed from, or a reset is due, the pipeline is begun first.
func (d *daemon) remembered(ctx context.Context) (*Checkpoint, error) {
	cp, err := d.Warehouse.Checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	if cp == nil {
		if err := d.lookForStranger(ctx); err != nil {
			return nil, err
		}
	} else {
		tell(d.Listener.Remembered, *cp)
	}
	if cp != nil && cp.Phase != Creating && d.due(cp) == "" {
		return cp, nil
	}
	d.loads.giveUp() // all tables are loaded anew
	err = d.Origin.Alone(ctx, func(ctx context.Context) (err error) {
		cp, err = d.begin(ctx)
		return err
	})
	return cp, err
}

// fence takes the warehouse over. That may wait for a dying transaction, so it keeps the
// source alive meanwhile. Until the source is judged, the slot is told only the position
// that it has confirmed already: it might be another pipeline's slot.
func (d *daemon) fence(ctx context.Context, source Source, at LSN) (c Checkpoint, err error) {
	err = keepingAlive(ctx, source, at, func(ctx context.Context) (err error) {
		c, err = d.Warehouse.Fence(ctx, Checkpoint{Pipeline: d.Pipeline, Phase: Creating})
		return err
	})
	return c, err
}

// giveUp gives the haul up. That waits for the haul's sessions to end, so it keeps the
// source alive meanwhile.
func (d *daemon) giveUp(ctx context.Context, source Source, at LSN) error {
	return keepingAlive(ctx, source, at, func(context.Context) error {
		d.loads.giveUp()
		return nil
	})
}

// keepingAlive calls do, which may take its time, and keeps the slot's connection alive
// meanwhile.
func keepingAlive(ctx context.Context, source Source, at LSN, do func(context.Context) error) error {
	g, work := errgroup.WithContext(ctx)
	waiting, done := context.WithCancel(work)
	g.Go(func() error {
		defer done()
		return do(work)
	})
	g.Go(func() error { return keepAlive(waiting, source, at) })
	return g.Wait()
}

// keepAlive keeps the slot's connection alive until ctx is done. If that fails, the source
// is closed at once: a server that shuts down must not have to wait for what is done
// meanwhile, which may not end soon though it is told to.
func keepAlive(ctx context.Context, source Source, at LSN) error {
	tick := time.NewTicker(aliveEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := source.Acknowledge(ctx, at); err != nil && ctx.Err() == nil {
				_ = source.Close()
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// replicate follows the stream and, beside it, loads the tables that are not loaded. It
// returns the checkpoint that it has come to.
func (d *daemon) replicate(ctx context.Context, source Source, opened Opened, cp Checkpoint) (Checkpoint, error) {
	planned := d.shapes.plan(cp, opened, &d.loads)
	tell(d.Listener.Opened, OpenedPass{Opened: opened, Checkpoint: planned.next})
	tell(d.Listener.Tables, planned.next.Tables)
	if kept, ended := d.loads.keep(planned.next); !kept {
		if err := d.giveUp(ctx, source, cp.LSN); err != nil {
			return cp, err
		}
		if lasts(ended) {
			return cp, ended
		}
		if ended != nil {
			tell(d.Listener.Retried, Retry{Step: "load", Cause: ended})
		}
	}
	cp, err := d.ready(ctx, source, opened, planned)
	if err != nil {
		return cp, err
	}
	d.shapes.goOn()
	p := newPipeline(d.Options, source, opened, cp, &d.loads, &d.refusals)
	p.over, p.load.look = d.unsure, d.shapes.look
	err = p.run(ctx)
	d.unsure, d.shapes.left = p.unsure, p.checkpoint
	d.drained = err == nil && p.reader.drained
	d.gained = d.loads.gains(p.gained)
	return p.checkpoint, err
}
