package replicator

import (
	"sync"

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

	count   int             // changes received
	changes series[pending] // those that are not folded yet
	tables  []*schema.Table // that they are of: one more whenever a change is of another than the one before
	arena   arena
}

// sparePending are blocks of changes that no transaction has.
var sparePending sync.Pool

// pending is a Change of a table, at rest in the transaction's arena. It has no pointers:
// the garbage collector need not look at it.
type pending struct {
	key, old, new place
	table         uint32 // its index in the transaction's
	op            Op
}

const (
	// pendingBytes is what a pending costs beside its tuples.
	pendingBytes = 48

	// tableBytes is what it costs that a change is of another table.
	tableBytes = 8

	// fewTables are so few that the room for them is kept in any case.
	fewTables = 4096
)

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
	if n := len(t.tables); n == 0 || t.tables[n-1] != c.Table {
		t.tables = append(t.tables, c.Table)
	}
	t.changes.add(&sparePending, pending{
		key:   t.arena.add(c.Key),
		old:   t.arena.add(c.Old),
		new:   t.arena.add(c.New),
		table: uint32(len(t.tables) - 1),
		op:    c.Op,
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
	for i := range t.changes.length {
		p := t.changes.at(i)
		for _, at := range []*place{&p.key, &p.old, &p.new} {
			at.chunk += moved
		}
		c := Change{Op: p.op, Table: t.tables[p.table], Key: from.at(p.key), Old: from.at(p.old), New: from.at(p.new)}
		if taken {
			fold(c, p.new)
		} else {
			fold(c, place{})
		}
	}
	t.changes.reset(&sparePending)
	clear(t.tables)
	if t.tables = t.tables[:0]; cap(t.tables) > fewTables {
		t.tables = nil
	}
	t.arena.reset()
}

// size returns about how many bytes of memory the changes hold, with the rows that they
// become beside them.
func (t *transaction) size() int {
	return t.arena.used + t.changes.room()*pendingBytes + cap(t.tables)*tableBytes + t.changes.length*foldedBytes
}
