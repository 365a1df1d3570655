package replicator_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
)

func (n *node) Alone(ctx context.Context, do func(context.Context) error) error {
	for !n.lockSlot() {
		n.tall.count("slot is made by another")
		select {
		case <-time.After(2 * time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
		if n.isDead() {
			return errDead
		}
	}
	defer n.unlockSlot()
	return do(ctx)
}

// lockSlot lets n make the slot, unless another that lives does.
func (n *node) lockSlot() bool {
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	s := &n.source
	if s.maker != nil && !s.maker.isDead() && n.bug != makeTogether {
		return false
	}
	s.maker = n
	return true
}

func (n *node) unlockSlot() {
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	if n.source.maker == n {
		n.source.maker = nil
	}
}

func (n *node) Create(ctx context.Context, r replicator.CreateRequest) (replicator.Created, error) {
	if !r.Look {
		n.nap("create", 8*time.Second) // for the transactions of others
	}
	if n.isDead() {
		return replicator.Created{}, errDead
	}
	if r.Still != nil {
		if err := r.Still(ctx); err != nil {
			return replicator.Created{}, err
		}
	}
	if n.fault("create fails") {
		return replicator.Created{}, errInjected
	}
	if !r.Look {
		n.nap("drop", 10*time.Second) // between the look and what comes of it
	}
	if n.isDead() {
		return replicator.Created{}, errDead
	}
	broken := n.chance("slot cannot decode", 0.2)
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	s := &n.source
	if r.System != "" && r.System != s.system {
		return replicator.Created{}, &replicator.Halt{Reason: replicator.SourceChanged}
	}
	n.know(r.Known)
	if r.Look && s.slot != nil && !r.Resumed {
		return replicator.Created{}, &replicator.Halt{Reason: replicator.SlotStrange}
	}
	if h := n.unfit(r); h != nil {
		return replicator.Created{}, h
	}
	if r.Look {
		return replicator.Created{}, nil
	}
	if s.slot != nil && (r.Remake || r.Reset) {
		n.drop(r)
		n.world.mu.Unlock()
		n.nap("make", 5*time.Second)
		n.world.mu.Lock()
		if n.isDead() {
			n.tall.count("dies between drop and make")
			return replicator.Created{}, errDead
		}
	}
	if s.slot == nil {
		s.slot = &slot{confirmed: s.flushed, saved: s.flushed, broken: broken}
	} else if !r.Resumed {
		n.broken(5, "a slot that is there is taken for ours")
	}
	s.flushed += 3 // the proof
	return replicator.Created{Start: s.slot.confirmed, Proof: s.flushed}, nil
}

// unfit returns what keeps a pipeline from beginning, but does not stop a reset, nor the
// look before one. The lock is held.
func (n *node) unfit(r replicator.CreateRequest) *replicator.Halt {
	if r.Reset || r.Look && r.Resumed && n.bug != lookAtAll {
		return nil
	}
	for _, h := range n.see(n.known).unfit {
		if h != nil && (h.Reason == replicator.TableUnfit || n.publicationIsTheirs()) {
			n.tall.count("a pipeline cannot begin")
			return h
		}
	}
	return nil
}

// drop lets go of the slot, to make another; the lock is held.
func (n *node) drop(r replicator.CreateRequest) {
	s := &n.source
	if n.warehouse.checkpoint.Phase == replicator.Streaming {
		n.broken(2, "a slot that is streamed from is dropped")
	}
	if s.slot.active != nil && r.Reset {
		n.tall.count("reset ends another's stream")
	}
	s.slot = nil
}

func (n *node) Open(ctx context.Context, r replicator.OpenRequest) (replicator.Source, replicator.Opened, error) {
	for !n.take() {
		if n.slotless() {
			if err := n.judged(r); err != nil {
				return nil, replicator.Opened{}, err
			}
			return nil, replicator.Opened{}, &replicator.Halt{Reason: replicator.SlotMissing}
		}
		n.tall.count("slot is active elsewhere")
		select {
		case <-time.After(2 * time.Second):
		case <-ctx.Done():
			return nil, replicator.Opened{}, ctx.Err()
		}
		if n.isDead() {
			return nil, replicator.Opened{}, errDead
		}
	}
	if n.fault("open fails") {
		n.leave()
		return nil, replicator.Opened{}, errInjected
	}
	if err := n.judged(r); err != nil {
		n.leave()
		return nil, replicator.Opened{}, err
	}
	if err := n.remember(ctx, r); err != nil {
		n.leave()
		return nil, replicator.Opened{}, err
	}
	another := r.Judge != nil && n.chance("another source", 0.02)
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	s := &n.source
	if s.slot == nil {
		return nil, replicator.Opened{}, &replicator.Halt{Reason: replicator.SlotMissing}
	}
	o := s.open()
	if another {
		if o.System = "another"; n.die("restored").IntN(2) == 0 {
			o.System, o.Flushed = s.system, r.After-1
		}
		s.slot.active = nil
		err := r.Judge(o)
		if err == nil {
			n.broken(8, "a source that is another's would be touched")
		}
		return nil, o, err
	}
	o.Read, o.Seen = s.flushed, s.sees(time.Now())
	opened := n.see(n.known)
	opened.tell(&o, n.known, n.bug)
	if r.End {
		s.flushed += 2
		o.End = s.flushed
	}
	after := max(r.After, s.slot.confirmed)
	first := slices.IndexFunc(s.log, func(t *tx) bool { return t.commit >= after })
	if first < 0 {
		first = len(s.log)
	}
	st := &stream{node: n, tx: first, position: s.slot.confirmed, received: r.After, opened: opened}
	st.choose(r, o)
	if r.Known != nil {
		st.lookAt = time.Now().Add(lookEvery)
	}
	return st, o, nil
}

// open returns what can be told of the source and its slot. The lock is held.
func (s *simSource) open() replicator.Opened {
	o := replicator.Opened{
		System: s.system, Timeline: 1, Database: "app", Slot: "s", Flushed: s.flushed,
		Publication: replicator.PublicationID{OID: 5, XMin: 6},
	}
	if s.slot != nil {
		o.Confirmed = s.slot.confirmed
	}
	return o
}

// judged has the daemon judge whose source this is, before anything there is touched.
func (n *node) judged(r replicator.OpenRequest) error {
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	if r.Judge == nil {
		return nil
	}
	return r.Judge(n.source.open())
}

// remember takes in what is remembered of the tables, and brings the publication in line.
func (n *node) remember(ctx context.Context, r replicator.OpenRequest) error {
	if r.Known != nil {
		states, err := r.Known(ctx)
		if err != nil {
			return err
		}
		n.world.mu.Lock()
		n.know(states)
		n.world.mu.Unlock()
	}
	for !n.align() {
		n.tall.count("publication waits for an alteration")
		time.Sleep(2 * time.Second)
		if n.isDead() || ctx.Err() != nil {
			return errDead
		}
	}
	return nil
}

// know takes in what is remembered of the tables; the lock is held.
func (n *node) know(k replicator.Known) {
	n.known = map[schema.Name]replicator.TableState{}
	for _, s := range k.In(n.source.system, "app") {
		if s.OID != 0 && s.OID < n.source.least {
			n.broken(7, "%v is followed by the OID that it had in another cluster", s.Name)
		}
		if s.OID != 0 {
			n.known[s.Name] = s
		}
	}
}

// take makes the slot n's own, if nobody streams from it.
func (n *node) take() bool {
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	s := n.source.slot
	if s == nil || s.active != nil {
		return false
	}
	s.active = n
	return true
}

// slotless reports whether there is no slot.
func (n *node) slotless() bool {
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	return n.source.slot == nil
}

// leave ends n's stream.
func (n *node) leave() {
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	if s := n.source.slot; s != nil && s.active == n {
		s.active = nil
	}
}

// stream is a Source: a walsender's.
type stream struct {
	*node
	tx, change int            // the next: change 0 is the Begin
	position   replicator.LSN // of the last keepalive or commit
	received   replicator.LSN
	urged      int
	closed     bool

	opened    sight
	tables    map[uint32]chosenTable
	matches   map[*version]*matched
	described map[uint32]*version
	lookAt    time.Time // when the catalogue is looked at next; zero: never
}

func (s *stream) Next(ctx context.Context, wait time.Duration) (replicator.Change, error) {
	if err := s.alive(ctx); err != nil {
		return replicator.Change{}, err
	}
	if s.fault("stream breaks") {
		s.leave()
		return replicator.Change{}, errInjected
	}
	if s.chance("keepalive anywhere", 0.05) {
		return s.mark(s.position), nil // the server's position, or one of before
	}
	if wait <= 0 {
		wait = 10 * time.Second
	}
	if err := s.look(); err != nil {
		return replicator.Change{}, err
	}
	c, more, next, err := s.read()
	if more || err != nil {
		return c, err
	}
	select {
	case <-next:
		return s.Next(ctx, wait)
	case <-time.After(min(wait, time.Second)):
	case <-ctx.Done():
		return replicator.Change{}, ctx.Err()
	}
	return s.quiet(), nil
}

func (s *stream) alive(ctx context.Context) error {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	slot := s.source.slot
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case s.closed || slot == nil || slot.active != s.node:
		return fmt.Errorf("stream ended: %w", errInjected)
	case slot.broken:
		return slot.undecodable()
	}
	return nil
}

// undecodable returns the error of a stream from a broken slot: from the third time on the
// slot is taken for lost. The world is locked.
func (s *slot) undecodable() error {
	err := fmt.Errorf("could not map filenode: %w", replicator.ErrUndecodable)
	if s.failed++; s.failed < 3 {
		return err
	}
	return &replicator.Halt{Reason: replicator.SlotLost, Cause: err}
}

// read returns the next change of the log, if there is one; else what to wait for.
func (s *stream) read() (replicator.Change, bool, <-chan struct{}, error) {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	for s.tx < len(s.source.log) {
		t := s.source.log[s.tx]
		if !t.sent {
			s.tx++
			continue
		}
		s.change++
		switch {
		case s.change == 1:
			return replicator.Change{Op: replicator.Begin, LSN: t.commit, XID: t.xid, Time: t.at}, true, nil, nil
		case s.change <= len(t.steps)+1:
			c, found, err := s.decode(t, t.steps[s.change-2])
			if !found && err == nil {
				continue
			}
			return c, found, nil, err
		}
		s.tx, s.change = s.tx+1, 0
		s.position, s.received = t.end, t.end
		return replicator.Change{Op: replicator.Commit, LSN: t.end, Time: t.at}, true, nil, nil
	}
	return replicator.Change{}, false, s.source.next, nil
}

// quiet returns what a server says that has nothing to send.
func (s *stream) quiet() replicator.Change {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	if s.tx < len(s.source.log) {
		return s.mark(s.position)
	}
	s.position = s.source.flushed
	m := s.mark(s.position)
	m.Idle = true
	s.received = max(s.received, m.LSN)
	if s.source.slot == nil {
		return m // it was dropped under us
	}
	if s.urged > 0 || s.p > 0 && s.die("shutdown").Float64() < s.p/4 {
		if s.urged++; s.urged == 1 {
			s.tall.count("server shuts down")
		}
		m.Urge = true
		if s.source.slot.confirmed >= s.position || s.urged > 5 {
			s.closed = true // it has what it waited for, or was killed
			s.source.slot.active = nil
		}
	}
	return m
}

func (s *stream) mark(lsn replicator.LSN) replicator.Change {
	return replicator.Change{Op: replicator.Mark, LSN: lsn}
}

func (s *stream) Acknowledge(_ context.Context, lsn replicator.LSN) error {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	slot := s.source.slot
	if s.closed || slot == nil || slot.active != s.node {
		return fmt.Errorf("stream ended: %w", errInjected)
	}
	if s.bug == acknowledgeBeforeMerge {
		lsn = s.received
	}
	cp := s.warehouse.checkpoint
	if lsn == 0 || cp != nil && cp.Phase == replicator.Streaming && lsn > cp.LSN {
		s.broken(2, "acknowledged %v, the warehouse is at %v", lsn, cp.LSN)
	}
	slot.confirmed = max(slot.confirmed, lsn)
	if s.die("save").IntN(4) == 0 {
		slot.saved = slot.confirmed
	}
	return nil
}

func (s *stream) Close() error {
	s.closed = true
	s.leave()
	return nil
}

// crash crashes the server: the stream ends, and the slot forgets what it had not saved.
func (w *world) crash() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s := w.source.slot; s != nil {
		if s.saved < s.confirmed {
			w.tall.count("slot goes back")
		}
		s.active, s.confirmed = nil, s.saved
	}
}
