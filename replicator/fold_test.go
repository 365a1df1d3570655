package replicator_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rowshift/replicator"
	"rowshift/schema"

	"github.com/google/go-cmp/cmp"
)

// foldTable has key k and columns v and big.
func foldTable() *schema.Table {
	t := &schema.Table{OID: 1, Name: schema.Name{Schema: "public", Table: "t"}, Key: []int{0}}
	for _, name := range []string{"k", "v", "big"} {
		t.Columns = append(t.Columns, schema.Column{Attribute: schema.Attribute{Name: name}})
	}
	return t
}

// tuple parses "a b ?": one value per word, ? for unchanged, - for NULL.
func tuple(words string) (t replicator.Tuple) {
	for w := range strings.FieldsSeq(words) {
		switch w {
		case "?":
			t = t.Append(replicator.Value{Kind: replicator.Unchanged})
		case "-":
			t = t.Append(replicator.Value{Kind: replicator.Null})
		default:
			t = t.Append(value(w))
		}
	}
	return t
}

// words is the reverse of tuple.
func words(t replicator.Tuple) string {
	var ws []string
	for len(t) > 0 {
		var v replicator.Value
		switch v, t = t.Next(); v.Kind {
		case replicator.Unchanged:
			ws = append(ws, "?")
		case replicator.Null:
			ws = append(ws, "-")
		default:
			ws = append(ws, string(v.Text))
		}
	}
	return strings.Join(ws, " ")
}

// change parses "insert a b c", "update a b c", "update a -> b b c", "full a b c -> ...",
// "delete a" and "truncate".
func change(t *schema.Table, line string) replicator.Change {
	op, rest, _ := strings.Cut(line, " ")
	c := replicator.Change{Table: t}
	before, after, moved := strings.Cut(rest, " -> ")
	switch op {
	case "insert":
		c.Op, c.New = replicator.Insert, tuple(rest)
	case "update":
		c.Op, c.New = replicator.Update, tuple(rest)
		if moved {
			c.Key, c.New = tuple(before), tuple(after)
		}
	case "full":
		c.Op, c.Key, c.Old, c.New = replicator.Update, tuple(strings.Fields(before)[0]), tuple(before), tuple(after)
	case "delete":
		c.Op, c.Key = replicator.Delete, tuple(rest)
	case "truncate":
		c.Op = replicator.Truncate
	}
	return c
}

// rowsOf prints a fold's rows as "key: row from origin", sorted.
func rowsOf(f *replicator.Fold) []string {
	var lines []string
	for r := range f.Rows() {
		line := words(r.Key) + ": gone"
		if r.New != nil {
			line = words(r.Key) + ": " + words(r.New)
		}
		if r.Origin != nil {
			line += " from " + words(r.Origin)
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

func TestFold(t *testing.T) {
	tests := map[string]struct {
		changes   []string
		want      []string
		truncated bool
		unchanged []int
	}{
		"last wins":                 {changes: []string{"insert a 1 x", "update a 2 y"}, want: []string{"a: a 2 y"}},
		"insert then TOAST update":  {changes: []string{"insert a 1 big", "update a 2 ?"}, want: []string{"a: a 2 big"}},
		"TOAST from the target":     {changes: []string{"update a 2 ?"}, want: []string{"a: a 2 ? from a"}, unchanged: []int{2}},
		"TOAST twice":               {changes: []string{"update a 2 ?", "update a 3 ?"}, want: []string{"a: a 3 ? from a"}, unchanged: []int{2}},
		"TOAST known later":         {changes: []string{"update a 2 ?", "update a 3 z"}, want: []string{"a: a 3 z"}},
		"NULL is carried":           {changes: []string{"insert a 1 -", "update a 2 ?"}, want: []string{"a: a 2 -"}},
		"delete":                    {changes: []string{"delete a"}, want: []string{"a: gone"}},
		"insert then delete":        {changes: []string{"insert a 1 x", "delete a"}, want: []string{"a: gone"}},
		"delete then insert":        {changes: []string{"delete a", "insert a 1 x"}, want: []string{"a: a 1 x"}},
		"key change":                {changes: []string{"update a -> b 1 x"}, want: []string{"a: gone", "b: b 1 x"}},
		"key change with TOAST":     {changes: []string{"update a -> b 1 ?"}, want: []string{"a: gone", "b: b 1 ? from a"}, unchanged: []int{2}},
		"key change twice":          {changes: []string{"update a -> b 1 ?", "update b -> c 2 ?"}, want: []string{"a: gone", "b: gone", "c: c 2 ? from a"}, unchanged: []int{2}},
		"key change and back":       {changes: []string{"update a -> b 1 ?", "update b -> a 2 ?"}, want: []string{"a: a 2 ? from a", "b: gone"}, unchanged: []int{2}},
		"key moved onto a deleted":  {changes: []string{"delete b", "update a -> b 1 ?"}, want: []string{"a: gone", "b: b 1 ? from a"}, unchanged: []int{2}},
		"key left and taken again":  {changes: []string{"update a -> b 1 ?", "insert a 9 y"}, want: []string{"a: a 9 y", "b: b 1 ? from a"}, unchanged: []int{2}},
		"key that is out of line":   {changes: []string{"update a -> ? 2 y"}, want: []string{"a: a 2 y"}},
		"FULL knows the old value":  {changes: []string{"full a 1 big -> a 2 ?"}, want: []string{"a: a 2 big"}},
		"FULL with a key change":    {changes: []string{"full a 1 big -> b 2 ?"}, want: []string{"a: gone", "b: b 2 big"}},
		"truncate":                  {changes: []string{"insert a 1 x", "truncate"}, truncated: true},
		"truncate in the middle":    {changes: []string{"insert a 1 x", "delete b", "truncate", "insert b 2 y", "update b 3 ?"}, want: []string{"b: b 3 y"}, truncated: true},
		"swap":                      {changes: []string{"update a -> t 1 ?", "update b -> a 2 ?", "update t -> b 3 ?"}, want: []string{"a: a 2 ? from b", "b: b 3 ? from a", "t: gone"}, unchanged: []int{2}},
		"swap of rows of the batch": {changes: []string{"insert a 1 x", "insert b 2 y", "update a -> t 1 ?", "update b -> a 2 ?", "update t -> b 1 ?"}, want: []string{"a: a 2 y", "b: b 1 x", "t: gone"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			table := foldTable()
			f := replicator.NewFold(table, "")
			for _, line := range test.changes {
				f.Add(change(table, line))
			}
			if diff := cmp.Diff(test.want, rowsOf(f)); diff != "" {
				t.Error(diff)
			}
			if f.Truncated != test.truncated || !slices.Equal(f.Unchanged(), test.unchanged) {
				t.Errorf("truncated %v, unchanged %v", f.Truncated, f.Unchanged())
			}
		})
	}
}

// A fold has flags for all columns that a row may leave unchanged, or for none. So a table
// has two shapes of statements, not one for each choice of its columns.
func TestFoldFlagsAllOrNone(t *testing.T) {
	table := foldTable()
	for _, i := range []int{1, 2} {
		table.Columns[i].Attribute.Toastable = true
	}
	for line, want := range map[string][]int{"insert a 1 x": nil, "update a 1 x": nil, "update a 1 ?": {1, 2}, "update a ? ?": {1, 2}} {
		f := replicator.NewFold(table, "")
		f.Add(change(table, line))
		if diff := cmp.Diff(want, f.Unchanged()); diff != "" {
			t.Errorf("%s: %s", line, diff)
		}
	}
}

func TestFoldUnfillable(t *testing.T) {
	for name, changes := range map[string][]string{
		"an insert that a row filter made of an update": {"insert a 1 ?"},
		"after a truncate": {"truncate", "update a 1 ?"},
		"of a gone row":    {"delete a", "update a 1 ?"},
	} {
		t.Run(name, func(t *testing.T) {
			table := foldTable()
			f := replicator.NewFold(table, "")
			for _, line := range changes {
				f.Add(change(table, line))
			}
			if diff := cmp.Diff([]string{"a: a 1 ?"}, rowsOf(f)); diff != "" || f.Unchanged() != nil {
				t.Error(diff, f.Unchanged())
			}
		})
	}
}

// Each row has the transaction that wrote it last.
func TestFoldKnowsWhoWroteARow(t *testing.T) {
	table := foldTable()
	f := replicator.NewFold(table, "")
	first, second := replicator.Written{LSN: 7}, replicator.Written{LSN: 9, Time: time.Unix(3, 0)}
	f.At(first)
	f.Add(change(table, "insert a 1 x"))
	f.Add(change(table, "insert b 1 x"))
	f.At(second)
	f.Add(change(table, "update b 2 y"))
	f.Add(change(table, "delete c"))
	f.At(second)
	f.Add(change(table, "insert d 1 x"))
	var got []replicator.Written
	for r := range f.Rows() {
		got = append(got, r.Written)
	}
	if diff := cmp.Diff([]replicator.Written{first, second, second, second}, got); diff != "" {
		t.Error(diff)
	}
}

// A row that changes many times must not take the room of many.
func TestFoldHotRow(t *testing.T) {
	table := foldTable()
	f := replicator.NewFold(table, "")
	c := change(table, "update a 1 x")
	f.Add(c)
	if n := testing.AllocsPerRun(1000, func() { f.Add(c) }); n > 0 {
		t.Errorf("%v allocations for each change of a hot row", n)
	}
}

func BenchmarkFold(b *testing.B) {
	table := foldTable()
	var changes []replicator.Change
	for i := range 100_000 {
		changes = append(changes, change(table, fmt.Sprintf("update key-%d 1 some-text-of-a-usual-length", i%60_000)))
	}
	b.ReportAllocs()
	for b.Loop() {
		f := replicator.NewFold(table, "")
		for _, c := range changes {
			f.Add(c)
		}
	}
	b.ReportMetric(float64(b.N)*float64(len(changes))/b.Elapsed().Seconds(), "changes/s")
}
