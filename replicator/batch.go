package replicator

import (
	"time"

	"rowshift/schema"
)

// Batch is the net effect of a contiguous stretch of the stream. A batch may end
// inside a source transaction; a merge may not.
type Batch struct {
	End          LSN       // every change at or before End is in this batch or an earlier one
	Commit       bool      // End is a commit, or a mark outside of any transaction
	Time         time.Time // commit time of the last transaction in it; zero if none
	Transactions int
	Changes      int             // before folding
	Folds        []*Fold         // in the order in which they are to be applied
	Joins        []Join          // tables that join the live ones at End
	Holds        []Hold          // tables whose changes are held from End on
	Refused      map[uint32]Rows // rows that COPY is known to refuse, so they are refused before they are staged; nil if none

	arena arena         // what its folds keep their rows in
	told  chan struct{} // closed once the listener was told that the batch is sealed
}

// newFold adds an empty fold of t, which keeps its rows in the batch's arena.
func (b *Batch) newFold(t *schema.Table) *Fold {
	f := NewFold(t, "")
	f.arena = &b.arena
	b.Folds = append(b.Folds, f)
	return f
}

// release gives the batch's memory to others. Its rows must not be read any more.
func (b *Batch) release() {
	for _, f := range b.Folds {
		f.release()
	}
	b.arena.release()
}
