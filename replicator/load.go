package replicator

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"rowshift/schema"
)

// load brings tables into load tables of the warehouse, beside the stream, which holds
// their changes meanwhile. It then applies what is held, and lets the tables join the live
// ones.
//
// Each table that is loaded is remembered at once, with what its snapshot saw. So a load
// that is given up or dies costs at most the tables that are not loaded yet.
type load struct {
	*Options
	epoch   Epoch
	tables  map[uint32]*schema.Table
	loads   *loads
	refused *refusals
	orders  chan order // to the reader
	news    chan<- news
	stirred chan struct{} // holds one: something was merged, or it is time to try a parked table again
	held    chan struct{} // holds one: the changes of tables are held from here on
	joined  chan struct{} // holds one: the tables have joined

	askedBefore []schema.Name // tables that had been asked for before the pass, once for each request
	look        time.Time     // when a parked table is tried again unasked; zero: never
	parts       atomic.Int64  // batches that end inside a transaction, and that are handed over and not merged

	turn chan bool // holds one, as a lock for who applies held changes: whether the last of them was applied

	mu         sync.Mutex      // guards what follows
	empty      map[string]bool // held tables to which nothing was added since all was applied
	checkpoint Checkpoint      // as it was last remembered
	resyncs    []schema.Name   // tables that somebody asked for, as of the last merge
}

// news is a change of the tables' states that the load wants to have remembered.
type news struct {
	change func(*Checkpoint)
	done   chan struct{} // closed once it is
}

func newLoad(o *Options, opened Opened, cp Checkpoint, loads *loads, to chan<- news, refused *refusals) *load {
	l := &load{
		Options: o, epoch: cp.Epoch, tables: opened.byOID(), loads: loads, checkpoint: cp, news: to, refused: refused,
		orders: make(chan order, 4), stirred: make(chan struct{}, 1), held: make(chan struct{}, 1), joined: make(chan struct{}, 1),
		turn: make(chan bool, 1), empty: map[string]bool{}, askedBefore: cp.Resyncs,
	}
	l.turn <- true
	return l
}

// run loads the tables that are not loaded, lets all that are loading join, and does the
// same again for tables that somebody asks for.
func (l *load) run(ctx context.Context) error {
	defer l.stirInTime()()
	l.takeOn(ctx)
	for {
		if err := l.revived(); err != nil {
			return err
		}
		if all, missing := l.loading(); len(all) > 0 {
			if err := l.fill(ctx, missing); err != nil {
				return err
			}
			if err := l.join(ctx); err != nil {
				return err
			}
			continue // stirred may have told already of what was asked for meanwhile
		}
		if asked := l.asked(); len(asked) > 0 {
			if err := l.hold(ctx, asked); err != nil {
				return err
			}
			continue
		}
		if err := await(ctx, l.stirred); err != nil {
			return err
		}
	}
}

// stir has what waits for a change look for one.
func (l *load) stir() {
	select {
	case l.stirred <- struct{}{}:
	default:
	}
}

// stirInTime stirs once it is time to try a parked table again, unless stop is called before.
func (l *load) stirInTime() (stop func() bool) {
	if l.look.IsZero() {
		return func() bool { return false }
	}
	return time.AfterFunc(time.Until(l.look), l.stir).Stop
}

// loading returns the tables that are loading and, of those, the ones that are not
// loaded yet.
func (l *load) loading() (all, missing []*schema.Table) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, m := l.checkpoint.loading()
	return l.named(a), l.named(m)
}

// named returns the tables with those OIDs.
func (l *load) named(oids []uint32) (tables []*schema.Table) {
	for _, oid := range oids {
		tables = append(tables, l.tables[oid])
	}
	return tables
}

// state returns how far the load of a table got.
func (l *load) state(t *schema.Table) LoadState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return *l.checkpoint.Table(t.OID).Load
}

// fill takes snapshots until every table is loaded. Before each one but the first it lets
// what is held of the tables be forgotten, since the next snapshot sees it. It does so
// before the first one too if a haul of the pass before was there to wait for.
//
// A load that failed is tried again beside the stream, like one that was given up. To end
// the pass for it would cancel the merge under way: a load that kept failing faster than a
// merge takes would keep the live tables from ever getting on.
func (l *load) fill(ctx context.Context, missing []*schema.Table) error {
	for n, failed := 0, 0; len(missing) > 0; {
		if err := l.revived(); err != nil { // a snapshot that fails has taken what stirred
			return err
		}
		if err := l.bring(ctx, missing); err != nil {
			yielded := errors.Is(err, ErrYielded)
			if !yielded {
				failed++
			}
			if ctx.Err() != nil || !yielded && l.endsPass(err, failed) {
				return err
			}
			wait := l.Backoff.wait(n)
			n++
			tell(l.Listener.Retried, Retry{Step: "load", Cause: err, Wait: wait})
			if err := sleep(ctx, wait); err != nil {
				return err
			}
		}
		_, missing = l.loading() // if bring went well, those that the haul of the pass before did not have
		if err := l.hold(ctx, missing); err != nil {
			return err
		}
	}
	return nil
}

// endsPass reports whether a load failed in a way that no other try beside the same stream
// mends or, with Once, has failed often enough.
func (l *load) endsPass(err error, failed int) bool {
	_, altered := errors.AsType[*Altered](err)
	return altered || lasts(err) || errors.Is(err, ErrFenced) || l.Once && failed >= l.Tries
}

// lasts reports whether a load failed with an error that another load would meet as well.
func lasts(err error) bool {
	_, refused := errors.AsType[*Refused](err)
	return refused || Final(err)
}

// bring waits until a haul has ended, and returns its error. It is the haul that the pass
// before had begun or, without one, a new haul of these tables. If the pass has to end for
// a parked table, bring does not wait: the haul goes on in the next pass, if the reader
// knows of its snapshot.
func (l *load) bring(ctx context.Context, tables []*schema.Table) error {
	if l.loads.haul == nil {
		if err := l.snapshot(ctx, tables); err != nil {
			return err
		}
	}
	h := l.loads.haul
	known := h.learned // nil once the reader knows
	for {
		select {
		case <-known:
			known = nil
		case <-l.stirred:
		case <-h.ended:
			l.loads.haul = nil
			l.loads.reckon(l.epoch)
			return h.err
		case <-ctx.Done():
			return ctx.Err()
		}
		if known == nil {
			if err := l.revived(); err != nil {
				return err
			}
		}
	}
}

// unlessRevived calls Origin.Snapshot, which may wait for hours, and ends that if a parked table
// is asked for. It does not if such a table is to be tried again unasked. A wait that is ended
// begins anew, for all transactions that run by then: if that came every so often, and one of
// them always took longer, no table could be loaded as long as that one is parked.
func (l *load) unlessRevived(ctx context.Context, tables []*schema.Table) (Snapshot, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	var looking sync.WaitGroup
	looking.Go(func() {
		for await(ctx, l.stirred) == nil {
			if err := l.asksForParked(); err != nil {
				cancel(err)
			}
		}
	})
	snapshot, err := l.Origin.Snapshot(ctx, tables)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	cancel(nil)
	looking.Wait()
	return snapshot, err
}

// snapshot takes a snapshot of tables, and begins a haul of what it sees.
func (l *load) snapshot(ctx context.Context, tables []*schema.Table) error {
	snapshot, err := l.unlessRevived(ctx, tables)
	if err != nil {
		return err
	}
	taken := snapshot.Taken()
	err = l.remember(ctx, func(c *Checkpoint) {
		for _, t := range taken.Tables {
			s := c.Table(t.OID)
			s.looksLike(t)
			s.changeLoad(func(l *LoadState) { l.Seen, l.HandOver = taken.Seen, taken.HandOver })
		}
	})
	learned := make(chan struct{})
	if err == nil {
		err = l.order(ctx, order{taken: &taken, learned: learned})
	}
	if err != nil {
		_ = snapshot.Close()
		return err
	}
	l.loads.haul = l.begin(ctx, snapshot, learned)
	return nil
}

// remember has a change of the tables' states written, in a transaction of its own, and
// waits for that.
func (l *load) remember(ctx context.Context, change func(*Checkpoint)) error {
	done := make(chan struct{})
	select {
	case l.news <- news{change: change, done: done}:
	case <-ctx.Done():
		return ctx.Err()
	}
	return await(ctx, done)
}

// await waits until c is closed or brings something.
func await(ctx context.Context, c <-chan struct{}) error {
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// know takes in the checkpoint as it was last remembered, and which tables are asked for.
func (l *load) know(c Checkpoint, resyncs []schema.Name) {
	l.mu.Lock()
	l.checkpoint, l.resyncs = c, resyncs
	l.mu.Unlock()
	l.stir()
}

// asked returns the live tables that somebody has asked to have loaded again.
func (l *load) asked() (tables []*schema.Table) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.resyncs) == 0 {
		return nil // no need to look at thousands of tables
	}
	for _, t := range l.checkpoint.Tables {
		if t.State == Live && slices.Contains(l.resyncs, t.Name) {
			tables = append(tables, l.tables[t.OID])
		}
	}
	return tables
}

// revived returns an *Altered if a parked table is to be tried again, for the next pass to look
// at it: it was asked for since the pass began, or it is time for it unasked. The load asks that
// each time it is stirred while it waits for what may take hours: a haul, the join, or something
// to do. While it waits for a snapshot it looks for requests only. It does not look in hold,
// order and remember, which wait for the reader or one merge, nor in a pause of fill, but once
// they are over.
//
// While parts of a transaction wait for their commit, no pass ends for a parked table: the
// parts would be thrown away with it, and if that happened again and again no table would get
// on. The merge of the commit stirs.
func (l *load) revived() error {
	if l.parts.Load() == 0 && !l.look.IsZero() && !time.Now().Before(l.look) {
		return &Altered{Found: "a table that is parked for what may be over is tried again"}
	}
	return l.asksForParked()
}

// asksForParked returns an *Altered if a parked table was asked for again since the pass began,
// unless parts of a transaction wait: see revived.
func (l *load) asksForParked() error {
	if l.parts.Load() > 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.resyncs) == 0 {
		return nil
	}
	for _, t := range l.checkpoint.Tables {
		if t.State == Parked && times(l.resyncs, t.Name) > times(l.askedBefore, t.Name) {
			return &Altered{Found: t.Name.String() + ", which is parked, is to be loaded again"}
		}
	}
	return nil
}

// times returns how often a table was asked for.
func times(resyncs []schema.Name, n schema.Name) (times int) {
	for _, asked := range resyncs {
		if asked == n {
			times++
		}
	}
	return times
}

// order gives the reader an order, which it obeys once no transaction is open.
func (l *load) order(ctx context.Context, o order) error {
	select {
	case l.orders <- o:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
