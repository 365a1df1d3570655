package main

import (
	"errors"
	"strings"
	"testing"

	"rowshift/test/harness"
)

// page is a scrape of a daemon whose tables are live.
const page = `
rowshift_state{state="streaming"} 1
rowshift_table_state{state="live",table="public.company"} 1
rowshift_table_state{state="live",table="public.person"} 1
rowshift_table_state{state="live",table="public.plan"} 1
rowshift_table_state{state="live",table="public.company_person"} 1
rowshift_rows_total{op="load",table="public.company"} 7
`

func TestLine(t *testing.T) {
	toLoad := strings.ReplaceAll(page, "live", "loading")
	for _, c := range []struct {
		name, page string
		err        error
		want       string
	}{
		{"no answer", "", errors.New("refused"), "starting"},
		{"no load yet", toLoad, nil, "preparing the load"},
		{"loading", toLoad + "rowshift_load_rows 5\nrowshift_load_rows_estimated 20\nrowshift_load_tables{loaded=\"false\"} 3\nrowshift_load_tables{loaded=\"true\"} 1\n", nil, "loading: 5 of about 20 rows; tables left 3"},
		{"loaded", toLoad + "rowshift_load_rows 21\nrowshift_load_rows_estimated 20\nrowshift_load_tables{loaded=\"false\"} 0\nrowshift_load_tables{loaded=\"true\"} 4\n", nil, "loaded 21 rows; applying what changed meanwhile"},
		{"the slot was not seen", page, nil, "rows loaded and merged 7 · batches 0 · WAL kept - ·"},
		{"the slot was seen", page + "rowshift_slot_retained_bytes 2.5e+06\n", nil, "WAL kept 2.5 MB ·"},
		{"halted", page + "rowshift_state{state=\"halted\"} 1\n", nil, "halted · source transactions 3"},
	} {
		if got := line(harness.ParseMetrics(c.page), c.err, 3); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q in it", c.name, got, c.want)
		}
	}
}

func TestHaltOf(t *testing.T) {
	got := haltOf(`{"ready":false,"halt":{"reason":"slot_missing","found":"f","means":"m","repair":"r"}}`)
	if want := "  slot_missing: f\n  means   m\n  repair  r"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := haltOf("no JSON\n"); got != "no JSON" {
		t.Errorf("%q", got)
	}
}
