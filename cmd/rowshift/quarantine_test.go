package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"rowshift/schema"
	"rowshift/sink/redshift"

	"github.com/google/go-cmp/cmp"
)

func TestQuarantineDropReadsTablesAndKeys(t *testing.T) {
	drops, err := quarantineDrop{Yes: true, Of: []string{"public.person", "Sales.Order Lines", `["a.b", "1"]`, `["c"]`}}.drops()
	want := []dropped{{table: schema.Name{Schema: "public", Table: "person"}}, {table: schema.Name{Schema: "Sales", Table: "Order Lines"}, keys: []string{`["a.b", "1"]`, `["c"]`}}}
	if diff := cmp.Diff(want, drops, cmp.AllowUnexported(dropped{})); diff != "" || err != nil {
		t.Error(diff, err)
	}
	drops, err = quarantineDrop{Yes: true, Of: []string{`"my.schema".person`, `["a"]`, `public."a ""b"".c"`}}.drops()
	want = []dropped{{table: schema.Name{Schema: "my.schema", Table: "person"}, keys: []string{`["a"]`}}, {table: schema.Name{Schema: "public", Table: `a "b".c`}}}
	if diff := cmp.Diff(want, drops, cmp.AllowUnexported(dropped{})); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for _, of := range [][]string{{`["a"]`}, {"person"}, {"public."}, {"my.schema.person"}, {`"my.schema.person`}} {
		if _, err := (quarantineDrop{Yes: true, Of: of}).drops(); err == nil {
			t.Errorf("%q is taken", of)
		}
	}
}

// Dropping all entries of a table takes --yes; dropping named keys does not.
func TestQuarantineDropOfAWholeTableIsMeant(t *testing.T) {
	for _, of := range [][]string{{"public.person"}, {"public.person", `["1"]`, "public.plan"}} {
		if _, err := (quarantineDrop{Of: of}).drops(); err == nil || !strings.Contains(err.Error(), "--yes") || told(err, io.Discard) != exitBad {
			t.Errorf("%q: %v", of, err)
		}
	}
	if drops, err := (quarantineDrop{Of: []string{"public.person", `["1"]`}}).drops(); err != nil || len(drops) != 1 {
		t.Errorf("%v, %v", drops, err)
	}
}

// A drop that finds no entry says so, and fails.
func TestQuarantineDropTellsOfNothing(t *testing.T) {
	for n, want := range map[int64]string{3: "", 0: `nothing of "my.schema".person, by the keys behind it, is in quarantine`} {
		var b bytes.Buffer
		err := dropped{table: schema.Name{Schema: "my.schema", Table: "person"}, keys: []string{`["a secret"]`}}.tell(&b, n)
		if b.String() != fmt.Sprintf("\"my.schema\".person: %d entries dropped\n", n) || (err == nil) != (want == "") {
			t.Errorf("%q, %v", b.String(), err)
		}
		if err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "a secret") || told(err, io.Discard) != exitFailed) {
			t.Errorf("exit code %d, %v", told(err, io.Discard), err)
		}
	}
}

// A printed name is read back as the same name by the config and the command line.
func TestNamesAreSpelledAsTheyAreRead(t *testing.T) {
	for _, n := range []schema.Name{{Schema: "public", Table: "person"}, {Schema: "Sales", Table: "Order Lines"}, {Schema: "my.schema", Table: "a.b"}, {Schema: `"`, Table: ` a"".b `}} {
		if read, ok := tableName(asRead(n)); !ok || read != n {
			t.Errorf("%q is read as %q, %v", asRead(n), read, ok)
		}
	}
	if got := asRead(schema.Name{Schema: "Sales", Table: "Order Lines"}); got != "Sales.Order Lines" {
		t.Errorf("%s has quotes that it does not need", got)
	}
}

func TestQuarantineListSaysThatThereIsNothing(t *testing.T) {
	tables, err := namesOf([]string{"public.person", `"my.schema".person`, "public.person"})
	if err != nil || len(tables) != 2 {
		t.Errorf("%v, %v", tables, err)
	}
	for want, of := range map[string][]schema.Name{"nothing is in quarantine": nil, `nothing of public.person, "my.schema".person (no table of the config) is in quarantine`: tables} {
		if got := nothingIn(of, []schema.Choice{{Name: tables[0]}}); got != want {
			t.Errorf("%s, want %s", got, want)
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
