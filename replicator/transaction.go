package replicator

import (
	"sync"
	"time"

	"rowshift/schema"
)

// transaction holds the changes of the source transaction that is being received. They are
// kept apart from the batch until the commit, so that the batch can be sealed behind the
// last commit without them.
type transaction struct {
	open    bool
	skip    bool // the warehouse has it already
	xid     uint32
	written Written // known from Begin on, since a transaction arrives once it has committed
	began   time.Time
	told    bool // the listener knows of it, though its commit has not been received

	count   int             // changes received
	changes series[pending] // those that are not folded yet
	tables  []*schema.Table // the changes' tables: one more whenever it is not that of the change before
	arena   arena
}

// sparePending holds blocks of changes that no transaction uses.
var sparePending sync.Pool

// pending is a Change of a table, at rest in the transaction's arena. It has no pointers,
// so the garbage collector need not scan it.
type pending struct {
	key, old, new place
	table         uint32 // index into transaction.tables
	op            Op
}

const (
	// pendingBytes is what a pending costs besides its tuples.
	pendingBytes = 48

	// tableBytes is what one entry of tables costs.
	tableBytes = 8

	// fewTables is up to how many entries the room for tables is kept for the next
	// transaction.
	fewTables = 4096
)

// begin opens the transaction of a Begin. start is the position up to which the warehouse
// had everything when the pass began.
func (t *transaction) begin(c Change, start LSN) {
	t.open = true
	t.skip = c.LSN < start
	t.xid = c.XID
	t.written = Written{LSN: c.LSN, Time: c.Time}
	t.count = 0
	t.began, t.told = time.Now(), false
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

// into passes the changes to fold one by one, and forgets them. kept is the place of the new
// row if a has it already: a takes over the chunks of a transaction that fills more than one,
// which saves copies of all that they hold.
func (t *transaction) into(a *arena, fold func(c Change, kept place)) {
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

// size returns about how many bytes of memory the changes hold, together with the rows that
// they will become.
func (t *transaction) size() int {
	return t.arena.used + t.changes.room()*pendingBytes + cap(t.tables)*tableBytes + t.changes.length*foldedBytes
}
