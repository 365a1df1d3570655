package replicator

import (
	"math"
	"slices"
	"testing"

	"rowshift/schema"
)

// Changes of one table need no look at the other tables: the routes of those are poisoned
// once the reader knows them.
func TestIdleTablesAreNotLookedAt(t *testing.T) {
	table := oneColumn(1, "t")
	for _, held := range []bool{false, true} {
		to := &route{table: table}
		if held {
			to.load, to.rule = &LoadState{Into: "load", Held: "held", HandOver: math.MaxInt64}, true
		}
		r := &reader{limits: Limits{Rows: math.MaxInt, Bytes: math.MaxInt, MaxAge: math.MaxInt64, MinInterval: math.MaxInt64}, refreshBytes: math.MaxInt64,
			merged: func() LSN { return 0 }, routes: map[uint32]*route{1: to}, until: math.MaxInt64}
		for oid := range uint32(1000) {
			r.routes[oid+2] = &route{table: &schema.Table{OID: oid + 2}}
		}
		r.survey()
		for oid := range uint32(1000) {
			r.routes[oid+2] = nil
		}
		r.open()
		for lsn := LSN(10); lsn < 100; lsn += 10 {
			if err := r.obey(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.patience()
			r.tx.begin(Change{Op: Begin, LSN: lsn, XID: 7}, 0)
			if err := r.change(t.Context(), Change{Op: Insert, Table: table, New: texts("1")}); err != nil {
				t.Fatal(err)
			}
			if err := r.commit(t.Context(), Change{Op: Commit, LSN: lsn + 5}); err != nil {
				t.Fatal(err)
			}
			if r.ends() || r.loading() != held {
				t.Fatal("it does not know what is loading")
			}
		}
	}
}

// A merge allocates nothing for tables that it does not change.
func TestMergesShareTheTablesStates(t *testing.T) {
	tables := make([]TableState, 10_000)
	for i := range tables {
		tables[i] = TableState{OID: uint32(i + 1), State: Live, Shape: make([]schema.Shape, 3)}
	}
	c := Checkpoint{LSN: 10, Tables: tables}
	var next Checkpoint
	if n := testing.AllocsPerRun(10, func() { next = c.after([]*Staged{{End: 20}}) }); n > 0 {
		t.Errorf("%v allocations behind a batch", n)
	}
	if next.LSN != 20 || !shared(next.Tables, tables) {
		t.Errorf("%v has other tables", next.LSN)
	}
	if n := testing.AllocsPerRun(10, func() { SameTables(slices.Clip(tables), next.Tables) }); n > 0 {
		t.Errorf("%v allocations for comparing", n)
	}

	joined := c.after([]*Staged{{End: 30, Joins: []Join{{Table: &schema.Table{OID: 5000}}}, Holds: []Hold{{Table: &schema.Table{OID: 6000}}}}})
	if SameTables(joined.Tables, tables) || tables[5999].State != Live || joined.Tables[5999].State != Loading {
		t.Error("a hold changes the states of before, or none")
	}
	for i := range tables {
		if i != 5999 && !joined.Tables[i].Same(tables[i]) {
			t.Errorf("table %d has another state", i+1)
		}
	}
}

// A state that is changed in one copy stays as it was in the others.
func TestStatesAreNotWrittenTo(t *testing.T) {
	before := Checkpoint{Tables: []TableState{{OID: 1, State: Loading, Load: &LoadState{Into: "a"}}}}
	after := before.Clone()
	after.Table(1).changeLoad(func(l *LoadState) { l.Loaded = true })
	if before.Tables[0].Load.Loaded || !after.Tables[0].Load.Loaded || after.Tables[0].Load.Into != "a" || SameTables(before.Tables, after.Tables) {
		t.Errorf("%+v, then %+v", before.Tables[0].Load, after.Tables[0].Load)
	}
}
