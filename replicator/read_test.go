package replicator

import (
	"errors"
	"math"
	"testing"

	"rowshift/schema"
)

// TestARowThatASnapshotMaySee shows that a row which cannot be applied halts nothing
// while nobody knows whether the load's snapshot sees its transaction, and halts once
// that is known not to be so.
func TestARowThatASnapshotMaySee(t *testing.T) {
	key := Tuple{}.Append(Value{Kind: Text, Text: []byte("a")})
	unknown := key.Append(Value{Kind: Unchanged}) // an Insert's: nothing has its value
	for seen, want := range map[bool]bool{true: false, false: true} {
		table := &schema.Table{OID: 1, Key: []int{0}, Columns: make([]schema.Column, 2)}
		r := &reader{
			limits: Limits{Rows: math.MaxInt, Bytes: math.MaxInt},
			routes: map[uint32]*route{1: {table: table, load: &LoadState{Held: "held"}}},
		}
		r.open()
		r.tx.begin(Change{Op: Begin, LSN: 10, XID: 7}, 0)
		if err := r.change(t.Context(), Change{Op: Insert, Table: table, New: unknown}); err != nil {
			t.Fatal(err)
		}
		if err := r.foldOpen(); err != nil {
			t.Fatalf("before the snapshot: %v", err)
		}
		visibility := Visibility{XMin: 5, XMax: 5}
		if seen {
			visibility = Visibility{XMin: 8, XMax: 8}
		}
		err := r.learn(&Taken{Tables: []*schema.Table{table}, Seen: visibility, HandOver: 20})
		var h *Halt
		if halts := errors.As(err, &h) && h.Reason == RowUnfillable; halts != want {
			t.Errorf("a snapshot that sees it (%v): %v", seen, err)
		}
	}
}
