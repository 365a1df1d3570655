package replicator

import (
	"testing"

	"rowshift/schema"
)

// TestALoadedTableWithoutAHeldTableGetsOne shows what becomes of a table that was loaded by
// a version that had no held tables: its load table is kept.
func TestALoadedTableWithoutAHeldTableGetsOne(t *testing.T) {
	d := &daemon{Options: &Options{Loader: applies{}}}
	opened := Opened{Tables: []Published{{Table: &schema.Table{OID: 1}}, {Table: &schema.Table{OID: 2}}}}
	cp := Checkpoint{Epoch: 5, Tables: []TableState{
		{OID: 1, State: Loading, Load: &LoadState{Into: "load_3_1_1", Loaded: true, HandOver: 7}},
		{OID: 2, State: Live},
	}}
	made, err := d.makeHeld(t.Context(), opened, &cp)
	if got := *cp.Tables[0].Load; err != nil || !made || got.Into != "load_3_1_1" || got.Held != "held_5_1_1" || !got.Loaded || got.HandOver != 7 {
		t.Errorf("%v, %v, %+v", made, err, got)
	}
	if cp.Tables[1].Load != nil {
		t.Error("a table that is live is held")
	}
}
