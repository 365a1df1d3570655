package replicator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"rowshift/schema"

	"golang.org/x/sync/errgroup"
)

// load brings tables into load tables of the warehouse, while the slot's stream
// waits. It returns the checkpoint with the tables loaded, to join the live ones
// once the stream has passed their hand-over position.
//
// A table that is loaded is remembered at once, with what its snapshot saw: a load
// that is given up or dies costs at most the tables that are not loaded yet.
type load struct {
	*Options
	attempt func() int // counts the loads of this process

	turn       chan struct{} // holds one: whose turn it is to use the Warehouse and checkpoint
	checkpoint Checkpoint

	mu       sync.Mutex // guards progress
	progress LoadProgress
	began    time.Time
}

func newLoad(o *Options, cp Checkpoint, attempt func() int) *load {
	return &load{Options: o, checkpoint: cp, attempt: attempt, turn: make(chan struct{}, 1)}
}

// run loads the tables and keeps the source alive meanwhile.
func (l *load) run(ctx context.Context, source Source, tables []*schema.Table) (Checkpoint, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, work := errgroup.WithContext(ctx)
	loading, loaded := context.WithCancel(work)
	at := l.checkpoint.LSN
	g.Go(func() error {
		defer loaded()
		return l.tables(work, tables)
	})
	g.Go(func() error { return hold(loading, source, at) })
	err := g.Wait()
	return l.checkpoint, err
}

// hold keeps the slot's connection alive until ctx is done.
func hold(ctx context.Context, source Source, at LSN) error {
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

// tables takes snapshots until every table is loaded.
func (l *load) tables(ctx context.Context, tables []*schema.Table) error {
	for n := 0; ; n++ {
		missing := l.missing(tables)
		if len(missing) == 0 {
			return nil
		}
		err := l.snapshot(ctx, missing)
		if err == nil {
			continue
		}
		if !errors.Is(err, ErrYielded) || ctx.Err() != nil {
			return err
		}
		wait := l.Backoff.wait(n)
		tell(l.Listener.Retried, Retry{Step: "load", Cause: err, Wait: wait})
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// missing returns those tables that are not loaded.
func (l *load) missing(tables []*schema.Table) []*schema.Table {
	return slices.DeleteFunc(slices.Clone(tables), func(t *schema.Table) bool {
		s := l.checkpoint.Table(t.OID)
		return s != nil && s.Load != nil && s.Load.Loaded
	})
}

// snapshot loads tables from one snapshot.
func (l *load) snapshot(ctx context.Context, tables []*schema.Table) error {
	snapshot, err := l.Origin.Snapshot(ctx, tables)
	if err != nil {
		return err
	}
	defer snapshot.Close()
	taken := snapshot.Taken()
	attempt := l.attempt()
	err = l.remember(ctx, func(c *Checkpoint) {
		for _, t := range taken.Tables {
			s := c.Table(t.OID)
			s.State = Loading
			s.Shape = t.Shape()
			s.Load = &LoadState{
				Into:     fmt.Sprintf("load_%d_%d_%d", c.Epoch, attempt, t.OID),
				Seen:     taken.Seen,
				HandOver: taken.HandOver,
			}
		}
	})
	if err != nil {
		return err
	}
	l.announce(taken)
	return l.copy(ctx, snapshot, taken)
}

// announce tells of a snapshot that is about to be read.
func (l *load) announce(taken Taken) {
	l.began = time.Now()
	l.progress = LoadProgress{Tables: len(taken.Tables)}
	for _, r := range taken.Ranges {
		l.progress.RowsEstimated += r.Rows
		l.progress.BytesEstimated += r.Bytes
	}
	tell(l.Listener.LoadBegun, taken)
}

// remember writes a change of the tables' states, in a transaction of its own.
func (l *load) remember(ctx context.Context, change func(*Checkpoint)) error {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	next := l.checkpoint.Clone()
	change(&next)
	m := &Merge{Expect: l.checkpoint.LSN, Checkpoint: next}
	err := again(ctx, l.Options, "merge", func() error {
		_, err := l.Warehouse.Merge(ctx, m)
		return err
	})
	if err != nil {
		return err
	}
	l.checkpoint = next
	tell(l.Listener.Tables, next.Clone().Tables)
	return nil
}

// copy reads all ranges by several workers, and loads a table when its last range
// is at rest.
func (l *load) copy(ctx context.Context, snapshot Snapshot, taken Taken) error {
	g, work := errgroup.WithContext(ctx)
	g.SetLimit(l.Workers)
	stop := l.report()
	defer stop()
	loads := map[uint32]*tableLoad{}
	for _, t := range taken.Tables {
		into := l.checkpoint.Table(t.OID).Load.Into
		files, err := l.Stager.Load(ctx, l.checkpoint.Epoch, into, t)
		if err != nil {
			return err
		}
		loads[t.OID] = &tableLoad{load: l, table: t, into: into, files: files, began: time.Now()}
	}
	for _, r := range taken.Ranges {
		loads[r.Table.OID].left++
	}
	for _, t := range taken.Tables {
		if tl := loads[t.OID]; tl.left == 0 { // no block, so no range
			g.Go(func() error { return tl.finish(work) })
		}
	}
	for _, r := range taken.Ranges {
		g.Go(func() error { return loads[r.Table.OID].read(work, snapshot, r) })
	}
	return g.Wait()
}

// report tells of the progress about once a second, until stop is called.
func (l *load) report() (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				l.tellProgress()
			case <-done:
				return
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
		l.tellProgress()
	}
}

func (l *load) tellProgress() {
	l.mu.Lock()
	p := l.progress
	l.mu.Unlock()
	p.Elapsed = time.Since(l.began)
	tell(l.Listener.LoadProgress, p)
}
