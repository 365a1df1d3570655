package replicator

import "slices"

// Visibility is what a snapshot sees, as pg_current_snapshot() tells it: every
// transaction below XMax but those in InProgress.
// https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-PG-SNAPSHOT
type Visibility struct {
	XMin       uint64   `json:"xmin"`          // every transaction below it had ended
	XMax       uint64   `json:"xmax"`          // no transaction at or above it had ended
	InProgress []uint64 `json:"xip,omitempty"` // top-level transactions between them that had not ended, ascending
}

// Sees reports whether the snapshot sees a transaction that has committed by the stream.
// The stream's ids have 32 bits: they are widened to the one nearest to XMax, which is
// right while fewer than 2^31 transactions lie between.
func (v Visibility) Sees(xid uint32) bool {
	wide := v.XMax + uint64(int64(int32(xid-uint32(v.XMax))))
	if wide < v.XMin {
		return true
	}
	if wide >= v.XMax {
		return false
	}
	_, running := slices.BinarySearch(v.InProgress, wide)
	return !running
}
