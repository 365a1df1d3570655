package replicator

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"rowshift/schema"
)

// TestARowThatASnapshotMaySee shows that a row that cannot be read ends nothing while
// nobody knows whether the load's snapshot sees its transaction. It ends the pass once it
// turns out that the snapshot does not.
func TestARowThatASnapshotMaySee(t *testing.T) {
	unfit := &Altered{OID: 1}
	for seen, want := range map[bool]bool{true: false, false: true} {
		table := &schema.Table{OID: 1, Key: []int{0}, Columns: make([]schema.Column, 2)}
		r := &reader{
			limits: Limits{Rows: math.MaxInt, Bytes: math.MaxInt},
			routes: map[uint32]*route{1: {table: table, load: &LoadState{Held: "held"}}},
		}
		r.open()
		r.tx.begin(Change{Op: Begin, LSN: 10, XID: 7}, 0)
		if err := r.change(t.Context(), Change{Op: Insert, Table: table, Misread: unfit}); err != nil {
			t.Fatal(err)
		}
		visibility := Visibility{XMin: 5, XMax: 5}
		if seen {
			visibility = Visibility{XMin: 8, XMax: 8}
		}
		err := r.learn(&Taken{Tables: []*schema.Table{table}, Seen: visibility, HandOver: 20})
		if _, ends := errors.AsType[*Altered](err); ends != want {
			t.Errorf("a snapshot that sees it (%v): %v", seen, err)
		}
	}
}

// TestRowsThatArePutOffAreBounded shows that transactions with such rows cost a few bytes
// each, and that too many of them are an error.
func TestRowsThatArePutOffAreBounded(t *testing.T) {
	to := &route{load: &LoadState{Held: "held"}}
	for xid := range uint32(mostUnfit) {
		for range 2 {
			if err := to.putOff(xid, &Altered{OID: 1}); err != nil {
				t.Fatalf("transaction %d: %v", xid, err)
			}
		}
	}
	if err := to.putOff(mostUnfit, &Altered{OID: 1}); err == nil || len(to.unfit) != mostUnfit {
		t.Errorf("%d are put off, then %v", len(to.unfit), err)
	}
}

// TestWhatIsHandedOverAtAnAlteration shows what the last batch has in a pass that ends
// because the source was altered: all that was committed, the rest of a transaction of
// which parts were handed over, and nothing of an open one.
func TestWhatIsHandedOverAtAnAlteration(t *testing.T) {
	table := oneColumn(1, "t")
	row := Change{Op: Insert, Table: table, New: texts("a")}
	begin, commit := Change{Op: Begin, LSN: 10, XID: 7}, Change{Op: Commit, LSN: 20}
	for name, c := range map[string]struct {
		stream []Change
		rows   int // a batch at most
		want   []SealedBatch
	}{
		"nothing":               {stream: nil, rows: 10},
		"a transaction":         {stream: []Change{begin, row, commit}, rows: 10, want: []SealedBatch{{End: 20, Commit: true, Transactions: 1, Changes: 1}}},
		"one that is open":      {stream: []Change{begin, row}, rows: 10},
		"a part of one":         {stream: []Change{begin, row, row}, rows: 2, want: []SealedBatch{{End: 1, Changes: 2}}},
		"parts, and the commit": {stream: []Change{begin, row, row, commit}, rows: 2, want: []SealedBatch{{End: 1, Changes: 2}, {End: 20, Commit: true, Transactions: 1}}},
		"parts, and the rest":   {stream: []Change{begin, row, row, row, commit}, rows: 2, want: []SealedBatch{{End: 1, Changes: 2}, {End: 20, Commit: true, Transactions: 1, Changes: 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			out, over := make(chan *Batch), make(chan struct{})
			r := &reader{
				limits: Limits{Rows: c.rows, Bytes: math.MaxInt, MaxAge: time.Hour, MinInterval: time.Hour}, refresh: -1, refreshBytes: math.MaxInt64,
				source: &recital{changes: c.stream, over: over}, out: out, routes: map[uint32]*route{1: {table: table}}, start: 1, merged: func() LSN { return 1 },
			}
			ended := make(chan error, 1)
			go func() { ended <- r.run(t.Context()) }()
			var got []SealedBatch
			for b := range out {
				got = append(got, SealedBatch{End: b.End, Commit: b.Commit, Transactions: b.Transactions, Changes: b.Changes})
				<-over // the first is being staged: what is offered meanwhile is not taken
			}
			if _, altered := errors.AsType[*Altered](<-ended); !altered {
				t.Error("the pass did not end for the alteration")
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%+v were handed over, want %+v", got, c.want)
			}
		})
	}
}

// What is whole is handed over, too, if the alteration is that a snapshot does not see a
// row that could not be read.
func TestWhatIsHandedOverForARowThatNoSnapshotSaw(t *testing.T) {
	table, other := oneColumn(1, "t"), &schema.Table{OID: 2}
	out := make(chan *Batch)
	s := &snapshotted{orders: make(chan order, 1)}
	s.changes = []Change{{Op: Begin, LSN: 10, XID: 8}, {Op: Insert, Table: table, New: texts("a")}, {Op: Commit, LSN: 20}}
	s.order = order{taken: &Taken{Tables: []*schema.Table{other}, Seen: Visibility{XMin: 5, XMax: 5}, HandOver: 30}, learned: make(chan struct{})}
	r := &reader{
		limits: Limits{Rows: 10, Bytes: math.MaxInt, MaxAge: time.Hour, MinInterval: time.Hour}, refresh: -1, refreshBytes: math.MaxInt64,
		source: s, out: out, orders: s.orders, start: 1, merged: func() LSN { return 1 },
		routes: map[uint32]*route{1: {table: table}, 2: {table: other, load: &LoadState{Held: "held"}, unfit: []uint32{7}, why: &Altered{OID: 2}}},
	}
	ended := make(chan error, 1)
	go func() { ended <- r.run(t.Context()) }()
	var got []LSN
	for b := range out {
		got = append(got, b.End)
	}
	if _, altered := errors.AsType[*Altered](<-ended); !altered || !slices.Equal(got, []LSN{20}) {
		t.Errorf("batches up to %v were handed over, and it ended with an alteration: %v", got, altered)
	}
}

// snapshotted is a Source behind whose changes a snapshot is known.
type snapshotted struct {
	recital
	orders chan order
	order  order
}

func (s *snapshotted) Next(ctx context.Context, wait time.Duration) (Change, error) {
	if len(s.changes) == 0 {
		s.orders <- s.order
		return Change{Op: Mark}, nil
	}
	return s.recital.Next(ctx, wait)
}

// recital is a Source of some changes, behind which it is altered.
type recital struct {
	changes []Change
	over    chan struct{} // closed there
}

func (s *recital) Next(context.Context, time.Duration) (Change, error) {
	if len(s.changes) == 0 {
		close(s.over)
		return Change{}, &Altered{OID: 1}
	}
	c := s.changes[0]
	s.changes = s.changes[1:]
	return c, nil
}

func (s *recital) Acknowledge(context.Context, LSN) error { return nil }
func (s *recital) Close() error                           { return nil }

// TestTablesOfWhichNothingIsHeld shows that tables of which nothing is held cost no
// transaction, and that the others do.
func TestTablesOfWhichNothingIsHeld(t *testing.T) {
	seen := applies{}
	cp := Checkpoint{Tables: []TableState{{OID: 1, State: Loading, Load: &LoadState{Held: "a"}}, {OID: 2, State: Loading, Load: &LoadState{Held: "b"}}}}
	l := newLoad(&Options{Loader: seen}, Opened{}, cp, nil, nil, nil)
	l.tables = map[uint32]*schema.Table{1: {OID: 1}, 2: {OID: 2}}
	<-l.turn
	l.turn <- false
	for n, want := range []applies{{"a": 1, "b": 1}, {"a": 1, "b": 1}, {"a": 1, "b": 2}, {"a": 1, "b": 2}} {
		if n == 2 {
			l.merged([]*Staged{{Folds: []StagedFold{{Held: "b"}}}, {}})
		}
		if err := l.apply(t.Context(), false); err != nil || !maps.Equal(seen, want) {
			t.Errorf("round %d: %v, %v, want %v", n, seen, err, want)
		}
	}
}
