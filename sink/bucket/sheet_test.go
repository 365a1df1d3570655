package bucket

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rowshift/replicator"
	"rowshift/schema"
)

// ruled is person with rules for values that do not fit.
func ruled(t testing.TB) *schema.Table {
	table := person(t)
	table.Columns[1].Rules = map[string]schema.Rule{schema.TooLong: schema.Quarantine, schema.NotUTF8: schema.Quarantine}
	table.Columns[2].Rules = map[string]schema.Rule{schema.TooLong: schema.Truncate, schema.NotUTF8: schema.Quarantine, schema.ZeroByte: schema.Null}
	table.Columns[3].Rules = map[string]schema.Rule{schema.Empty: schema.Null, schema.Malformed: schema.Quarantine}
	return table
}

var long = strings.Repeat("é", 40_000)

// at folds changes of two transactions.
func at(t testing.TB, table *schema.Table, changes ...replicator.Change) *replicator.Fold {
	f := replicator.NewFold(table, "")
	for i, c := range changes {
		c.Table = table
		f.At(replicator.Written{LSN: replicator.LSN(0x10 + i/2), Time: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)})
		f.Add(c)
	}
	return f
}

func refusable(t testing.TB) []replicator.Change {
	return []replicator.Change{
		insert(1, "fits", "x", nil),
		insert(2, "cut", long, `\x`),
		insert(3, "no <te&xt>", "a\xffb", nil),
		insert(4, long, "x", nil),
		{Op: replicator.Delete, Key: tuple(long, 5)},
		insert(6, "unknown", unchanged, nil),
		{Op: replicator.Update, Key: tuple(long, 7), New: tuple(7, "moved", unchanged, nil)},
		insert(8, "met", "COPY refuses it", `\x01`),
	}
}

// digested returns what a row is known by in replicator.Rows.
func digested(texts ...string) string {
	var dst []byte
	for _, text := range texts {
		dst = replicator.AppendDigest(dst, []byte(text), text == "")
	}
	return string(dst)
}

// entries returns the ledger entries in files, without what is random.
func (w *world) entries(f replicator.Files) []string {
	w.t.Helper()
	var shown []string
	for _, row := range w.rows(f) {
		fields := strings.Split(row, "|")
		if object := fields[len(fields)-1]; object != "~" {
			fields[len(fields)-1] = "object"
		}
		shown = append(shown, strings.Join(fields, "|"))
	}
	return shown
}

func TestLedgerOfAFold(t *testing.T) {
	w := newWorld(t)
	table := ruled(t)
	refused := map[uint32]replicator.Rows{table.OID: {digested("8", "met", "COPY refuses it", "01"): true, digested("1", "fits", "y", ""): true}}
	staged, err := w.stager(nil).Stage(context.Background(), 7, &replicator.Batch{End: 9, Folds: []*replicator.Fold{at(t, table, refusable(t)...)}, Refused: refused})
	if err != nil {
		t.Fatal(err)
	}
	f := staged.Folds[0]
	var keys []string
	for _, row := range w.rows(f.Files) {
		fields := strings.Split(row, "|")
		keys = append(keys, fmt.Sprint(fields[0], " ", len(fields[2]), " ", fields[3], " ", fields[len(fields)-1]))
	}
	want := []string{"1 1 ~ f", "2 65534 ~ f", "3 1 ~ t", "6 1 ~ t", "7 1 ~ t", "8 1 ~ t"}
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Error(diff)
	}
	if f.Gone != 4 {
		t.Errorf("%d keys are gone", f.Gone)
	}
	const commit = "2026-01-02 03:04:05.000006"
	got := w.entries(f.Ledger)
	for i := range got {
		got[i] = strings.Replace(got[i], commit, "then", 1)
		if start := strings.Index(got[i], "sha256:"); start >= 0 {
			got[i] = got[i][:start] + "HASH" + got[i][start+len("sha256:")+64:]
		}
	}
	if diff := cmp.Diff([]string{
		"cut|2|~|bio|too_long|truncate|80000|0/10|then|~",
		"cut|2|~|photo|empty|null|2|0/10|then|~",
		"no <te&xt>|3|~|bio|not_utf8|quarantine|3|0/11|then|object",
		`~|~|["HASH", "4"]|tenant|too_long|quarantine|80000|0/11|then|object`,
		`~|~|["HASH", "5"]|~|too_long|lifted|~|0/12|then|~`,
		"unknown|6|~|~|unfilled|quarantine|~|0/12|then|object",
		`~|~|["HASH", "7"]|~|too_long|lifted|~|0/13|then|~`,
		"moved|7|~|~|unfilled|quarantine|~|0/13|then|object",
		"met|8|~|~|copy|quarantine|~|0/13|then|object",
	}, got); diff != "" {
		t.Error(diff)
	}
	w.keptRows(f.Ledger)
}

// keptRows checks what is kept of refused rows, which no sweep deletes.
func (w *world) keptRows(ledger replicator.Files) {
	w.t.Helper()
	var kept []map[string]any
	for _, key := range w.keys() {
		if !strings.Contains(key, "/quarantine/") {
			continue
		}
		if slices.Contains(ledger.Objects, w.url(key)) || !strings.HasPrefix(key, "prefix/accounts/quarantine/000000000007/") {
			w.t.Errorf("kept as %s", key)
		}
		for line := range strings.Lines(string(w.expand("ZSTD", w.read(w.url(key))))) {
			if strings.Contains(line, `\u00`) {
				w.t.Errorf("spelled otherwise than the warehouse does: %.200s", line)
			}
			var row map[string]any
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				w.t.Fatal(err)
			}
			kept = append(kept, row)
		}
	}
	if len(kept) != 5 {
		w.t.Fatalf("%d rows are kept", len(kept))
	}
	want := map[string]any{"table": "public.person", "key": []any{"no <te&xt>", "3"}, "reason": "not_utf8", "column": "bio", "lsn": "0/11", "committed_at": "2026-01-02T03:04:05.000006Z",
		"row": map[string]any{"id": "3", "tenant": "no <te&xt>", "bio": map[string]any{"hex": "61ff62"}, "photo": nil}}
	if diff := cmp.Diff(want, kept[0]); diff != "" {
		w.t.Error(diff)
	}
	if row := kept[1]["row"].(map[string]any); row["tenant"] != long {
		w.t.Error("the key that does not fit is not there whole")
	}
	if _, there := kept[2]["row"].(map[string]any)["bio"]; there {
		w.t.Error("a value is there that nobody knows")
	}
}

// The entries of a held fold say which fold and transaction they belong to.
func TestLedgerOfHeldFolds(t *testing.T) {
	w := newWorld(t)
	table := ruled(t)
	first, second := at(t, table, refusable(t)[:2]...), at(t, table, refusable(t)[2:3]...)
	first.Held, first.XID, second.Held = "held_1", 77, "held_1"
	staged, err := w.stager(nil).Stage(context.Background(), 7, &replicator.Batch{End: 9, Folds: []*replicator.Fold{first, second}})
	if err != nil {
		t.Fatal(err)
	}
	const then = "|2026-01-02 03:04:05.000006|"
	if diff := cmp.Diff([]string{
		"1|77|cut|2|~|bio|too_long|truncate|80000|0/10" + then + "~",
		"1|77|cut|2|~|photo|empty|null|2|0/10" + then + "~",
		"2|~|no <te&xt>|3|~|bio|not_utf8|quarantine|3|0/10" + then + "object",
	}, w.entries(staged.Folds[0].Ledger)); diff != "" {
		t.Error(diff)
	}
}

// Rows that a load refuses are not in its files. Their entries give the hand-over position.
func TestLedgerOfALoad(t *testing.T) {
	w := newWorld(t)
	table := ruled(t)
	files, err := w.stager(nil).Load(context.Background(), replicator.LoadRequest{Epoch: 7, Table: table, At: 0x99, Refused: replicator.Rows{digested("8", "met", "COPY refuses it", "01"): true}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range refusable(t) {
		if c.Op != replicator.Insert || c.New.At(2).Kind == unchanged {
			continue
		}
		part, err := files.Part(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if err := part.Write(c.New); err != nil {
			t.Fatal(err)
		}
		if err := part.Close(); err != nil {
			t.Fatal(err)
		}
	}
	staged, err := files.Cut(context.Background())
	if err != nil || staged.Rows != 2 || len(w.rows(staged.Files)) != 2 {
		t.Fatalf("%d rows, %v", staged.Rows, err)
	}
	if diff := cmp.Diff([]string{
		"cut|2|~|bio|too_long|truncate|80000|0/99|~|~",
		"cut|2|~|photo|empty|null|2|0/99|~|~",
		"no <te&xt>|3|~|bio|not_utf8|quarantine|3|0/99|~|object",
	}, w.entries(staged.Ledger)[:3]); diff != "" {
		t.Error(diff)
	}
	if staged.Ledger.Rows != 5 {
		t.Errorf("%d entries", staged.Ledger.Rows)
	}
}
