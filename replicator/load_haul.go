package replicator

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"rowshift/schema"
)

// loads is what a daemon keeps of loads from one pass to the next.
type loads struct {
	begun int   // loads that this process has begun
	haul  *haul // the haul that is under way, or that has ended and whose error nobody has taken; nil: none
	most  int64 // rows that a haul had read when a pass ended, the most since a table was loaded

	needs atomic.Int64 // the first epoch of which objects may be needed, for the sweep
}

// reckon notes, in a pass of that epoch, whose objects may be needed: those of the pass, and
// of the haul. An earlier pass has ended, and its merges with the fence of this one.
func (l *loads) reckon(e Epoch) {
	if l.haul != nil {
		e = min(e, l.haul.epoch)
	}
	l.needs.Store(int64(e))
}

// attempt returns the number of a load that begins: loads are counted by process.
func (l *loads) attempt() int {
	l.begun++
	return l.begun
}

// giveUp ends the haul, if there is one, and waits until it has ended.
func (l *loads) giveUp() {
	if l.haul != nil {
		l.haul.end()
		<-l.haul.ended
		l.haul = nil
	}
}

// keep drops from the haul the tables that are loaded anew by now, so that nothing is read,
// made or copied for them from here on. It reports whether any table is left. If none
// is, the haul is to be given up; err is what it has failed with, if it has, since no table
// is left whose load would return that.
func (l *loads) keep(cp Checkpoint) (kept bool, err error) {
	if l.haul == nil {
		return true, nil
	}
	for oid, t := range l.haul.tables {
		if t.loadedBy(cp.Table(oid)) {
			kept = true
		} else if !t.dropped.Swap(true) {
			t.end()
			l.haul.forget(t)
		}
	}
	if !kept && closed(l.haul.ended) {
		err = l.haul.err
	}
	return kept, err
}

// gains reports whether a pass that ended has gained something: by itself, or because the
// haul that goes on has read more than any haul had before. A haul that begins anew gains
// nothing until it is past what was read before: it may fail there again and again.
func (l *loads) gains(byItself bool) bool {
	var rows int64
	if h := l.haul; h != nil && !h.failed() {
		h.mu.Lock()
		rows = h.progress.Rows
		h.mu.Unlock()
	}
	if !byItself && rows <= l.most {
		return false
	}
	l.most = rows
	return true
}

// brings reports whether the haul is still bringing a table, so that its load goes on in
// the next pass. A dropped table stays dropped, even if the pass that dropped it ended before
// its new load was remembered. Nor does a load go on if the reader was never told of the
// snapshot: the reader may then have skipped rows that it could not read, and nobody knows
// whether the snapshot saw them.
func (l *loads) brings(s TableState) bool {
	if l.haul == nil {
		return false
	}
	t := l.haul.tables[s.OID]
	return t != nil && !t.dropped.Load() && t.loadedBy(&s) && closed(l.haul.learned) && !l.haul.failed()
}

// closed reports whether c is closed.
func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// haul brings what one snapshot sees into load tables. It outlives the pass that took the
// snapshot. When a pass ends because some other table was altered, or the stream broke, the
// rows of the snapshot can still be read, and changes go on to be held in the same held
// tables. So a load comes to its end even if it takes longer than passes do. Two things
// wait for a pass: having something remembered, and making a load table.
type haul struct {
	*Options
	epoch    Epoch // of the pass that has begun it, and of its objects
	refused  *refusals
	snapshot Snapshot
	taken    Taken
	tables   map[uint32]*tableLoad
	queue    *queue
	learned  <-chan struct{} // closed once the reader knows what the snapshot sees

	end   context.CancelFunc
	ended chan struct{} // closed once the haul has ended
	err   error         // why it ended, to be read after that; nil: all tables are loaded

	mu       sync.Mutex // guards what follows
	load     *load      // of the pass at hand
	pass     context.Context
	nextPass chan struct{} // closed once there is another pass
	progress LoadProgress
	began    time.Time
}

// begin begins a haul of what a snapshot sees.
func (l *load) begin(ctx context.Context, snapshot Snapshot, learned <-chan struct{}) *haul {
	taken := snapshot.Taken()
	h := &haul{
		Options: l.Options, epoch: l.epoch, refused: l.refused, snapshot: snapshot, taken: taken, learned: learned,
		tables: map[uint32]*tableLoad{}, queue: newQueue(len(taken.Tables)), ended: make(chan struct{}), nextPass: make(chan struct{}),
	}
	for _, t := range taken.Tables {
		wanted, end := context.WithCancel(context.WithoutCancel(ctx))
		h.tables[t.OID] = &tableLoad{haul: h, table: t, state: l.state(t), began: time.Now(), wanted: wanted, end: end}
	}
	for _, r := range taken.Ranges {
		h.tables[r.Table.OID].left++
	}
	h.announce(taken)
	h.enter(ctx, l)
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	h.end = end
	go func() {
		defer close(h.ended)
		defer end()
		h.err = h.bring(life)
		h.leave(life)
	}()
	return h
}

// takeOn lets the haul of an earlier pass go on in this one. If the haul has ended well, or
// has none of the tables that are not loaded, it is forgotten: its error would be taken for
// that of a load which begins later.
func (l *load) takeOn(ctx context.Context) {
	h := l.loads.haul
	_, missing := l.loading()
	switch {
	case h == nil:
	case closed(h.ended) && h.err == nil, !h.has(missing):
		l.loads.giveUp()
		l.loads.reckon(l.epoch)
	default:
		tell(h.Listener.LoadBegun, h.taken)
		h.tellProgress()
		h.enter(ctx, l)
	}
}

// failed reports whether the haul has ended with an error.
func (h *haul) failed() bool { return closed(h.ended) && h.err != nil }

// has reports whether the haul began with any of the tables. One that was dropped since
// counts: it may have been dropped because the haul failed, and has the error.
func (h *haul) has(tables []*schema.Table) bool {
	return slices.ContainsFunc(tables, func(t *schema.Table) bool { return h.tables[t.OID] != nil })
}

// enter makes the pass of l the one that the haul can use, until ctx is done.
func (h *haul) enter(ctx context.Context, l *load) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.load, h.pass = l, ctx
	close(h.nextPass)
	h.nextPass = make(chan struct{})
}

// within waits for a pass and calls do with a context that ends with the pass or with ctx.
// If do fails and the pass has ended, it is called again in the next pass: it may have
// failed only because the fence is the next one's.
func (h *haul) within(ctx context.Context, do func(pass context.Context, l *load) error) error {
	for {
		h.mu.Lock()
		l, pass, next := h.load, h.pass, h.nextPass
		h.mu.Unlock()
		if pass.Err() == nil {
			both, stop := context.WithCancel(pass)
			undo := context.AfterFunc(ctx, stop)
			err := do(both, l)
			undo()
			stop()
			if err == nil || pass.Err() == nil {
				return err
			}
		}
		if err := await(ctx, next); err != nil {
			return err
		}
	}
}

// remember has a change of a table's state written if the table still is loaded by this
// haul, and reports whether it is.
func (h *haul) remember(ctx context.Context, t *tableLoad, change func(*TableState)) (bool, error) {
	var is atomic.Bool // atomic, since a pass that has ended may still be at it
	err := h.within(ctx, func(pass context.Context, l *load) error {
		return l.remember(pass, func(c *Checkpoint) {
			s := c.Table(t.table.OID)
			is.Store(t.loadedBy(s))
			if is.Load() {
				change(s)
			}
		})
	})
	return is.Load(), err
}

// count adds what was read of a table to the progress, unless the table was dropped.
func (h *haul) count(t *tableLoad, rows, bytes int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t.dropped.Load() {
		return
	}
	t.rows, t.bytes = t.rows+rows, t.bytes+bytes
	h.progress.Rows += rows
	h.progress.Bytes += bytes
}

// forget takes a dropped table out of the progress.
func (h *haul) forget(t *tableLoad) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.progress.Tables--
	h.progress.Rows -= t.rows
	h.progress.Bytes -= t.bytes
	for _, r := range h.taken.Ranges {
		if r.Table.OID == t.table.OID {
			h.progress.RowsEstimated -= r.Rows
			h.progress.BytesEstimated -= r.Bytes
		}
	}
}

// announce begins the progress, and tells of the snapshot that is about to be read.
func (h *haul) announce(taken Taken) {
	h.began = time.Now()
	h.progress = LoadProgress{Tables: len(taken.Tables)}
	for _, r := range taken.Ranges {
		h.progress.RowsEstimated += r.Rows
		h.progress.BytesEstimated += r.Bytes
	}
	tell(h.Listener.LoadBegun, taken)
}

// bring reads all ranges and, meanwhile, copies those that are at rest into the load
// tables.
func (h *haul) bring(ctx context.Context) error {
	defer h.snapshot.Close()
	stop := h.report()
	defer stop()
	known := h.refused.known()
	for oid, t := range h.tables {
		var err error
		t.files, err = h.Stager.Load(ctx, LoadRequest{Epoch: h.epoch, Into: t.state.Into, Table: t.table, At: h.taken.HandOver, Refused: known[oid]})
		if err != nil {
			return err
		}
	}
	for _, t := range h.tables {
		if t.left == 0 { // the table has no block, and so no range
			t.letGo()
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return h.read(ctx) })
	for range min(h.Workers, len(h.tables)) {
		g.Go(func() error { return h.queue.work(ctx) })
	}
	return g.Wait()
}

// read lets several workers read ranges. What a worker has read is put to rest while it
// reads the next range. The snapshot is closed once nothing more is read.
func (h *haul) read(ctx context.Context) error {
	closing, ctx := errgroup.WithContext(ctx)
	closing.SetLimit(h.Workers)
	reading, work := errgroup.WithContext(ctx)
	reading.SetLimit(h.Workers)
	for _, r := range h.taken.Ranges {
		reading.Go(func() error {
			if err := work.Err(); err != nil {
				return err // another range failed
			}
			t := h.tables[r.Table.OID]
			if t.dropped.Load() {
				return t.rest(nil)
			}
			part, err := t.files.Part(ctx)
			if err != nil {
				return err
			}
			if err := t.read(work, h.snapshot, r, part); err != nil {
				if t.dropped.Load() {
					return t.rest(nil)
				}
				return err
			}
			closing.Go(func() error { return t.rest(part) })
			return nil
		})
	}
	err := reading.Wait()
	_ = h.snapshot.Close() // so that it stands in nobody's way any more
	if failed := closing.Wait(); failed != nil && !errors.Is(err, ErrYielded) {
		return failed // this may be why the reading ended
	}
	return err
}

// report tells of the progress about once a second until stop is called, and once more
// then.
func (h *haul) report() (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				h.tellProgress()
			case <-done:
				return
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
		h.tellProgress()
	}
}

func (h *haul) tellProgress() {
	h.mu.Lock()
	p := h.progress
	h.mu.Unlock()
	p.Elapsed = time.Since(h.began)
	tell(h.Listener.LoadProgress, p)
}
