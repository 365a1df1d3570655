package postgres

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rowshift/replicator"
	"rowshift/schema"
)

func TestCut(t *testing.T) {
	type span struct {
		First, Last uint32
		Rows, Bytes int64
	}
	tests := []struct {
		name string
		size size
		want []span
	}{
		{name: "empty", size: size{}, want: []span{{}}},
		{name: "one block", size: size{blocks: 1, bytes: 8192, rows: 10}, want: []span{{0, 0, 10, 8192}}},
		{name: "just one range", size: size{blocks: 4, bytes: 100, rows: 8}, want: []span{{0, 0, 8, 100}}},
		{name: "a little more", size: size{blocks: 4, bytes: 101, rows: 8}, want: []span{{0, 2, 4, 50}, {2, 0, 4, 50}}},
		{name: "uneven", size: size{blocks: 5, bytes: 250, rows: 5}, want: []span{{0, 1, 1, 50}, {1, 3, 2, 100}, {3, 0, 2, 100}}},
		{name: "much out of line", size: size{blocks: 2, bytes: 1000, rows: 2}, want: []span{{0, 1, 1, 500}, {1, 0, 1, 500}}},
		{name: "rows unknown", size: size{blocks: 2, bytes: 200}, want: []span{{0, 1, 0, 100}, {1, 0, 0, 100}}},
		{name: "not by blocks", size: size{bytes: 1000, rows: 7}, want: []span{{0, 0, 7, 1000}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			table := &schema.Table{}
			var got []span
			for _, r := range cut(table, test.size, 100) {
				if r.Table != table {
					t.Error("another table")
				}
				got = append(got, span{r.First, r.Last, r.Rows, r.Bytes})
			}
			if d := cmp.Diff(test.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestCutLeavesNothingOut shows that the ranges of a table meet, even for the largest
// tables.
func TestCutLeavesNothingOut(t *testing.T) {
	for _, blocks := range []int64{1, 2, 3, 1000, 8191, 8193, 1<<32 - 2} {
		ranges := cut(&schema.Table{}, size{blocks: blocks, bytes: blocks * 8192}, rangeBytes)
		next := uint32(0)
		for i, r := range ranges {
			if r.First != next || (i < len(ranges)-1 && r.Last <= r.First) {
				t.Fatalf("of %d blocks: range %d begins at %d, ends at %d, and the one before ended at %d", blocks, i, r.First, r.Last, next)
			}
			next = r.Last
		}
		if next != 0 {
			t.Errorf("of %d blocks: the last range ends at %d", blocks, next)
		}
	}
}

// TestRangesReadEachRowOnce shows that for a table with holes, values out of line and a
// table that inherits from it. It also shows that the server reads only the blocks of a
// range.
func TestRangesReadEachRowOnce(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `
		CREATE TABLE a (id int PRIMARY KEY, v text, "odd ""name" text);
		ALTER TABLE a ALTER v SET STORAGE EXTERNAL;
		INSERT INTO a SELECT n, CASE WHEN n % 10 = 0 THEN repeat(n::text, 3000) ELSE 'short' END, n FROM generate_series(1, 3000) AS n;
		DELETE FROM a WHERE id BETWEEN 1000 AND 1999;
		CREATE TABLE child () INHERITS (a);
		INSERT INTO child VALUES (5000, 'of the child');
		ANALYZE a`)
	a := w.table("a")
	s := w.take(a)
	sizes, err := measure(t.Context(), w.ours(), tables(a))
	if err != nil {
		t.Fatal(err)
	}
	size := sizes[a.OID]
	if size.bytes < 2000/10*12000 {
		t.Errorf("%d bytes leave out what is out of line", size.bytes)
	}
	if size.rows < 1500 || size.rows > 2500 {
		t.Errorf("%f rows, of 2000", size.rows)
	}
	ranges := cut(a, size, 64<<10)
	if len(ranges) < 4 {
		t.Fatalf("%d ranges", len(ranges))
	}
	var got []string
	for _, r := range ranges {
		if err := s.Copy(t.Context(), r, func(t replicator.Tuple) error {
			got = append(got, strings.Join(strung(t), "|"))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	want := w.rows(other, `SELECT id || '|' || v || '|' || id FROM ONLY a`)
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	plan := strings.Join(w.rows(w.ours(), `EXPLAIN `+strings.TrimSuffix(strings.TrimPrefix(copyOf(ranges[1]), `COPY (`), `) TO STDOUT`)), "\n")
	if !strings.Contains(plan, "Tid Range Scan") {
		t.Errorf("the plan is %s", plan)
	}
}
