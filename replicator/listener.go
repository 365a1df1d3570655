package replicator

import (
	"time"

	"rowshift/schema"
)

// Listener is told what happens. Each function is called on the goroutine where it happened
// and must return at once; nil functions are skipped. Their arguments hold counts,
// positions and names, never a row's value. Each batch is reported as sealed, then staged,
// then merged: a function that is slow to return holds up what follows.
type Listener struct {
	Waiting      func(what string) // for the slot, for old transactions, for a lock: called once for each
	Remembered   func(Checkpoint)  // what the warehouse remembers, as a pass begins; not called while it remembers nothing
	Opened       func(OpenedPass)  // a pass began: its stream is open and the fence taken
	Restarted    func(Restart)     // a pass failed, and another will begin
	Halted       func(*Halt)
	Receiving    func(Receiving) // a transaction takes long to be received: called once for each
	Received     func(Received)
	Sealed       func(SealedBatch)
	Staged       func(StagedBatch)
	Merged       func(MergedBatch)
	Retried      func(Retry) // a step is tried again in place
	Acknowledged func(LSN)
	LoadBegun    func(Taken)
	LoadProgress func(LoadProgress) // about once a second
	Loaded       func(LoadedTable)
	Applied      func(AppliedTable) // held changes of a table were applied to its load table
	Tables       func([]TableState) // as they are now, whenever one changed
	Altered      func([]string)     // the statements that altered targets
	Discarded    func(Deletion)     // objects of what was merged, loaded or given up
	Swept        func(Deletion)     // objects that crashed daemons and earlier passes left
}

// OpenedPass tells of a pass that began.
type OpenedPass struct {
	Opened     Opened
	Checkpoint Checkpoint
}

// Restart tells of a pass that failed.
type Restart struct {
	Cause error
	Wait  time.Duration // until the next pass
}

// Receiving tells of a transaction with changes of replicated tables whose commit has not been
// received yet. It has committed in the source.
type Receiving struct {
	LSN  LSN // where its commit record begins: it ends behind that
	Time time.Time
}

// Received tells of a commit or a mark.
type Received struct {
	LSN     LSN
	Time    time.Time // commit time; zero for a mark
	Changes int       // of replicated tables in the transaction; 0 for a mark
}

// SealedBatch tells of a batch that was handed over to be staged.
type SealedBatch struct {
	End          LSN
	Commit       bool
	Transactions int
	Changes      int // before folding
	Rows         int // after
	Bytes        int // of its folds in memory
	Age          time.Duration
}

// StagedBatch tells of a batch that is at rest in the bucket.
type StagedBatch struct {
	Staged *Staged
	Took   time.Duration
}

// MergedBatch tells of a merge that is committed.
type MergedBatch struct {
	Merge  *Merge
	Merged Merged
	Took   time.Duration
}

// Retry tells of a step that failed and left nothing behind.
type Retry struct {
	Step  string
	Cause error
	Wait  time.Duration
}

// LoadProgress tells how far a load is, in all its tables together.
type LoadProgress struct {
	Tables, TablesLoaded int
	Rows, Bytes          int64 // read so far; bytes as the source sent them
	RowsEstimated        int64 // in all; 0 if not known
	BytesEstimated       int64
	Elapsed              time.Duration
}

// LoadedTable tells of a table whose load table holds what the snapshot saw.
type LoadedTable struct {
	Table *schema.Table
	Rows  int64
	Took  time.Duration
}

// AppliedTable tells of a transaction that applied held changes of a table.
type AppliedTable struct {
	Table   *schema.Table
	Applied Applied
}

// Deletion tells of objects deleted from the bucket.
type Deletion struct {
	Objects int
	Err     error
}

// Tee returns a Listener that tells each of the listeners, in order.
func Tee(listeners ...Listener) Listener {
	return Listener{
		Waiting:      each(listeners, func(l Listener) func(string) { return l.Waiting }),
		Remembered:   each(listeners, func(l Listener) func(Checkpoint) { return l.Remembered }),
		Opened:       each(listeners, func(l Listener) func(OpenedPass) { return l.Opened }),
		Restarted:    each(listeners, func(l Listener) func(Restart) { return l.Restarted }),
		Halted:       each(listeners, func(l Listener) func(*Halt) { return l.Halted }),
		Receiving:    each(listeners, func(l Listener) func(Receiving) { return l.Receiving }),
		Received:     each(listeners, func(l Listener) func(Received) { return l.Received }),
		Sealed:       each(listeners, func(l Listener) func(SealedBatch) { return l.Sealed }),
		Staged:       each(listeners, func(l Listener) func(StagedBatch) { return l.Staged }),
		Merged:       each(listeners, func(l Listener) func(MergedBatch) { return l.Merged }),
		Retried:      each(listeners, func(l Listener) func(Retry) { return l.Retried }),
		Acknowledged: each(listeners, func(l Listener) func(LSN) { return l.Acknowledged }),
		LoadBegun:    each(listeners, func(l Listener) func(Taken) { return l.LoadBegun }),
		LoadProgress: each(listeners, func(l Listener) func(LoadProgress) { return l.LoadProgress }),
		Loaded:       each(listeners, func(l Listener) func(LoadedTable) { return l.Loaded }),
		Applied:      each(listeners, func(l Listener) func(AppliedTable) { return l.Applied }),
		Tables:       each(listeners, func(l Listener) func([]TableState) { return l.Tables }),
		Altered:      each(listeners, func(l Listener) func([]string) { return l.Altered }),
		Discarded:    each(listeners, func(l Listener) func(Deletion) { return l.Discarded }),
		Swept:        each(listeners, func(l Listener) func(Deletion) { return l.Swept }),
	}
}

// each returns a function that calls what pick finds in each listener, nil if it
// finds nothing.
func each[T any](listeners []Listener, pick func(Listener) func(T)) func(T) {
	var fs []func(T)
	for _, l := range listeners {
		if f := pick(l); f != nil {
			fs = append(fs, f)
		}
	}
	if len(fs) == 0 {
		return nil
	}
	return func(what T) {
		for _, f := range fs {
			f(what)
		}
	}
}

// tell calls f, if it is there.
func tell[T any](f func(T), what T) {
	if f != nil {
		f(what)
	}
}
