package redshift

import (
	"reflect"
	"strings"
	"testing"

	"rowshift/replicator"
)

var noFiles = replicator.Files{}

func columns(values ...string) [][]byte {
	var row [][]byte
	for _, v := range values {
		row = append(row, []byte(v))
	}
	return row
}

func TestCheckpointThatWasAltered(t *testing.T) {
	good := strings.Split("1|accounts|2|streaming|0/64|2026-05-17 10:00:00.5|7|1|app|slot|16400|700", "|")
	known, c, err := scanCheckpoint(columns(good...))
	if err != nil || known != 1 || c.Epoch != 2 || c.LSN != 100 || c.Time.Nanosecond() != 5e8 || c.Publication.XMin != 700 {
		t.Errorf("%d, %+v, %v", known, c, err)
	}
	for column, value := range map[int]string{0: "x", 2: "", 4: "64", 5: "yesterday", 7: "one", 10: "-"} {
		bad := append([]string{}, good...)
		bad[column] = value
		_, _, err := scanCheckpoint(columns(bad...))
		wantHalt(t, err, replicator.WarehouseUnfit)
	}
	_, _, err = scanCheckpoint(columns(good[:5]...))
	wantHalt(t, err, replicator.WarehouseUnfit)
}

func TestTableStateComesBack(t *testing.T) {
	want := first(composite()).Tables[0]
	want.State, want.Row = replicator.Loading, replicator.PublicationID{OID: 5, XMin: 4294967295}
	want.Load = &replicator.LoadState{Into: "load_1_2_3", Loaded: true, Seen: replicator.Visibility{XMin: 5, XMax: 9}, HandOver: 77, Rows: 12}
	r := columns("16502", want.Name.Schema, want.Name.Table, want.Target, "loading", "5", "4294967295", detailOf(want))
	got, err := scanTable(r)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v, %v", got, want, err)
	}
	for column, value := range map[int]string{0: "x", 6: "", 7: "{"} {
		bad := append([][]byte{}, r...)
		bad[column] = []byte(value)
		_, err := scanTable(bad)
		wantHalt(t, err, replicator.WarehouseUnfit)
	}
}
