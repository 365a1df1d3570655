package main

import (
	"bytes"
	"testing"
	"time"

	"rowshift/schema"
	"rowshift/sink/redshift"

	"github.com/google/go-cmp/cmp"
)

func TestQuarantineDropReadsTablesAndKeys(t *testing.T) {
	drops, err := quarantineDrop{Of: []string{"public.person", "Sales.Order Lines", `["a.b", "1"]`, `["c"]`}}.drops()
	want := []dropped{{table: schema.Name{Schema: "public", Table: "person"}}, {table: schema.Name{Schema: "Sales", Table: "Order Lines"}, keys: []string{`["a.b", "1"]`, `["c"]`}}}
	if diff := cmp.Diff(want, drops, cmp.AllowUnexported(dropped{})); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for _, of := range [][]string{{`["a"]`}, {"person"}, {"public."}} {
		if _, err := (quarantineDrop{Of: of}).drops(); err == nil {
			t.Errorf("%q is taken", of)
		}
	}
}

func TestQuarantineIsPrinted(t *testing.T) {
	at := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	rows := []redshift.RefusedRow{
		{Table: schema.Name{Schema: "public", Table: "company"}, Key: `["<1>"]`, Reason: "too_long", Column: "note", OriginalBytes: 70000, LSN: 0x1800, CommittedAt: at, Object: "s3://b/k", WrittenAt: at},
		{Table: schema.Name{Schema: "public", Table: "company"}, Key: `["2"]`, Reason: "unfilled", LSN: 0x1900, WrittenAt: at},
	}
	for name, asJSON := range map[string]bool{"quarantine.txt": false, "quarantine.json": true} {
		var b bytes.Buffer
		if err := printRefused(&b, rows, asJSON); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.String())
	}
	var b bytes.Buffer
	if err := printRefused(&b, nil, false); err != nil || b.Len() != 0 {
		t.Errorf("of nothing: %q, %v", b.String(), err)
	}
}
