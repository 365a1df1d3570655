package replicator

import (
	"context"
	"slices"
	"time"

	"rowshift/schema"
)

// Origin is the source database: it makes what replication needs there, opens the
// slot's stream and takes snapshots. Its methods are called by one goroutine at a
// time.
type Origin interface {
	// Alone calls do while no other daemon is in Alone with this slot, and waits as long as
	// one is. The context that do is given ends if another daemon may have taken its place.
	Alone(ctx context.Context, do func(context.Context) error) error

	// Create makes the publication and the slot, or takes those that are there. Nothing is
	// proved by that: the stream must pass Created.Proof first. It may wait for hours, for
	// transactions of others. It is called in phase Creating and by Alone only, except with
	// CreateRequest.Look.
	Create(context.Context, CreateRequest) (Created, error)

	// Open waits until nobody streams from the slot, without touching anything else, and
	// lets OpenRequest.Judge see what it found. Then it starts the stream, brings the
	// publication in line with the config (or halts with the statements, where a DBA owns
	// it), and reads the catalogue.
	Open(context.Context, OpenRequest) (Source, Opened, error)

	// Snapshot waits for the transactions that were running, locks the tables, takes a
	// snapshot and finds its hand-over position.
	Snapshot(context.Context, []*schema.Table) (Snapshot, error)
}

// Source is one stream from the slot, used by one goroutine.
type Source interface {
	// Next returns the next change. If none comes, it returns a Mark of the last known
	// position after wait at the latest, so that its caller can look at the clock; a wait
	// of zero or less means the heartbeat interval. The tuples of a Change are valid until
	// the next call. Next answers the server's keepalives by itself. Between transactions
	// the error may be an *Altered: the tables or the publication are not what they were
	// when the stream was opened, so it has to be opened again.
	Next(ctx context.Context, wait time.Duration) (Change, error)

	// Acknowledge tells the slot that it may forget everything up to lsn, and that we
	// live. It is cheap to call often: what the server knows already is sent again
	// only as often as its time-out asks for. lsn is never zero and never falls. If the
	// server is shutting down, an error that wraps ErrShutdown soon says so, here and in
	// Next, unless the server ends the stream by itself: it would wait for as long as we
	// show that we live.
	Acknowledge(ctx context.Context, lsn LSN) error

	// Close sends what was acknowledged last, if the server does not know it, and ends
	// the stream. Closing again does nothing.
	Close() error
}

// CreateRequest is what Origin.Create has to know.
type CreateRequest struct {
	// Look has Create change nothing, and only return a *Halt if the slot or the
	// publication must be a stranger's. For a pipeline that has not begun, a table that
	// cannot be replicated is a halt too; a reset, which sets Resumed, has such a table
	// parked.
	Look bool

	// Resumed says that an earlier daemon of this pipeline began to create, so that a slot
	// that is there is ours. Otherwise such a slot is a stranger's, unless the config says
	// that a DBA made it.
	Resumed bool

	// Remake drops the slot first, because it was proved to be unable to decode. Where a
	// DBA makes slots, a *Halt says that one has to be made anew.
	Remake bool

	// Reset drops the slot first, because somebody wants it reset. If a server process of
	// ours streams from it, that is ended. Where a DBA makes slots, a slot that is there is
	// taken as it is, as long as nothing speaks against it.
	Reset bool

	// System is the system identifier that the source must have; for another source a *Halt
	// says so before anything is touched. It is set for a reset that nobody asked for.
	// Empty: any.
	System string

	// Slot is the slot of a pipeline that is to be begun anew. If the config names another,
	// a *Halt says so: the old one would keep log for ever, and the new one may be another
	// pipeline's. Empty: any.
	Slot string

	// Known is what the warehouse remembers of the tables: some go by other names now, and
	// the publication has them by those. It holds only if the source is that database.
	Known Known

	// Still is called before the slot is dropped or made, which may be hours after the call
	// of Create. If it fails Create ends with its error: another daemon may have gone on
	// meanwhile, and the slot be its. Nil: nobody else can.
	Still func(context.Context) error
}

// Created is what Origin.Create made or found.
type Created struct {
	Start LSN // where the slot's stream begins
	Proof LSN // position of a message that was written after every earlier transaction had ended: past it the slot can decode
}

// OpenRequest is what Origin.Open has to know.
type OpenRequest struct {
	After    LSN   // transactions that ended at or before it are not wanted
	Timeline int32 // the timeline that After was on; 0 if not known
	End      bool  // find the position of now, to drain to

	// Slot is the pipeline's slot. If the config names another one, which is not there,
	// what is to be done depends on whether this one is. Empty: not known.
	Slot string

	// Known returns what is remembered of the tables. It is called once the stream is ours:
	// the log may tell of tables as they were, and some go by other names now. Nil: nothing
	// is remembered.
	Known func(context.Context) (Known, error)

	// Judge is called before the stream is started and the publication touched, with what
	// is known by then: all but Format, Publication, Tables, Unfit, Read and End. Its error
	// ends Open. Nil: there is nothing to judge by yet.
	Judge func(Opened) error
}

// Opened is what Origin.Open found. The core judges it by the checkpoint.
type Opened struct {
	System      string // system identifier
	Timeline    int32
	Fork        LSN // where the server's history left OpenRequest.Timeline; 0 if it did not
	Database    string
	Slot        string
	Confirmed   LSN    // the slot's confirmed position as found before the stream was started
	Flushed     LSN    // the end of the server's flushed log
	Format      string // how values are sent, in the source's own words, for people
	Publication PublicationID
	Tables      []Published
	Unfit       []Unfit     // tables that are chosen and cannot be replicated, or are not published as they must be
	Read        LSN         // where the log ended before the catalogue was read
	Seen        *Visibility // what the catalogue saw when Tables were read
	End         LSN         // a position that the stream will pass, at or after everything committed before Open; if asked for
}

// byOID returns the configured tables by their OIDs.
func (o Opened) byOID() map[uint32]*schema.Table {
	tables := map[uint32]*schema.Table{}
	for _, p := range o.Tables {
		tables[p.Table.OID] = p.Table
	}
	return tables
}

// Published is a configured table as the source publishes it.
type Published struct {
	Table *schema.Table
	Row   PublicationID // its row in pg_publication_rel

	// Missed says that a partition of the table was in the stream, and is gone without a
	// trace.
	Missed bool

	// SameRows is what looks at the catalogue have told of the table while streams were open;
	// nil: nothing.
	SameRows *SameRows
}

// SameRows says that a table that looked like Was, and then like Is, had the same rows all
// along: the catalogue was looked at in between.
type SameRows struct{ Was, Is Looks }

// Looks is how a table looks, as far as that is remembered.
type Looks struct {
	Shape []schema.Shape
	Heap  schema.Heap
}

// Equal reports whether two looks are the same.
func (l Looks) Equal(o Looks) bool {
	return slices.Equal(l.Shape, o.Shape) && l.Heap.File == o.Heap.File && l.Heap.Last == o.Heap.Last && slices.Equal(l.Heap.Dropped, o.Heap.Dropped)
}

// After returns the state after what was seen, if what was seen begins with the state.
// Taken as one change, a new default of a column and a later VACUUM FULL of its table would
// look like values that were written anew.
func (s TableState) After(seen *SameRows) TableState {
	if seen != nil && seen.Was.Equal(Looks{Shape: s.Shape, Heap: s.Heap}) {
		s.Shape, s.Heap = seen.Is.Shape, seen.Is.Heap
	}
	return s
}

// Snapshot is a view of tables at one moment of the source, with its place in the
// stream. Copy may be called by several goroutines at once, each on a session of
// its own; the other methods by one.
type Snapshot interface {
	Taken() Taken

	// Copy reads the rows of a range, in any order, and calls write with each. The
	// Tuple has all of the table's columns and is valid until write returns.
	Copy(ctx context.Context, r Range, write func(Tuple) error) error

	Close() error
}

// Taken says what a Snapshot is of.
type Taken struct {
	Tables   []*schema.Table // with the shapes read under the locks
	Seen     Visibility
	HandOver LSN // everything that the snapshot sees committed before it, and is flushed; the stream always passes it
	Ranges   []Range
}

// Range is a stretch of one table that one session reads.
type Range struct {
	Table *schema.Table
	Part  schema.Name // the partition that it is of; empty: the table, with all that is below it
	First uint32      // its first block
	Last  uint32      // the block after its last; 0: to the end
	Rows  int64       // estimate
	Bytes int64       // estimate
}
