package replicator

import (
	"slices"

	"rowshift/schema"
)

// transaction holds the changes of the source transaction that is being received,
// apart from the batch until its commit: a batch can so be sealed behind the last
// commit, without them.
type transaction struct {
	open    bool
	skip    bool // the warehouse has it already
	xid     uint32
	written Written // known from its beginning on, since it arrives once it has committed

	count   int       // changes received
	changes []pending // those that are not folded yet
	arena   arena
}

// pending is a Change of a table, at rest in the transaction's arena.
type pending struct {
	op            Op
	table         *schema.Table
	key, old, new place
}

// pendingBytes is what a pending costs beside its tuples.
const pendingBytes = 56

// fewPending are so few changes that the room for them is kept in any case.
const fewPending = 4096

// begin opens the transaction of a Begin. start is the position up to which the
// warehouse has everything.
func (t *transaction) begin(c Change, start LSN) {
	t.open = true
	t.skip = c.LSN < start
	t.xid = c.XID
	t.written = Written{LSN: c.LSN, Time: c.Time}
	t.count = 0
}

// add keeps a copy of a change.
func (t *transaction) add(c Change) {
	t.count++
	if len(t.changes) == cap(t.changes) {
		t.changes = slices.Grow(t.changes, max(8, len(t.changes)))
	}
	t.changes = append(t.changes, pending{
		op:    c.Op,
		table: c.Table,
		key:   t.arena.add(c.Key),
		old:   t.arena.add(c.Old),
		new:   t.arena.add(c.New),
	})
}

// into gives the changes to fold, one after another, and forgets them. What they hold is
// kept by the arena then: it takes over the chunks of a transaction that fills some,
// instead of making copies of all that they hold.
func (t *transaction) into(a *arena, fold func(c Change, new place)) {
	from, moved, taken := &t.arena, uint32(0), len(t.arena.chunks) > 1
	if taken {
		from, moved = a, a.takeOver(&t.arena)
	}
	for i := range t.changes {
		p := &t.changes[i]
		for _, at := range []*place{&p.key, &p.old, &p.new} {
			at.chunk += moved
		}
		c := Change{Op: p.op, Table: p.table, Key: from.at(p.key), Old: from.at(p.old), New: from.at(p.new)}
		if taken {
			fold(c, p.new)
		} else {
			fold(c, place{})
		}
	}
	clear(t.changes)
	if n := len(t.changes); cap(t.changes) > fewPending && n < cap(t.changes)/4 {
		t.changes = nil // the room of a transaction that was huge
	}
	t.changes = t.changes[:0]
	t.arena.reset()
}

// size returns about how many bytes of memory the changes hold, with the rows that they
// become beside them.
func (t *transaction) size() int {
	return t.arena.used + cap(t.changes)*pendingBytes + len(t.changes)*foldedBytes
}
