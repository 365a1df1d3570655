package replicator

import (
	"time"

	"rowshift/schema"
)

// Op says what a Change does.
type Op uint8

// The operations. Mark, Begin and Commit belong to the stream; the others change a table,
// and stand between a Begin and its Commit.
const (
	Mark     Op = iota // everything that committed up to LSN has been received; changes nothing
	Begin              // a transaction starts
	Insert             // New is a new row
	Update             // New takes the place of a row
	Delete             // the row of Key is gone
	Truncate           // all rows of Table are gone
	Commit             // the transaction ended at LSN
)

// String returns the word that metrics and logs use.
func (o Op) String() string {
	return [...]string{"mark", "begin", "insert", "update", "delete", "truncate", "commit"}[o]
}

// Change is one message of the stream. Transactions arrive whole, one after another in
// commit order: Begin, changes, Commit. Marks come between and within them; a mark within a
// transaction says nothing of that transaction.
type Change struct {
	Op Op

	// LSN is, for a Commit, the end of the transaction (pgoutput's end LSN, not its
	// commit LSN); for a Begin, where its commit record starts, so that a transaction
	// ended at or before a position if and only if its Begin's LSN is below it; for a
	// Mark, the position. Zero for changes of a table: row LSNs order nothing.
	LSN LSN

	Time time.Time // Begin, Commit: commit time by the source's clock; never an order
	XID  uint32    // Begin: the top-level transaction id
	Urge bool      // Mark: the server is shutting down and waits for us to acknowledge
	Idle bool      // Mark: nothing came during the whole wait

	// Table is the table of a change as it was when the change was written.
	Table *schema.Table

	// Key is the key that the row had before, with the columns of Table.Key in that order.
	// It is always set for a Delete. For an Update it is set only if the source sent it: if
	// the key changed or is stored out of line, or if the whole old row was sent.
	Key Tuple

	// Old is the whole old row, under REPLICA IDENTITY FULL only.
	Old Tuple

	// New is the new row of an Insert or Update, with all of Table.Columns.
	New Tuple

	// Misread says why the row cannot be read as a row of Table: it was written when the
	// table had another shape. It is an *Altered, and whoever needs the row fails with it.
	Misread error
}

// ofTable reports whether the change is one of a table.
func (c *Change) ofTable() bool { return c.Op >= Insert && c.Op <= Truncate }
