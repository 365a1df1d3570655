package replicator

import (
	"bytes"
	"testing"

	"rowshift/schema"
)

// TestKeysOutliveTheirRows shows that a key is kept once, within the row that begins with
// it, and that it stays when another row is written over that one.
func TestKeysOutliveTheirRows(t *testing.T) {
	for name, c := range map[string]struct {
		key  int     // the column
		rows []Tuple // of one key, one after another
		once bool    // at first the key takes no memory of its own
	}{
		"the row begins with it":                 {0, []Tuple{texts("k", "a"), texts("k", "b"), texts("k", "longer"), texts("k", "c")}, true},
		"it does not":                            {1, []Tuple{texts("a", "k"), texts("b", "k")}, false},
		"it does by chance":                      {1, []Tuple{texts("k", "k"), texts("b", "k"), texts("k", "k"), texts("c", "k")}, true},
		"it does by chance, and the row is gone": {1, []Tuple{texts("k", "k"), nil, texts("b", "k"), texts("c", "k")}, true},
	} {
		t.Run(name, func(t *testing.T) {
			table := &schema.Table{Key: []int{c.key}, Columns: make([]schema.Column, 2)}
			f := NewFold(table, "")
			f.Add(Change{Op: Insert, Table: table, New: texts("z", "z")})
			rows := f.arena.used
			for i, row := range c.rows {
				op := Insert
				if i > 0 {
					op = Update
				}
				change := Change{Op: op, Table: table, New: row}
				if row == nil {
					change = Change{Op: Delete, Table: table, Key: texts("k")}
				}
				f.Add(change)
				if i == 0 && (f.arena.used-rows == len(row)) != c.once {
					t.Errorf("%d bytes are kept of a row of %d", f.arena.used-rows, len(row))
				}
				var got []Row
				for r := range f.Rows() {
					got = append(got, r)
				}
				if len(got) != 2 || !bytes.Equal(got[1].Key, texts("k")) || !bytes.Equal(got[1].New, row) {
					t.Errorf("after %q: %q", row, got)
				}
			}
		})
	}
}
