package bucket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
)

// fold makes a fold of changes.
func fold(t testing.TB, table *schema.Table, into string, changes ...replicator.Change) *replicator.Fold {
	t.Helper()
	f := replicator.NewFold(table, into)
	for _, c := range changes {
		c.Table = table
		f.Add(c)
	}
	return f
}

func insert(values ...any) replicator.Change {
	return replicator.Change{Op: replicator.Insert, New: tuple(values...)}
}

// batch is a batch of several folds of one table.
func batch(t testing.TB) *replicator.Batch {
	table := person(t)
	return &replicator.Batch{
		End: 0x16B374D848, Commit: true, Time: time.Unix(1, 0), Transactions: 3, Changes: 7,
		Joins: []replicator.Join{{Table: table, From: "load_1"}},
		Folds: []*replicator.Fold{
			fold(t, table, "", insert(1, "a", "x", nil), insert(2, "a", `"y"`, `\x01`), replicator.Change{Op: replicator.Delete, Key: tuple("b", 9)}),
			fold(t, table, "load_1", replicator.Change{Op: replicator.Truncate}, insert(3, "a", "", nil)),
			fold(t, table, ""),
			fold(t, table, "", replicator.Change{Op: replicator.Update, Key: tuple("a", 1), New: tuple(4, "a", unchanged, nil)}),
		},
	}
}

func TestStage(t *testing.T) {
	w := newWorld(t)
	for _, compression := range []Compression{Zstd, Gzip} {
		s := w.stager(func(o *Options) { o.Compression = compression })
		b := batch(t)
		staged, err := s.Stage(context.Background(), 7, b)
		if err != nil {
			t.Fatal(err)
		}
		if staged.End != b.End || !staged.Commit || !staged.Time.Equal(b.Time) || staged.Transactions != 3 || staged.Changes != 7 || len(staged.Joins) != 1 || len(staged.Folds) != 4 {
			t.Errorf("staged %+v", staged)
		}
		want := []struct {
			rows      []string
			gone      int64
			truncated bool
			into      string
			unchanged []int
			counts    replicator.Counts
		}{
			{rows: []string{"1|a|x|~|f", `2|a|"y"|01|f`, "9|b|~|~|t"}, gone: 1, counts: replicator.Counts{Inserts: 2, Deletes: 1}},
			{rows: []string{"3|a||~|f"}, truncated: true, into: "load_1", counts: replicator.Counts{Inserts: 1, Truncates: 1}},
			{},
			{rows: []string{"1|a|~|~|~|~|f|f|t", "4|a|~|~|a|1|t|f|f"}, gone: 1, unchanged: []int{2, 3}, counts: replicator.Counts{Updates: 1}},
		}
		for i, f := range staged.Folds {
			if f.Gone != want[i].gone || f.Truncated != want[i].truncated || f.Into != want[i].into || !slices.Equal(f.Unchanged, want[i].unchanged) || f.Counts != want[i].counts {
				t.Errorf("fold %d: %+v", i, f)
			}
			if want[i].rows == nil {
				if f.Files.Manifest != "" || f.Files.Rows != 0 || len(f.Files.Objects) != 0 {
					t.Errorf("fold %d has files without rows: %+v", i, f.Files)
				}
				continue
			}
			if rows := w.rows(f.Files); !slices.Equal(rows, want[i].rows) {
				t.Errorf("fold %d has %q, want %q", i, rows, want[i].rows)
			}
		}
	}
}

// Held folds go into one set of files for each held table, however many transactions they belong
// to.
func TestStageOfHeldFolds(t *testing.T) {
	w := newWorld(t)
	table, other := person(t), person(t)
	other.OID = 4712
	of := func(table *schema.Table, held string, xid uint32, changes ...replicator.Change) *replicator.Fold {
		f := fold(t, table, "", changes...)
		f.Held, f.XID = held, xid
		return f
	}
	update := replicator.Change{Op: replicator.Update, Key: tuple("a", 1), New: tuple(4, "a", unchanged, nil)}
	staged, err := w.stager(nil).Stage(context.Background(), 7, &replicator.Batch{End: 9, Commit: true, Folds: []*replicator.Fold{
		of(table, "held_1", 77, insert(1, "a", "x", nil)),
		of(other, "", 0, insert(5, "a", "x", nil)),
		of(table, "held_1", 4294967295, replicator.Change{Op: replicator.Truncate}, insert(1, "a", "y", nil)),
		of(other, "held_2", 78, insert(6, "a", "x", nil)),
		of(table, "held_1", 0, update),
	}, Holds: []replicator.Hold{{Table: table, Held: "held_3"}}})
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		held   string
		rows   []string
		counts replicator.Counts
	}{
		{"held_1", []string{"1|77|f|1|a|x|~|~|~|f|f|f", "2|4294967295|t|~|~|~|~|~|~|f|f|t", "2|4294967295|f|1|a|y|~|~|~|f|f|f", "3|~|f|1|a|~|~|~|~|f|f|t", "3|~|f|4|a|~|~|a|1|t|f|f"},
			replicator.Counts{Inserts: 2, Updates: 1, Truncates: 1}},
		{"", []string{"5|a|x|~|f"}, replicator.Counts{Inserts: 1}},
		{"held_2", []string{"1|78|f|6|a|x|~|~|~|f|f|f"}, replicator.Counts{Inserts: 1}},
	}
	if len(staged.Folds) != len(want) || len(staged.Holds) != 1 {
		t.Fatalf("staged %+v", staged)
	}
	for i, f := range staged.Folds {
		if rows := w.rows(f.Files); f.Held != want[i].held || !slices.Equal(rows, want[i].rows) || f.Counts != want[i].counts || f.Files.Rows != int64(len(rows)) {
			t.Errorf("%d: %+v with %q, want %+v", i, f, rows, want[i])
		}
	}
}

// TestNames proves that names sort by epoch and LSN, and do not contain a table's name.
func TestNames(t *testing.T) {
	w := newWorld(t)
	s := w.stager(nil)
	for range 2 {
		if _, err := s.Stage(context.Background(), 7, batch(t)); err != nil {
			t.Fatal(err)
		}
	}
	form := regexp.MustCompile(`^prefix/accounts/000000000007/00000016b374d848-([a-z0-9]+-\d{6})/4711-\d(-\d{6}\.csv\.zst|\.manifest)$`)
	attempts := map[string]int{}
	for _, key := range w.keys() {
		m := form.FindStringSubmatch(key)
		if m == nil {
			t.Errorf("%s", key)
			continue
		}
		attempts[m[1]]++
	}
	if len(attempts) != 2 {
		t.Errorf("attempts %v", attempts)
	}
}

// TestAttemptsDoNotMix stages one batch in two processes, one of which fails and tries again. No
// manifest names an object of another attempt.
func TestAttemptsDoNotMix(t *testing.T) {
	w := newWorld(t)
	puts := 0
	w.proxy.fail(func(r *http.Request) fault {
		if puts++; r.Method == http.MethodPut && puts == 3 {
			return denied
		}
		return ""
	})
	first, second := w.stager(nil), w.stager(nil)
	if _, err := first.Stage(context.Background(), 7, batch(t)); !replicator.Retryable(err) {
		t.Fatalf("the first attempt: %v", err)
	}
	if keys := w.keys(); len(keys) != 0 {
		t.Errorf("the failed attempt left %q", keys)
	}
	seen := map[string]bool{}
	for _, s := range []*Stager{first, second, first} {
		staged, err := s.Stage(context.Background(), 7, batch(t))
		if err != nil {
			t.Fatal(err)
		}
		var folder string
		for _, f := range staged.Folds {
			for _, url := range f.Files.Objects {
				if seen[url] {
					t.Errorf("%s comes twice", url)
				}
				seen[url] = true
				in := url[:strings.LastIndex(url, "/")]
				if folder == "" {
					folder = in
				}
				if in != folder {
					t.Errorf("%s is not in %s", url, folder)
				}
			}
		}
	}
}

// TestPartsAreCut stages a fold of more than one object.
func TestPartsAreCut(t *testing.T) {
	w := newWorld(t)
	s := w.stager(func(o *Options) { o.ObjectBytes = 20 << 10 })
	table := person(t)
	f := replicator.NewFold(table, "")
	var want []string
	for i := range 3000 {
		text := incompressible(i, 200)
		f.Add(replicator.Change{Op: replicator.Insert, Table: table, New: tuple(i, "a", text, nil)})
		want = append(want, fmt.Sprintf("%d|a|%s|~|f", i, text))
	}
	staged, err := s.Stage(context.Background(), 1, &replicator.Batch{End: 1, Folds: []*replicator.Fold{f}})
	if err != nil {
		t.Fatal(err)
	}
	files := staged.Folds[0].Files
	if rows := w.rows(files); !slices.Equal(rows, want) {
		t.Errorf("%d rows, want %d", len(rows), len(want))
	}
	if len(files.Objects) < 4 || files.Rows != 3000 {
		t.Errorf("%d objects, %d rows", len(files.Objects), files.Rows)
	}
}

// TestMarkerIsChosenAgain stages a value that is equal to the first marker.
func TestMarkerIsChosenAgain(t *testing.T) {
	w := newWorld(t)
	s := w.stager(nil)
	markers := []string{"taken", "free"}
	s.marker = func() string {
		m := markers[0]
		markers = markers[1:]
		return m
	}
	b := &replicator.Batch{End: 1, Folds: []*replicator.Fold{fold(t, person(t), "", insert(1, "taken", nil, nil))}}
	staged, err := s.Stage(context.Background(), 1, b)
	if err != nil {
		t.Fatal(err)
	}
	files := staged.Folds[0].Files
	if files.Null != "free" || !slices.Equal(w.rows(files), []string{"1|taken|~|~|f"}) {
		t.Errorf("marker %q, rows %q", files.Null, w.rows(files))
	}
	if n := len(w.keys()); n != 2 {
		t.Errorf("%d objects, want one with rows and a manifest", n)
	}
}

// TestMisfitStopsStaging stages a value that Redshift cannot hold.
func TestMisfitStopsStaging(t *testing.T) {
	w := newWorld(t)
	b := batch(t)
	b.Folds = append(b.Folds, fold(t, failing(t), "", insert(5, "a", nil, `\x`)))
	_, err := w.stager(nil).Stage(context.Background(), 1, b)
	var halt *replicator.Halt
	var misfit *schema.Misfit
	if !errors.As(err, &halt) || halt.Reason != replicator.ValueMisfit || !errors.As(err, &misfit) || misfit.Kind != schema.Empty {
		t.Errorf("%v", err)
	}
	if keys := w.keys(); len(keys) != 0 {
		t.Errorf("left %q", keys)
	}
}

func TestManifestForm(t *testing.T) {
	var m manifest
	m.Entries = append(m.Entries, manifestEntry{URL: "s3://b/k", Mandatory: true})
	m.Entries[0].Meta.ContentLength = 12
	got, err := json.Marshal(m)
	if want := `{"entries":[{"url":"s3://b/k","mandatory":true,"meta":{"content_length":12}}]}`; err != nil || string(got) != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
}

// BenchmarkStage stages a batch of 100,000 rows of about a hundred bytes.
func BenchmarkStage(b *testing.B) {
	w := newWorld(b)
	s := w.stager(nil)
	table := person(b)
	f := replicator.NewFold(table, "")
	for i := range 100_000 {
		f.Add(replicator.Change{Op: replicator.Insert, Table: table, New: tuple(i, "acme", incompressible(i, 40)+" and some words", `\x0123456789abcdef`)})
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Stage(context.Background(), 1, &replicator.Batch{End: 1, Folds: []*replicator.Fold{f}}); err != nil {
			b.Fatal(err)
		}
	}
}
