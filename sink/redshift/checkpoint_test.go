package redshift

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
)

func columns(values ...string) [][]byte {
	var row [][]byte
	for _, v := range values {
		row = append(row, []byte(v))
	}
	return row
}

func TestCheckpointThatWasAltered(t *testing.T) {
	good := strings.Split("accounts|2|streaming|0/64|2026-05-17 10:00:00.5|7|1|app|slot|16400|700", "|")
	c, err := scanCheckpoint(columns(good...))
	if err != nil || c.Epoch != 2 || c.LSN != 100 || c.Time.Nanosecond() != 5e8 || c.Publication.XMin != 700 {
		t.Errorf("%+v, %v", c, err)
	}
	for column, value := range map[int]string{1: "", 3: "64", 4: "yesterday", 6: "one", 9: "-"} {
		bad := append([]string{}, good...)
		bad[column] = value
		_, err := scanCheckpoint(columns(bad...))
		wantHalt(t, err, replicator.WarehouseUnfit)
	}
	_, err = scanCheckpoint(columns(good[:5]...))
	wantHalt(t, err, replicator.WarehouseUnfit)
}

// A row of the quarantine that was altered is a halt too, whichever of its fields cannot be read.
func TestRefusedRowThatWasAltered(t *testing.T) {
	good := strings.Split("public|words|[]|too_long|body|70000|0/64|2026-05-17 10:00:00.5||2026-05-17 10:00:01", "|")
	r, err := scanRefused(columns(good...))
	if err != nil || r.OriginalBytes != 70000 || r.LSN != 100 || r.WrittenAt.Second() != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	none := columns(good...)
	none[5], none[7] = nil, nil
	if r, err = scanRefused(none); err != nil || r.OriginalBytes != 0 || !r.CommittedAt.IsZero() || r.LSN != 100 {
		t.Errorf("%+v, %v", r, err)
	}
	for column, value := range map[int]string{5: "many", 6: "64", 7: "yesterday", 9: "-"} {
		bad := slices.Clone(good)
		bad[column] = value
		_, err := scanRefused(columns(bad...))
		if h := wantHalt(t, err, replicator.WarehouseUnfit); !strings.Contains(h.Found, fmt.Sprintf("column %d of a metadata row", column+1)) {
			t.Errorf("%q for column %d: %s", value, column, h.Found)
		}
	}
}

// Of several faults in a row, the first is reported.
func TestFirstFaultOfARowIsTold(t *testing.T) {
	s := &scanner{row: columns("x")}
	if s.number(); s.text() != "" || s.err == nil || !strings.Contains(s.err.Error(), "column 1 of a metadata row is not a number") {
		t.Error(s.err)
	}
}

// The shape of a table of 1,590 columns is longer than the column that keeps it.
func TestDetailOfAWideTable(t *testing.T) {
	w := newWorld(t)
	r := w.warehouse(nil)
	wide := plain()
	for i := len(wide.Columns); i < 1590; i++ {
		wide.Columns = append(wide.Columns, column(int16(i+1), fmt.Sprintf("a_column_whose_name_is_as_long_as_the_source_allows_in_all_%04d", i), bigint, false))
	}
	w.fence(r, wide)
	m := w.merging()
	m.Checkpoint = first(wide, plain())
	m.Checkpoint.Epoch, m.Checkpoint.LSN = w.epoch, w.position+1
	m.Checkpoint.Tables[1].OID++
	if _, err := r.Merge(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	c, err := r.Checkpoint(t.Context())
	if err != nil || !reflect.DeepEqual(c.Tables, m.Checkpoint.Tables) {
		t.Errorf("%d tables, %v", len(c.Tables), err)
	}
}

// A root of thousands of partitions, each attached by another transaction, fits into the column
// all the same. Only the transactions are left out.
func TestDetailOfManyPartitions(t *testing.T) {
	table := replicator.TableState{OID: 1}
	random := rand.New(rand.NewPCG(1, 2))
	for table.Parts == nil || len(packedDetail(table)) <= maxDetail {
		for range 1000 {
			n := uint32(len(table.Parts))
			table.Parts = append(table.Parts, schema.Part{OID: 16384 + 3*n, File: 16384 + 3*n, XMin: random.Uint32()})
		}
	}
	s := detailOf(table)
	d, err := readDetail(s)
	if err != nil || len(s) > maxDetail || len(d.Parts) != len(table.Parts) {
		t.Fatalf("%d bytes of %d partitions, %d come back: %v", len(s), len(table.Parts), len(d.Parts), err)
	}
	if schema.Unseen(d.Parts, table.Parts, true) != "" || table.Parts[0].XMin == 0 {
		t.Error("the partitions are others, or were altered")
	}
}

func TestTableStateComesBack(t *testing.T) {
	want := first(composite()).Tables[0]
	want.State, want.Row = replicator.Loading, replicator.PublicationID{OID: 5, XMin: 4294967295}
	want.Load = &replicator.LoadState{Into: "load_1_2_3", Loaded: true, Seen: replicator.Visibility{XMin: 5, XMax: 9}, HandOver: 77, Rows: 12}
	want.Parts, want.Run = []schema.Part{{OID: 6, File: 6, XMin: 7}}, "1795753372.16 1795753372.38"
	want.LastLoad, want.Renaming = 90*time.Second, []schema.Rename{{From: "a", To: "b"}}
	r := columns("16502", want.Name.Schema, want.Name.Table, want.Target, "loading", "5", "4294967295", detailOf(want))
	got, err := scanTable(r)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v, %v", got, want, err)
	}
	for column, value := range map[int]string{0: "x", 6: "", 7: "zlib:x"} {
		bad := append([][]byte{}, r...)
		bad[column] = []byte(value)
		_, err := scanTable(bad)
		wantHalt(t, err, replicator.WarehouseUnfit)
	}
}
