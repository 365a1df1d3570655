package replicator

import "time"

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
	Refused      map[uint32]Rows // rows that are refused before they are staged, since COPY refuses them; nil if there are none

	arena arena         // of its folds
	told  chan struct{} // closed once the listener knows that it is sealed
}

// release leaves the batch's memory to others. Nobody may look at its rows any more.
func (b *Batch) release() {
	for _, f := range b.Folds {
		f.release()
	}
	b.arena.release()
}
