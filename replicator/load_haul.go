package replicator

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// loads is what lasts of loads over passes.
type loads struct {
	begun int   // in this process
	haul  *haul // that is under way, or has ended and nobody has asked how; nil: none
}

// attempt counts the loads of this process.
func (l *loads) attempt() int {
	l.begun++
	return l.begun
}

// giveUp ends the haul that is under way, if there is one.
func (l *loads) giveUp() {
	if l.haul != nil {
		l.haul.end()
		<-l.haul.ended
		l.haul = nil
	}
}

// keep drops from the haul the tables that are loaded anew by now, so that nothing is made
// and nothing copied for them from here on. It returns what the haul ended with if it has
// failed and none is left that would tell; it is to be given up then.
func (l *loads) keep(cp Checkpoint) (kept bool, err error) {
	if l.haul == nil {
		return true, nil
	}
	for oid, t := range l.haul.tables {
		if t.loadedBy(cp.Table(oid)) {
			kept = true
		} else if !t.dropped.Swap(true) {
			l.haul.forget(t)
		}
	}
	if !kept && closed(l.haul.ended) {
		err = l.haul.err
	}
	return kept, err
}

// brings tells whether a table of which a load has begun is being brought still, so that the
// load goes on in the next pass. Of a snapshot that the reader was not told of, nobody knows
// whether rows were let go by that it did not see.
func (l *loads) brings(s TableState) bool {
	if l.haul == nil || s.Load == nil {
		return false
	}
	t := l.haul.tables[s.OID]
	return t != nil && t.state.Into == s.Load.Into && closed(l.haul.learned) && !(closed(l.haul.ended) && l.haul.err != nil)
}

// closed tells whether a channel is.
func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// haul brings what one snapshot sees into load tables. It outlives the pass that took the
// snapshot: one that ends since some other table was altered, or the stream broke, leaves the
// rows to be read as they are, and the changes go on to be held in the same tables. So a load
// comes to its end that takes longer than passes do. What it wants to be remembered, and a
// load table that is to be made, wait for a pass.
type haul struct {
	*Options
	refused  *refusals
	snapshot Snapshot
	taken    Taken
	tables   map[uint32]*tableLoad
	queue    *queue
	learned  <-chan struct{} // closed once the reader knows what the snapshot sees

	end   context.CancelFunc
	ended chan struct{} // closed once nothing is done any more
	err   error         // why, to be read then; nil: all tables are loaded

	mu       sync.Mutex // guards what follows
	load     *load      // of the pass at hand
	pass     context.Context
	came     chan struct{} // closed once there is another pass
	progress LoadProgress
	began    time.Time
}

// begin begins to bring what a snapshot sees.
func (l *load) begin(ctx context.Context, snapshot Snapshot, learned <-chan struct{}) *haul {
	taken := snapshot.Taken()
	h := &haul{
		Options: l.Options, refused: l.refused, snapshot: snapshot, taken: taken, learned: learned,
		tables: map[uint32]*tableLoad{}, queue: newQueue(len(taken.Tables)), ended: make(chan struct{}), came: make(chan struct{}),
	}
	for _, t := range taken.Tables {
		h.tables[t.OID] = &tableLoad{haul: h, table: t, state: l.state(t), began: time.Now()}
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
		h.err = h.bring(life, l.epoch)
	}()
	return h
}

// takeOn lets the haul that a pass before has begun go on in this one. One that is over, and
// well, has nothing to go on with.
func (l *load) takeOn(ctx context.Context) {
	h := l.loads.haul
	switch {
	case h == nil:
	case closed(h.ended) && h.err == nil:
		l.loads.haul = nil
	default:
		tell(h.Listener.LoadBegun, h.taken)
		h.tellProgress()
		h.enter(ctx, l)
	}
}

// enter lets a pass remember for the haul, until ctx is done.
func (h *haul) enter(ctx context.Context, l *load) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.load, h.pass = l, ctx
	close(h.came)
	h.came = make(chan struct{})
}

// within waits for a pass, and does what needs one, until that or the haul is to end. If the
// pass has ended meanwhile, it is done again in the next: who fails then may have met the
// fence of that one.
func (h *haul) within(ctx context.Context, do func(pass context.Context, l *load) error) error {
	for {
		h.mu.Lock()
		l, pass, came := h.load, h.pass, h.came
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
		if err := await(ctx, came); err != nil {
			return err
		}
	}
}

// remember lets a change of a table's state be written, if it still is loaded by this haul,
// and tells whether it is.
func (h *haul) remember(ctx context.Context, t *tableLoad, change func(*TableState)) (bool, error) {
	var is atomic.Bool // a pass that has ended may still be at it
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

// count adds what was read of a table to the progress, unless it is dropped.
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

// forget takes a table that is dropped out of the progress.
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

// announce tells of a snapshot that is about to be read.
func (h *haul) announce(taken Taken) {
	h.began = time.Now()
	h.progress = LoadProgress{Tables: len(taken.Tables)}
	for _, r := range taken.Ranges {
		h.progress.RowsEstimated += r.Rows
		h.progress.BytesEstimated += r.Bytes
	}
	tell(h.Listener.LoadBegun, taken)
}

// bring reads all ranges, and copies what is at rest of them into the load tables
// meanwhile.
func (h *haul) bring(ctx context.Context, epoch Epoch) error {
	defer h.snapshot.Close()
	stop := h.report()
	defer stop()
	known := h.refused.known()
	for oid, t := range h.tables {
		var err error
		t.files, err = h.Stager.Load(ctx, LoadRequest{Epoch: epoch, Into: t.state.Into, Table: t.table, At: h.taken.HandOver, Refused: known[oid]})
		if err != nil {
			return err
		}
	}
	for _, t := range h.tables {
		if t.left == 0 { // no block, so no range
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

// read reads ranges by several workers. What a worker has read is put to rest while it
// reads the next range. The snapshot is closed once that is over.
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
				return err
			}
			closing.Go(func() error { return t.rest(part) })
			return nil
		})
	}
	err := reading.Wait()
	_ = h.snapshot.Close() // what is read stands in nobody's way any more
	if failed := closing.Wait(); failed != nil && !errors.Is(err, ErrYielded) {
		return failed // which may be why nothing was read any more
	}
	return err
}

// report tells of the progress about once a second, until stop is called.
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
