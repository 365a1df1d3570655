package replicator

import (
	"context"
	"errors"
	"testing"

	"rowshift/schema"
)

// A load catches up even if the warehouse takes as long for one fold as for merging the
// next fold of each table.
func TestApplyCatchesUp(t *testing.T) {
	held := slow{held: map[string]int{}}
	cp := Checkpoint{}
	tables := map[uint32]*schema.Table{}
	for n, name := range []string{"a", "b", "c", "d"} {
		oid := uint32(n + 1)
		tables[oid], held.held[name] = &schema.Table{OID: oid}, 5
		cp.Tables = append(cp.Tables, TableState{OID: oid, State: Loading, Load: &LoadState{Held: name, Loaded: true}})
	}
	l := newLoad(&Options{Loader: &held}, Opened{}, cp, nil, nil, nil)
	l.tables = tables
	<-l.turn
	l.turn <- false
	if err := l.apply(t.Context(), false); err != nil {
		t.Errorf("%v: %v are still held", err, held.held)
	}
}

// slow is a loader that applies one fold in a transaction, and twice as many in each that
// follows one that left some. After each, one fold of each table is merged.
type slow struct {
	Loader
	held         map[string]int
	transactions int
}

var errTooMany = errors.New("1,000 transactions are no end")

func (s *slow) Apply(_ context.Context, _ Epoch, _ *schema.Table, l LoadState, left int) (Applied, error) {
	if s.transactions++; s.transactions > 1000 {
		return Applied{}, errTooMany
	}
	rest := max(0, s.held[l.Held]-1<<min(left, 4))
	s.held[l.Held] = rest
	for name := range s.held {
		s.held[name]++
	}
	return Applied{Left: rest > 0}, nil
}
