package replicator

import (
	"context"
	"time"

	"rowshift/schema"
)

// Stager makes batches and loads durable where the warehouse can read them. Stage
// is called by one goroutine; Load, and Discard, may be called beside it by others.
type Stager interface {
	// Stage writes a batch's folds as compressed parts, a manifest for each. It keeps
	// nothing of the batch after it returns.
	Stage(ctx context.Context, epoch Epoch, b *Batch) (*Staged, error)

	// Load begins the files of one table's load.
	Load(ctx context.Context, r LoadRequest) (LoadFiles, error)

	// Discard deletes the objects of files that are not needed any more. What it
	// cannot delete is left to Sweep.
	Discard(ctx context.Context, objects []string) error
}

// LoadRequest is what Stager.Load has to know.
type LoadRequest struct {
	Epoch   Epoch
	Into    string // the load table
	Table   *schema.Table
	At      LSN  // the hand-over position, which the rows are accounted with
	Refused Rows // rows that COPY is known to refuse, and that are refused before
}

// Sweeper deletes what crashed daemons left in the bucket.
type Sweeper interface {
	// Sweep deletes objects of epochs before that one that are old enough, and returns
	// how many.
	Sweep(ctx context.Context, before Epoch) (int, error)
}

// LoadFiles are the files of one table's load. Part may be called by several
// goroutines at once.
type LoadFiles interface {
	Part(ctx context.Context) (LoadPart, error)

	// Cut writes the manifests of the parts that were closed since the last Cut. It is
	// called by one goroutine at a time.
	Cut(ctx context.Context) (StagedLoad, error)
}

// LoadPart takes the rows of one range, by one goroutine. A part that is not
// closed, or whose Close failed, is in no manifest.
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
	Rows        int64    // rows in all parts
	Bytes       int64    // compressed
	Objects     []string // URLs of parts and manifest, to discard
}

// StagedLoad is a table's load at rest, or some ranges of it: files that have the table's
// columns, in their order, and those of its ledger, as StagedFold has it of a fold that is
// not held.
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

	prepared bool // the warehouse was asked to prepare its merge
}

// StagedFold is a Fold at rest. Its files have, as CSV, the table's columns in
// their order; then, if Unchanged is not empty, the columns of the row's origin key
// in the order of Table.Key, NULL where the row needs no fill, and one boolean for
// each of Unchanged that tells whether the row leaves that column unchanged; then
// one boolean that tells whether the key is gone. A row whose key is gone has its
// key columns only, NULL in the others. There is one row per key.
type StagedFold struct {
	Table     *schema.Table
	Truncated bool  // all rows of before are gone
	Unchanged []int // indices of columns that some row may leave unchanged, ascending; empty if none leaves any
	Gone      int64 // rows whose key is gone
	Counts    Counts
	Files     Files

	// Ledger are entries for the values that were adjusted and the rows that were
	// refused. A row that was refused is one whose key is gone in Files, but if the key
	// itself does not fit: then it is not in Files. The entries have: if Held is set, the
	// number of the fold and the transaction, as in Files; the key columns in the order
	// of Table.Key; the key as text where they do not hold it, else NULL; the source's
	// name of the column, NULL if it is of no one; the kind of misfit or the reason; the
	// rule, schema.Quarantine for a row that was refused, Lifted for a key that does not
	// fit and is gone; how many bytes the source's text has; LSN and time of the commit;
	// and the URL of the object that holds the row.
	Ledger Files

	// Into is the load table that the fold applies to, in the batch with which its
	// table joins; empty: the target.
	Into string

	// Held is the held table that the rows are added to while the table is loading;
	// empty: they are applied. They then are of one or more folds, and there is more in
	// the files: first of each row the number of its fold, from 1, the transaction that
	// the fold is of, NULL if it is of several, and a boolean that tells whether all
	// rows of before are gone, as a row of its own that has nothing else; and flags for
	// all of Table.Toastable instead of Unchanged. Truncated, Unchanged and Gone are not
	// set.
	Held string
}

// Counts are the changes of a fold by operation, before folding.
type Counts struct {
	Inserts, Updates, Deletes, Truncates int64
}

// Add adds others to c.
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

	// Fence takes over: it ends the sessions of its own user and application name that
	// hold the fence, and in one transaction raises the epoch and reads the checkpoint. If there
	// is none it writes first, with epoch 1.
	Fence(ctx context.Context, first Checkpoint) (Checkpoint, error)

	// Prepare does ahead what Merge will do for s outside of its transaction: nothing that
	// lasts. After an error, of which Merge tells again, Merge does it all.
	Prepare(ctx context.Context, s *Staged) error

	// Merge applies m in one transaction, if the checkpoint still is of m.Checkpoint's
	// epoch and at m.Expect; else the error wraps ErrFenced.
	//
	// In it requests to load tables again are read and answered: one whose table is
	// loading by m.Checkpoint, and has no snapshot yet, is taken; one that was taken is
	// done when the table joins; one for a table that m.Checkpoint does not have is
	// refused.
	Merge(ctx context.Context, m *Merge) (Merged, error)
}

// Merge is one transaction of the warehouse. With nothing staged it only moves the
// checkpoint.
type Merge struct {
	Expect     LSN        // where the checkpoint stands
	Checkpoint Checkpoint // what it becomes, with its tables as they will be

	// Alterations are carried out before the transaction, each for itself, and again if
	// the merge is tried again. The error is an *Unfit for a target that cannot be
	// altered so.
	Alterations []Alteration

	Staged []*Staged // in order; all but the last may end inside a transaction
}

// Alteration brings a target, if it is there, in line with what became of its table: it
// gets the columns that it lacks, and longer or wider types, and columns go by other
// names. No column is dropped. A column that was added is NULL in all rows, in the
// transaction of the merge.
type Alteration struct {
	Table *schema.Table
	Diff  schema.Diff // empty for a table that is loaded
}

// Join makes a target equal to a load table, which stands at the position of the
// batch that it comes with. Its held table is empty by then. Both are dropped after
// the commit.
type Join struct {
	Table *schema.Table
	From  string // the load table
	Held  string // the held table
}

// Hold lets a table's changes be held, from the end of the batch that it comes with
// on, for a load that begins.
type Hold struct {
	Table  *schema.Table
	Into   string    // the load table, which is not there yet
	Held   string    // the held table, which is there and empty
	Before LoadState // of the load that was given up for this one: its tables are dropped after the commit
}

// Merged is what a merge did.
type Merged struct {
	Rows  map[uint32]int64         // rows deleted or inserted by table, as the warehouse counted them
	Steps map[string]time.Duration // by step: copy, fill, delete, insert, reconcile, checkpoint, commit

	// Resyncs are the tables whose load somebody has asked for, and that are not about
	// to be loaded with this merge.
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

	// MakeLoad makes the load table anew, empty, of the target's shape, with no entry in the
	// load's ledger; and the target, with its grants, if it is not there. It does the latter
	// under the fence: one that is made behind the back of a newer daemon, which has brought
	// the targets in line already, would stay of another shape. The error wraps ErrFenced if
	// the checkpoint is of another epoch then.
	MakeLoad(ctx context.Context, epoch Epoch, t *schema.Table, l LoadState) error

	// Load copies files into the load table, compares the counts, and keeps their ledger,
	// which goes by the held table, until the table joins. An error that is Retryable has
	// left nothing of them.
	Load(ctx context.Context, l LoadState, t *schema.Table, f StagedLoad) error

	// Apply applies the first held changes to the load table, but for those of
	// transactions that its snapshot saw, and takes them out of the held table, in one
	// transaction of seconds under the fence. The error wraps ErrFenced if the checkpoint is
	// of another epoch.
	//
	// left is how many transactions before it, one after another, have left some of the
	// same table. Each of them may do more than the one before, and take longer, since a
	// merge comes between two of them: what is held by that must be less, in the end, than
	// what one of them applies, or the table never catches up.
	Apply(ctx context.Context, epoch Epoch, t *schema.Table, l LoadState, left int) (Applied, error)
}

// Applied is what one transaction of Loader.Apply did.
type Applied struct {
	Rows int64 // taken out of the held table
	Left bool  // the held table has more
}
