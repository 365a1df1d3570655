package replicator

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// looksEvery is how often requests are looked for if no merge and no refresh does so, as
// when the log stands still or parts of a transaction wait for its commit. If refreshes or
// merges are meant to be less often than that, it is as often as they are.
const looksEvery = 5 * time.Minute

// looksAfter is how much longer than the interval between merges a look is put off, so that the
// merge that is due then comes first.
const looksAfter = 10 * time.Second

// aheadBy is how many staged batches may wait while one is merged. They are then merged as
// one.
const aheadBy = 4

// pipeline is one pass over the stream, from a checkpoint to an error or a stop. Each of
// its goroutines owns what it talks to: read the source, stage the bucket, merge the
// warehouse. Beside them, discard deletes what is merged, and load brings tables into load
// tables.
type pipeline struct {
	*Options
	source     Source
	reader     *reader
	load       *load
	refusals   *refusals
	epoch      Epoch
	checkpoint Checkpoint // owned by merge
	looked     time.Time  // when requests were last looked for; owned by merge

	batches chan *Batch
	staged  chan *Staged
	unsent  *Staged       // that could not be handed over any more; owned by stage
	pending []*Staged     // that are not merged; owned by merge
	done    chan []string // objects of merged batches
	over    []string      // such objects that discard has had no time for; owned by merge
	late    []string      // such objects that were not deleted before the pass ended; owned by discard
	unsure  []string      // objects of a merge that nobody knows to be committed; set as the pass ends
	news    chan news     // what the load wants to be remembered
	merged  atomic.Uint64 // the checkpoint's LSN
	once    sync.Once     // for ended, which read or load sets
	ended   error         // what the pass ends with once all that was handed over is merged
	gained  bool          // something was done that the next pass need not do again; owned by merge
}

// newPipeline returns a pipeline that begins at the checkpoint, whose tables are
// all live or held.
func newPipeline(o *Options, source Source, opened Opened, cp Checkpoint, loads *loads, refused *refusals) *pipeline {
	p := &pipeline{
		Options:    o,
		source:     source,
		refusals:   refused,
		epoch:      cp.Epoch,
		checkpoint: cp,
		looked:     time.Now(),
		batches:    make(chan *Batch),
		staged:     make(chan *Staged, aheadBy),
		done:       make(chan []string, 16),
		news:       make(chan news),
	}
	p.load = newLoad(o, opened, cp, loads, p.news, refused)
	p.merged.Store(uint64(cp.LSN))
	p.reader = &reader{
		limits:       o.Limits,
		refresh:      o.Refresh,
		refreshBytes: o.RefreshBytes,
		listener:     o.Listener,
		source:       source,
		out:          p.batches,
		merged:       func() LSN { return LSN(p.merged.Load()) },
		start:        cp.LSN,
		backlog:      opened.Flushed,
		routes:       routes(opened, cp),
		orders:       p.load.orders,
	}
	p.reader.limits.Bytes = o.Limits.ofBatch()
	for _, route := range p.reader.routes {
		if route.load != nil {
			p.reader.joinsAt = max(p.reader.joinsAt, route.load.HandOver)
		}
	}
	p.reader.survey()
	if o.Once {
		p.reader.until = opened.End
	}
	return p
}

// routes returns where the changes of each table go.
func routes(opened Opened, cp Checkpoint) map[uint32]*route {
	m := map[uint32]*route{}
	for _, published := range opened.Tables {
		t := published.Table
		to := &route{table: t}
		s := cp.Table(t.OID)
		to.parked = s != nil && s.State == Parked
		if s != nil && s.Load != nil {
			load := *s.Load
			to.load = &load
			to.rule = cp.LSN < load.HandOver
		}
		m[t.OID] = to
	}
	return m
}

// run returns nil once ctx is done, or the reader has reached its end, and every batch
// handed over has been merged and acknowledged. Stopping flows downstream: read stops when
// ctx is done, stage and merge when their channel is closed. Failing flows upstream: any
// error cancels work.
func (p *pipeline) run(ctx context.Context) error {
	defer p.leave(ctx)
	hard, kill := context.WithCancel(context.WithoutCancel(ctx))
	defer kill()
	defer context.AfterFunc(ctx, func() {
		if sleep(hard, p.Drain) == nil {
			kill()
		}
	})()

	g, work := errgroup.WithContext(hard)
	reading, stop := context.WithCancel(work)
	defer stop()
	defer context.AfterFunc(ctx, stop)()

	merged := make(chan struct{})
	g.Go(func() error {
		err := unlessStopped(reading, p.load.run(reading))
		if ctx.Err() != nil {
			p.load.loads.giveUp()
		}
		if p.endsWell(err) {
			stop()
			return nil
		}
		return err
	})
	g.Go(func() error {
		err := p.read(reading)
		stop()
		if err == nil {
			p.linger(work, merged)
		}
		return err
	})
	g.Go(func() error { return p.stage(work) })
	g.Go(func() error {
		defer close(merged)
		return p.merge(work, reading)
	})
	g.Go(func() error { return p.discard(work) })
	if err := g.Wait(); err != nil {
		return err
	}
	if p.ended != nil {
		return p.ended
	}
	return p.reader.acknowledge(hard)
}

// read reads until reading is done, or returns nil if the pass ends in a way that lets what
// was handed over be merged. A server that shuts down waits for us, so the stream is closed
// at once.
func (p *pipeline) read(reading context.Context) error {
	err := p.reader.run(reading)
	told := reading.Err() != nil // to end
	if errors.Is(err, ErrShutdown) && !told {
		_ = p.source.Close() // what was handed over is merged without it, whatever its end is like
	}
	if told || p.endsWell(err) {
		err = nil
	}
	return err
}

// endsWell reports whether err, of the reader or of the load, ends only the reading, so
// that what was handed over is still merged. That is so if the server waits for us to
// leave, the source was altered, a table or the load of one cannot go on, or COPY refused rows of a
// load. The pass then ends with the first such error.
func (p *pipeline) endsWell(err error) bool {
	_, altered := errors.AsType[*Altered](err)
	_, unfit := errors.AsType[*Unfit](err)
	_, refused := errors.AsType[*Refused](err)
	_, spoiled := errors.AsType[*Spoiled](err)
	well := altered || unfit || refused || spoiled || errors.Is(err, ErrShutdown)
	if well {
		p.once.Do(func() { p.ended = err })
	}
	return well
}

// linger keeps the stream alive, and tells the slot of each merge, until all that was
// handed over is merged: that may take longer than the server's patience, and a standby
// would take the slot meanwhile, although the next pass is about to open it. If the stream
// is lost meanwhile nothing is lost with it, since the next opening tells the slot. It is
// then closed at once, since a server that shuts down waits for that.
func (p *pipeline) linger(ctx context.Context, merged <-chan struct{}) {
	tick := time.NewTicker(aliveEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if p.source.Acknowledge(ctx, LSN(p.merged.Load())) != nil {
				_ = p.source.Close()
				return
			}
		case <-merged:
			_ = p.source.Acknowledge(ctx, LSN(p.merged.Load()))
			return
		}
	}
}

// unlessStopped returns err, or nil if ctx is done: then we were asked to stop.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // that is no failure
	}
	return err
}

// stage brings batches to rest in the bucket.
func (p *pipeline) stage(ctx context.Context) error {
	defer close(p.staged)
	for b := range p.batches {
		if !b.Commit {
			p.load.parts.Add(1)
		}
		began := time.Now()
		b.Refused = p.refusals.known()
		var s *Staged
		err := again(ctx, p.Options, "stage", func() (err error) {
			s, err = p.Stager.Stage(ctx, p.epoch, b)
			return err
		})
		if err != nil {
			return err
		}
		b.release()
		took := time.Since(began)
		<-b.told
		tell(p.Listener.Staged, StagedBatch{Staged: s, Took: took})
		select {
		case p.staged <- s:
		case <-ctx.Done():
			p.unsent = s
			return ctx.Err()
		}
	}
	return nil
}

// merge applies what is staged: in one merge all batches that are staged, up to the last
// that ends at a commit. As long as the reading goes on, batches that wait for their commit
// are prepared. That may take hours, in which no merge looks for requests.
func (p *pipeline) merge(ctx, reading context.Context) error {
	defer close(p.done)
	looks := time.NewTicker(looksEvery / 10)
	defer looks.Stop()
	for {
		select {
		case <-looks.C:
			if !p.looksDue() {
				continue
			}
			if err := p.remember(ctx, p.checkpoint); err != nil {
				return err
			}
		case s, more := <-p.staged:
			if !more {
				return nil
			}
			p.pending = p.andStaged(append(p.pending, s))
			for n := together(p.pending); n > 0; n = together(p.pending) {
				if err := p.mergeOnce(ctx, p.pending[:n]); err != nil {
					return err
				}
				p.pending = slices.Clone(p.pending[n:])
			}
			if reading.Err() == nil { // otherwise the commit will not come
				p.prepare(ctx, p.pending)
			}
		case n := <-p.news:
			next, loaded := p.checkpoint.Clone(), p.checkpoint.countLoaded()
			n.change(&next)
			if err := p.remember(ctx, next); err != nil {
				return err
			}
			p.gained = p.gained || next.countLoaded() > loaded
			close(n.done)
		}
	}
}

// looksDue reports whether requests are to be looked for in a transaction of their own, because no
// merge has looked for a while. Each such look wakes a warehouse that may be paid for whenever it
// wakes.
func (p *pipeline) looksDue() bool {
	return time.Since(p.looked) >= max(looksEvery, p.Refresh, p.Limits.MinInterval+looksAfter)
}

// prepare has the warehouse copy batches that wait for their transaction's commit while the
// rest of the transaction is read: the merge is shorter for it. A failure is only reported,
// since the merge then does it all.
func (p *pipeline) prepare(ctx context.Context, pending []*Staged) {
	for _, s := range pending {
		if !s.prepared {
			s.prepared = true
			if err := p.Warehouse.Prepare(ctx, s); err != nil && ctx.Err() == nil {
				tell(p.Listener.Retried, Retry{Step: "prepare", Cause: err})
			}
		}
	}
}

// andStaged adds the other batches that are staged by now.
func (p *pipeline) andStaged(pending []*Staged) []*Staged {
	for {
		select {
		case s, more := <-p.staged:
			if !more {
				return pending
			}
			pending = append(pending, s)
		default:
			return pending
		}
	}
}

// together returns how many of the batches are merged as one: all up to the last that ends
// at a commit, since a commit costs the warehouse as much as many rows. A batch with which
// tables change between live and loading is merged by itself, since what the batches before
// it hold has to be there when it begins.
func together(pending []*Staged) (n int) {
	for i, s := range pending {
		turns := len(s.Joins) > 0 || len(s.Holds) > 0
		switch {
		case turns && i > 0:
			return n
		case turns:
			return 1
		case s.Commit:
			n = i + 1
		}
	}
	return n
}

// mergeOnce runs one transaction of the warehouse. If tables join with it, what is held of
// them is applied to their load tables first.
func (p *pipeline) mergeOnce(ctx context.Context, staged []*Staged) error {
	last := staged[len(staged)-1]
	if len(last.Joins) > 0 {
		if err := p.load.settle(ctx); err != nil {
			return err
		}
	}
	m := &Merge{Expect: p.checkpoint.LSN, Checkpoint: p.checkpoint.after(staged), Staged: staged}
	began := time.Now()
	merged, err := p.transact(ctx, m)
	for _, s := range staged {
		s.applied = !Retryable(err)
	}
	if refused, ok := errors.AsType[*Refused](err); ok {
		refused.until = last.End
	}
	if err != nil {
		return err
	}
	p.checkpoint, p.looked = m.Checkpoint, time.Now()
	for _, s := range staged {
		if !s.Commit {
			p.load.parts.Add(-1)
		}
	}
	p.merged.Store(uint64(m.Checkpoint.LSN))
	p.gained = p.gained || gains(m)
	p.refusals.reached(m.Checkpoint.LSN, last.Joins)
	tell(p.Listener.Merged, MergedBatch{Merge: m, Merged: merged, Took: time.Since(began)})
	if len(last.Joins) > 0 || len(last.Holds) > 0 {
		tell(p.Listener.Tables, m.Checkpoint.Tables)
	}
	p.load.know(m.Checkpoint, merged.Resyncs)
	p.load.merged(staged)
	p.discardLater(staged)
	return resetBy(merged)
}

// transact runs one transaction of the warehouse, as often as again allows.
func (o *Options) transact(ctx context.Context, m *Merge) (merged Merged, err error) {
	err = again(ctx, o, "merge", func() (err error) {
		merged, err = o.Warehouse.Merge(ctx, m)
		return err
	})
	return merged, err
}

// gains reports whether a merge did something that the next pass need not do again. While
// tables load only their joining counts, since the stream goes on even beside a load that
// keeps failing. What a haul gains is counted apart.
func gains(m *Merge) bool {
	for _, s := range m.Staged {
		if len(s.Joins) > 0 || s.Changes > 0 && !m.Checkpoint.anyLoading() {
			return true
		}
	}
	return false
}

// resetBy returns the error that ends the pass if a slot reset was asked for.
func resetBy(m Merged) error {
	if m.ResetAsked {
		return errReset
	}
	return nil
}

// remember writes the tables' states anew, in a transaction of its own.
func (p *pipeline) remember(ctx context.Context, next Checkpoint) error {
	m := &Merge{Expect: p.checkpoint.LSN, Checkpoint: next}
	merged, err := p.transact(ctx, m)
	if err != nil {
		return err
	}
	p.checkpoint, p.looked = next, time.Now()
	p.load.know(next, merged.Resyncs)
	tell(p.Listener.Tables, next.Tables)
	return resetBy(merged)
}

// after returns the checkpoint after batches that are merged as one. Only the last of them
// may change states of tables; if it does not, they are shared with c.
func (c Checkpoint) after(staged []*Staged) Checkpoint {
	next, s := c, staged[len(staged)-1]
	if len(s.Joins)+len(s.Holds) > 0 {
		next = c.Clone()
	}
	for _, s := range staged {
		next.LSN = s.End
		if !s.Time.IsZero() {
			next.Time = s.Time
		}
	}
	for _, join := range s.Joins {
		if t := next.Table(join.Table.OID); t != nil {
			t.enter(Live)
		}
	}
	for _, h := range s.Holds {
		if t := next.Table(h.Table.OID); t != nil {
			t.State, t.Load = Loading, &LoadState{Into: h.Into, Held: h.Held}
		}
	}
	return next
}
