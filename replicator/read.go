package replicator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rowshift/schema"
)

const (
	// aliveEvery is how often the slot's connection is looked after while the reader waits
	// for something else. A Source sends less often if the server allows it.
	aliveEvery = 250 * time.Millisecond

	// sinkEvery is how often the reader looks whether the sink can take a batch that is
	// due.
	sinkEvery = 20 * time.Millisecond

	// offerEvery is the least time between two offers of a due batch to a sink that was not
	// waiting for it, while more changes come. Each offer looks at all folds to say what is
	// in the batch, and there can be a fold for each transaction.
	offerEvery = time.Millisecond

	// pauseAfter is how long the stream has to be silent for a backlog to be over.
	pauseAfter = 10 * time.Millisecond

	// lookEvery is how many changes of an open transaction are read between two looks at
	// the clock.
	lookEvery = 256

	// longAfter is how long a transaction is received before the listener is told of it.
	longAfter = time.Second
)

// reader folds the stream into batches and hands over those that are due. It owns
// the Source.
type reader struct {
	limits       Limits
	refresh      time.Duration
	refreshBytes uint64
	listener     Listener
	source       Source
	out          chan<- *Batch
	merged       func() LSN // up to where the warehouse has everything

	start  LSN // up to where the warehouse had everything at the beginning
	until  LSN // the reader ends once everything up to here is handed over; 0: never
	routes map[uint32]*route

	orders  <-chan order
	holds   []Hold // tables to be held from the end of the batch on
	joining bool   // the tables that are loading are to join
	joinsAt LSN    // where they can; 0 if not known

	// A summary of all routes. There may be thousands of them, and a change of one table
	// must not need a look at the others.
	loads     int // tables that are loading
	rulesPast LSN // the least position at which a rule is over; 0: there is none

	tx        transaction
	batch     *Batch
	folds     map[uint32]*Fold // the latest fold of each table in batch
	began     time.Time        // when batch got its first change
	position  LSN              // everything up to here was received and, but for tx, folded
	sealed    LSN              // End of the last batch handed over that ends at a commit or mark
	before    LSN              // and of the one before that
	sealedAt  time.Time
	refusedAt time.Time // when the sink was last not waiting for a batch
	acked     LSN
	backlog   LSN  // the log ended here when the reader began; 0 once all of it is handed over
	pressed   bool // the last batch had reached a limit, or the backlog is not over: more is about to come
	paused    bool // the last thing that the stream told is that nothing comes
	bytes     int  // that batch's folds hold
	inside    bool // parts of a transaction were handed over, and not yet its commit
	drained   bool // everything up to until was handed over
	changes   int  // since the reader began, to look at the clock now and then
}

// route is where the changes of one table go.
type route struct {
	table  *schema.Table
	load   *LoadState // nil: they go to the target; else they are held
	parked bool       // the table is parked: they are dropped, for it will be loaded again
	rule   bool       // transactions that the load's snapshot saw are left out

	// unfit are the ids of transactions with rows that cannot be read because the table
	// then had another shape, or was published with other columns. They are kept as long as
	// nobody knows whether the load's snapshot will see those transactions.
	unfit []uint32
	why   error // what is wrong with the first of them
}

// mostUnfit is how many transactions of a table may be put off like that: half a megabyte
// of ids.
const mostUnfit = 100_000

// run reads until ctx is done, the source fails, or everything up to until has been
// handed over. What is still open then is forgotten: the slot has it.
func (r *reader) run(ctx context.Context) error {
	defer close(r.out)
	r.position, r.before, r.sealed, r.acked = r.start, r.start, r.start, r.start
	r.sealedAt = time.Now()
	r.pressed = true
	r.open()
	var c Change
	var wait time.Duration
	for {
		err := r.obey(ctx)
		if err != nil {
			return r.leave(ctx, err)
		}
		if !c.ofTable() || r.changes%lookEvery == 0 { // not for each row, since that would cost too much
			wait = r.patience()
		}
		if c, err = r.source.Next(ctx, wait); err != nil {
			return r.leave(ctx, err)
		}
		r.paused = c.Idle
		switch c.Op {
		case Begin:
			r.tx.begin(c, r.start)
		case Commit:
			err = r.commit(ctx, c)
		case Mark:
			err = r.mark(ctx, c)
		default:
			err = r.change(ctx, c)
		}
		if err != nil {
			return r.leave(ctx, err)
		}
		if r.until > 0 && r.sealed >= r.until && !r.inside && !r.loading() {
			r.drained = true
			return nil
		}
	}
}

// leave hands over what is whole of the batch if the pass ends because the source was
// altered: otherwise a table that is altered again and again would keep the others from
// getting on. A batch without changes is handed over too if parts of its transaction are in
// the bucket. leave returns err, or why the handing over failed.
func (r *reader) leave(ctx context.Context, err error) error {
	if _, altered := errors.AsType[*Altered](err); altered && r.batch.Commit && (r.batch.Changes > 0 || r.inside) {
		if failed := r.handOver(ctx); failed != nil {
			return failed
		}
	}
	return err
}

// patience returns how long the source may keep silent. While tables load that is not long,
// since the load gives orders.
func (r *reader) patience() time.Duration {
	wait := r.wait()
	if r.loading() && (wait <= 0 || wait > aliveEvery) {
		return aliveEvery
	}
	return wait
}

// open begins an empty batch.
func (r *reader) open() {
	r.batch = &Batch{End: r.position, told: make(chan struct{})}
	r.folds = map[uint32]*Fold{}
	r.bytes = 0
}

// change adds one change of a table to the open transaction.
func (r *reader) change(ctx context.Context, c Change) error {
	route := r.routes[c.Table.OID]
	switch {
	case route == nil:
		return fmt.Errorf("replicator: a change of %v, which is not replicated", c.Table.Name)
	case r.tx.skip || route.parked || route.leavesOut(r.tx.xid):
		return nil
	case c.Misread != nil:
		return route.putOff(r.tx.xid, c.Misread)
	}
	r.tx.add(c)
	for r.full() {
		if err := r.relieve(ctx); err != nil {
			return err
		}
	}
	if r.changes++; r.changes%lookEvery == 0 {
		if time.Since(r.tx.began) >= longAfter {
			r.tellOpen()
		}
		return r.sealIfDue(ctx, false)
	}
	return nil
}

// putOff returns nil as long as nobody knows whether the load's snapshot sees the transaction
// of a row that cannot be read: if it does, the row is not needed. It notes the
// transaction, for learn to decide. Otherwise it returns err.
func (r *route) putOff(xid uint32, err error) error {
	if r.load == nil || r.load.HandOver != 0 {
		return err
	}
	n := len(r.unfit)
	switch {
	case n > 0 && r.unfit[n-1] == xid:
		return nil
	case n == mostUnfit:
		return fmt.Errorf("replicator: no snapshot came for %d transactions: %w", n, err)
	case n == 0:
		r.why = err
	}
	r.unfit = append(r.unfit, xid)
	return nil
}

// leavesOut reports whether a transaction is in the load table already, because the
// snapshot saw it.
func (r *route) leavesOut(xid uint32) bool {
	return r.rule && r.load.Seen.Sees(xid)
}

// full reports whether the batch and the open transaction have reached a limit, and
// something of the transaction is left that could be handed over.
func (r *reader) full() bool { return r.tx.changes.length > 0 && r.reached() }

// reached reports whether the batch and the open transaction have reached a limit.
func (r *reader) reached() bool {
	return r.batch.Changes+r.tx.changes.length >= r.limits.Rows || r.batchBytes()+r.tx.size() >= r.limits.Bytes
}

// batchBytes returns about how many bytes of memory the batch holds.
func (r *reader) batchBytes() int { return r.bytes + r.batch.arena.used }

// relieve hands over what is committed or, if nothing is, the part of the open transaction
// that was received.
func (r *reader) relieve(ctx context.Context) error {
	if r.batch.Changes > 0 {
		return r.handOver(ctx)
	}
	r.tellOpen()
	r.foldOpen()
	r.batch.Commit = false
	return r.handOver(ctx)
}

// tellOpen tells the listener, once, of the open transaction. Otherwise only its commit would tell
// that the warehouse lacks it.
func (r *reader) tellOpen() {
	if !r.tx.told {
		r.tx.told = true
		tell(r.listener.Receiving, Receiving{LSN: r.tx.written.LSN, Time: r.tx.written.Time})
	}
}

// foldOpen folds the open transaction's changes into the batch.
func (r *reader) foldOpen() {
	if r.batch.Changes == 0 {
		r.began = time.Now()
	}
	r.batch.Changes += r.tx.changes.length
	r.tx.into(&r.batch.arena, func(c Change, kept place) {
		f := r.fold(c.Table)
		before := f.size()
		f.At(r.tx.written)
		f.add(c, kept)
		r.bytes += f.size() - before
	})
}

// fold returns the fold that takes t's next change. That is a new one once t's shape has
// changed and, while nobody knows which transactions a load's snapshot will see, for each
// transaction.
func (r *reader) fold(t *schema.Table) *Fold {
	load := r.routes[t.OID].load
	var xid uint32
	if load != nil && load.HandOver == 0 {
		xid = r.tx.xid
	}
	if f := r.folds[t.OID]; f != nil && f.Table == t && f.XID == xid {
		return f
	}
	f := r.batch.newFold(t)
	if load != nil {
		f.Held, f.XID = load.Held, xid
	}
	r.bytes += f.size()
	r.folds[t.OID] = f
	return f
}

// commit folds the transaction and ends it.
func (r *reader) commit(ctx context.Context, c Change) error {
	if r.tx.skip {
		r.tx.open = false
		return nil
	}
	r.foldOpen()
	r.tx.open = false
	r.batch.Transactions++
	r.batch.Time = r.tx.written.Time
	r.reach(Received{LSN: c.LSN, Time: r.tx.written.Time, Changes: r.tx.count})
	return r.sealIfDue(ctx, false)
}

// mark moves the position, unless the mark is within a transaction or behind: after a
// reconnect a keepalive may name a position below the checkpoint.
func (r *reader) mark(ctx context.Context, c Change) error {
	if !r.tx.open && c.LSN > r.position {
		r.reach(Received{LSN: c.LSN})
	}
	if err := r.acknowledge(ctx); err != nil {
		return err
	}
	if c.Urge {
		return r.shutdown(ctx)
	}
	return r.sealIfDue(ctx, false)
}

// reach notes that everything up to a position is in the batch.
func (r *reader) reach(to Received) {
	r.position = to.LSN
	r.batch.End = to.LSN
	r.batch.Commit = true
	if r.rulesPast > 0 && r.position >= r.rulesPast {
		r.forgetRules()
	}
	tell(r.listener.Received, to)
}

// forgetRules forgets snapshots that the position has passed: no transaction that they saw
// can come any more.
func (r *reader) forgetRules() {
	for _, route := range r.routes {
		if route.rule && r.position >= route.load.HandOver {
			route.rule = false
		}
	}
	r.survey()
}

// shutdown lets a server go that waits for our position: by moving the checkpoint at once
// if everything is merged, else by ending the pass.
func (r *reader) shutdown(ctx context.Context) error {
	if r.batch.Changes > 0 || r.tx.open || r.merged() < r.sealed {
		return ErrShutdown
	}
	return r.sealIfDue(ctx, true)
}

// acknowledge lets the slot forget what the warehouse holds.
func (r *reader) acknowledge(ctx context.Context) error {
	lsn := r.merged()
	if err := r.source.Acknowledge(ctx, lsn); err != nil {
		return err
	}
	if lsn > r.acked {
		r.acked = lsn
		tell(r.listener.Acknowledged, lsn)
	}
	return nil
}
