package replicator

import "rowshift/schema"

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

// pending is a Change of a table, at rest.
type pending struct {
	op            Op
	table         *schema.Table
	key, old, new Tuple
}

// pendingBytes is about what a pending costs beside its tuples.
const pendingBytes = 88

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
	t.changes = append(t.changes, pending{
		op:    c.Op,
		table: c.Table,
		key:   t.copy(c.Key),
		old:   t.copy(c.Old),
		new:   t.copy(c.New),
	})
}

func (t *transaction) copy(tuple Tuple) Tuple {
	if tuple == nil {
		return nil
	}
	return t.arena.add(tuple)
}

// forget drops the changes, once they are folded, and keeps their room.
func (t *transaction) forget() {
	clear(t.changes)
	t.changes = t.changes[:0]
	t.arena.reset()
}

// size returns about how many bytes of memory the changes hold.
func (t *transaction) size() int { return t.arena.used + len(t.changes)*pendingBytes }
