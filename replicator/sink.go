package replicator

import (
	"context"
	"time"

	"rowshift/schema"
)

// Stager makes batches and loads durable where the warehouse can read them. Stage is called
// by one goroutine; Load and Discard may be called by others meanwhile.
type Stager interface {
	// Stage writes each of a batch's folds as compressed parts and a manifest. It keeps
	// nothing of the batch after it returns.
	Stage(ctx context.Context, epoch Epoch, b *Batch) (*Staged, error)

	// Load begins the files of one table's load.
	Load(ctx context.Context, r LoadRequest) (LoadFiles, error)

	// Discard deletes objects that are not needed any more. One that is not there is no
	// error. What it cannot delete is left to Sweep.
	Discard(ctx context.Context, objects []string) error
}

// LoadRequest is what Stager.Load has to know.
type LoadRequest struct {
	Epoch   Epoch
	Into    string // the load table
	Table   *schema.Table
	At      LSN  // the hand-over position, which stands in the ledger as the rows' LSN
	Refused Rows // rows that COPY is known to refuse, so they are refused before
}

// Sweeper deletes what crashed daemons left in the bucket, and what could not be discarded.
type Sweeper interface {
	// Sweep deletes objects of epochs before the given one if they are old enough, and
	// returns how many.
	Sweep(ctx context.Context, before Epoch) (int, error)
}

// LoadFiles are the files of one table's load. Part may be called by several
// goroutines at once.
type LoadFiles interface {
	Part(ctx context.Context) (LoadPart, error)

	// Cut writes the manifests of the parts that were closed since the last Cut. It is
	// called by one goroutine at a time.
	Cut(ctx context.Context) (StagedLoad, error)

	// Objects returns the URLs of everything that was put for the load, or begun to be: in
	// a manifest or not, and the rows that were refused. It is all to be discarded if the
	// load is given up.
	Objects() []string
}

// LoadPart takes the rows of one range from one goroutine. A part that was not closed, or
// whose Close failed, is in no manifest.
type LoadPart interface {
	Write(Tuple) error // a row with all of the table's columns
	Close() error

	// Abandon ends a part that is given up, in place of Close.
	Abandon()
}

// Files are rows at rest, for one COPY.
type Files struct {
	Manifest    string   // URL of the manifest; empty if there are no rows
	Null        string   // the marker that stands for NULL: unguessable, and equal to no value in the files
	Compression string   // as COPY spells it: "ZSTD" or "GZIP"
	Rows        int64    // in all objects together
	Bytes       int64    // compressed
	Objects     []string // URLs of those with rows and of the manifest, to discard
}

// StagedLoad is a table's load at rest, or some ranges of it. Files has the table's
// columns, in their order. Ledger has what StagedFold.Ledger has of a fold that is not
// held.
type StagedLoad struct {
	Files
	Ledger Files
}

// Staged is a Batch at rest.
type Staged struct {
	End          LSN
	Commit       bool // End is a commit or a mark outside of any transaction, so everything up to here may be merged
	Time         time.Time
	Transactions int
	Changes      int          // changes folded
	Folds        []StagedFold // to be applied one after another
	Joins        []Join       // tables that join the live ones once the folds are applied
	Holds        []Hold       // tables whose changes are held from End on
	Kept         []string     // URLs of the rows that were refused: they stay if the batch is merged, and are to be discarded if it is not

	prepared bool // the warehouse was asked to prepare its merge
	applied  bool // by a merge that was committed, or that may have been
}

// StagedFold is a Fold at rest. Its files have one row per key, as CSV. First come the
// table's columns in their order. Then, if Unchanged is not empty, come the columns of the
// row's origin key in the order of Table.Key, NULL where the row needs no fill, and for
// each of Unchanged a boolean: whether the row leaves that column unchanged. The last is a
// boolean: whether the key is gone. A row whose key is gone has its key columns only, and
// NULL in the others.
type StagedFold struct {
	Table     *schema.Table
	Truncated bool  // all earlier rows are gone
	Unchanged []int // indices of columns that some row may leave unchanged, ascending; empty if none leaves any
	Gone      int64 // rows whose key is gone
	Counts    Counts
	Files     Files

	// Ledger has entries for the values that were adjusted and the rows that were refused.
	// In Files the key of a refused row is gone; if the key itself does not fit, the row is
	// not in Files at all. The columns of an entry are: if Held is set, the number of the
	// fold and the transaction, as in Files; the key columns in the order of Table.Key; the
	// key as text where they cannot hold it, else NULL; the column's name in the
	// warehouse, NULL if the entry is about no single one; the kind of misfit, or the
	// reason; the rule, which is schema.Quarantine for a refused row and Lifted for a key
	// that does not fit and is gone; the length in bytes of the source's text; LSN and time
	// of the commit; and the URL of the object that holds the row.
	Ledger Files

	// Into is the load table that the fold applies to, in the batch with which its
	// table joins; empty: the target.
	Into string

	// Held is the held table that the rows are added to while the table is loading; empty:
	// they are applied. Held rows may be of several folds, and their files have more. Each
	// row begins with the number of its fold, from 1; the transaction that the fold is of,
	// NULL if it is of several; and a boolean: whether all earlier rows are gone, which is
	// a row of its own that has nothing else. There are flags for all of Table.Toastable
	// instead of Unchanged. Truncated, Unchanged and Gone are not set.
	Held string
}

// Counts are the changes of a fold by operation, before folding.
type Counts struct {
	Inserts, Updates, Deletes, Truncates int64
}

// Add adds o to c.
func (c *Counts) Add(o Counts) {
	c.Inserts += o.Inserts
	c.Updates += o.Updates
	c.Deletes += o.Deletes
	c.Truncates += o.Truncates
}

// Warehouse applies what was staged and remembers how far it got, in one
// transaction. It is used by one goroutine at a time.
//
// The first statement of each of its transactions locks the fence, before anything
// is read, so that they happen one after another. An error for which Retryable is
// true left nothing behind. After any other the outcome may be unknown: open again
// by Fence, whose lock waits for a dying transaction to end either way.
type Warehouse interface {
	// Checkpoint reads what is remembered without locking anything: nil if there is
	// nothing. It may be older than a merge that is under way.
	Checkpoint(context.Context) (*Checkpoint, error)

	// Fence takes the warehouse over. It ends the sessions of its own user and application
	// name that hold the fence, and in one transaction raises the epoch and reads the
	// checkpoint. If there is no checkpoint it writes first, with epoch 1. With an error it
	// returns the checkpoint only if the epoch was raised for sure.
	Fence(ctx context.Context, first Checkpoint) (Checkpoint, error)

	// Prepare does ahead what Merge would do for s outside of its transaction, and nothing
	// that lasts. If it fails Merge does it all, and returns the error if it is still
	// there.
	Prepare(ctx context.Context, s *Staged) error

	// Merge applies m in one transaction if the checkpoint still is of m.Checkpoint's epoch
	// and at m.Expect; else the error wraps ErrFenced.
	//
	// The same transaction reads requests to load tables again, and answers them. A request
	// is taken if its table is loading by m.Checkpoint and has no snapshot yet, it is done
	// when the table then joins, and it is refused if m.Checkpoint does not have the table.
	Merge(ctx context.Context, m *Merge) (Merged, error)
}

// Merge is one transaction of the warehouse. With nothing staged it only moves the
// checkpoint.
type Merge struct {
	Expect     LSN        // where the checkpoint stands
	Checkpoint Checkpoint // what it becomes, with its tables as they will be

	// Alterations are carried out before the transaction, each by itself, and again if the
	// merge is tried again. If a target cannot be altered that way, the error is an *Unfit.
	// It is also an *Unfit, with Passes set, if readers have kept a target from being altered
	// for minutes, during which nothing is merged.
	Alterations []Alteration

	Staged []*Staged // in order; all but the last may end inside a transaction
}

// Alteration brings a target, if there is one, in line with what became of its table. It
// adds the columns that the target lacks, makes types longer or wider, and gives columns
// other names. It drops no column. In the transaction of the merge, the columns that the
// table was given become NULL in all rows.
type Alteration struct {
	Table *schema.Table
	Diff  schema.Diff // for a table that is loaded, it only says how columns of the target are renamed
	Loads bool        // the table is loaded, so that no column of its target need be filled
}

// Join makes a target equal to a load table, which stands at the position of the
// batch that it comes with. Its held table is empty by then. Both are dropped after
// the commit.
type Join struct {
	Table *schema.Table
	From  string // the load table
	Held  string // the held table
}

// Hold has a table's changes held for a load that begins, from the end of the batch that it
// comes with.
type Hold struct {
	Table  *schema.Table
	Into   string    // the load table, which is not there yet
	Held   string    // the held table, which is there and empty
	Before LoadState // of the load that was given up for this one: its tables are dropped after the commit
}

// Merged is what a merge did.
type Merged struct {
	Rows  map[uint32]int64       // rows deleted or inserted by table, as the warehouse counted them
	Steps map[Step]time.Duration // how long each took, if the merge had it

	// Resyncs are the tables that somebody has asked to have loaded again, but for those
	// that are about to be loaded with this merge.
	Resyncs []schema.Name

	Altered []string // the statements that altered targets

	ResetAsked bool // somebody has asked for a slot reset

	// Entries count what the merge wrote to the ledger and to the quarantine.
	Entries []Entries

	// Quarantined are the rows that are in quarantine since the merge, by table; nil if
	// the merge did not ask.
	Quarantined map[schema.Name]int64
}

// Entries are entries of one table, kind and rule: adjusted values or, by
// schema.Quarantine, refused rows.
type Entries struct {
	Table schema.Name
	Kind  string
	Rule  schema.Rule
	Count int64
}

// Loader fills load tables, on a connection of its own, so that tables that are
// live never wait for a load. It may be called by several goroutines at once, for
// different tables.
type Loader interface {
	// Hold makes the held table anew, empty, and beside it the load's ledger.
	Hold(ctx context.Context, held string, t *schema.Table) error

	// MakeLoad makes the load table, of the target's shape, if it is not there. The table is
	// the load's own by its name, so one that is there is of an earlier try. If its answer is
	// lost, MakeLoad may still take effect when rows are in the table: it must leave them.
	//
	// If there is no target, it makes that as well, with its grants, under the fence: a target
	// that is made behind the back of a newer daemon, which has brought the targets in line
	// already, would stay of another shape. The error wraps ErrFenced if the checkpoint is of
	// another epoch by then.
	MakeLoad(ctx context.Context, epoch Epoch, t *schema.Table, l LoadState) error

	// Load copies files into the load table and compares the counts. It keeps the files'
	// ledger, beside the held table, until the table joins. An error that is Retryable has
	// left nothing of them.
	Load(ctx context.Context, l LoadState, t *schema.Table, f StagedLoad) error

	// Apply applies the first held changes to the load table, but for those of transactions
	// that its snapshot saw, and takes them out of the held table. It does so in one
	// transaction of seconds, under the fence. The error wraps ErrFenced if the checkpoint
	// is of another epoch. It is a *Spoiled if the warehouse refuses that for good.
	//
	// left is how many transactions in a row before this one have left some of the same
	// table. Each may do more than the one before, and so take longer. A merge comes
	// between two of them: in the end what it holds must be less than what one of them
	// applies, or the table never catches up.
	Apply(ctx context.Context, epoch Epoch, t *schema.Table, l LoadState, left int) (Applied, error)
}

// Applied is what one transaction of Loader.Apply did.
type Applied struct {
	Rows int64 // taken out of the held table
	Left bool  // the held table has more
}
