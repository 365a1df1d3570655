package postgres

import (
	"context"
	"errors"
	"testing"
	"time"

	"rowshift/replicator"
)

// A stream whose partitions are other ones ends behind the transaction that is being
// received, not within it.
func TestPartitionsEndNoTransaction(t *testing.T) {
	said := &saying{ops: []replicator.Op{replicator.Mark, replicator.Begin, replicator.Insert, replicator.Mark, replicator.Commit, replicator.Mark}}
	w := &partitionWatch{Source: said, begin: func() {}}
	for n := range 5 {
		c, err := w.Next(t.Context(), 0)
		if err != nil || c.Op != said.ops[n] {
			t.Fatalf("%d: %v, %v", n, c.Op, err)
		}
		if c.Op == replicator.Begin {
			var altered error = &replicator.Altered{Found: "partitions came", Cause: errPartitions}
			w.altered.Store(&altered)
		}
	}
	if c, err := w.Next(t.Context(), 0); !errors.Is(err, errPartitions) {
		t.Errorf("%v, %v", c.Op, err)
	}
}

// saying is a source that says what it is told to.
type saying struct {
	replicator.Source
	ops  []replicator.Op
	next int
}

func (s *saying) Next(context.Context, time.Duration) (replicator.Change, error) {
	s.next++
	return replicator.Change{Op: s.ops[s.next-1]}, nil
}
