package replicator

import (
	"iter"

	"rowshift/schema"
)

// Fold is the net effect of a stretch of the stream on one table: at most one row
// per key.
type Fold struct {
	Table     *schema.Table
	Into      string // the load table that it applies to; empty: the target
	Truncated bool   // all rows of before are gone
	Counts    Counts
}

// Row is what a fold says of one key. Its tuples are valid as long as the fold.
type Row struct {
	// Key is the key that the row speaks of, by the columns of Table.Key.
	Key Tuple

	// New is the row that the key now has, nil if it is gone.
	New Tuple

	// Origin is the key under which the target holds the values that New leaves
	// unchanged, before this fold is applied to it. Nil if New leaves none unchanged.
	Origin Tuple
}

// Rows returns the fold's rows, one per key, in the order in which their keys
// first came.
func (f *Fold) Rows() iter.Seq[Row] { return nil }

// Len returns the number of rows.
func (f *Fold) Len() int { return 0 }

// Unchanged returns the indices of the columns that some row leaves unchanged,
// ascending.
func (f *Fold) Unchanged() []int { return nil }
