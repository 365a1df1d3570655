package main

import (
	"strings"
	"testing"
)

// A key that is not text to YAML is reported as an unknown key. It must not make the
// decoder silently drop everything beside it.
func TestKeysThatAreNoText(t *testing.T) {
	const batch = "known here: rows, bytes, max_age, min_interval"
	for _, c := range []struct{ old, new, line string }{
		{"min_interval: 1s", "5: 5", "20: batch.5: unknown key; " + batch},
		{"min_interval: 1s", "true: 5", "20: batch.true: unknown key; " + batch},
		{"min_interval: 1s", "~: 5", "20: batch.~: unknown key; " + batch},
		{"min_interval: 1s", "1.50: 5", "20: batch.1.50: unknown key; " + batch},
		{"min_interval: 1s", ".nan: 5", "20: batch..nan: unknown key; " + batch},
		{"min_interval: 1s", "&a 5: 5", "20: batch: has a key that is no plain text; " + batch},
		{"min_interval: 1s", "!!int 5: 5", "20: batch: has a key that is no plain text; " + batch},
		{"log: {level: info}", "log:\n  ? level\n  : verbose", `30: log.level: "verbose" is not one of the choices`},
		{"log: {level: info}", "log:\n  ? true\n  : 5", "30: log.true: unknown key; known here: level"},
		{"batch: {rows: 500000,", "batch: &all {5: 5, rows: 500000,", "20: batch.5: unknown key; " + batch},
		{"log: {level: info}", "log: {level: info}\n5: 5", "30: 5: unknown key; known here: pipeline,"},
		{"log: {level: info}", "log:\n  true: 5", "30: log.true: unknown key; known here: level"},
		{"public.plan: {columns: all}", "public.plan: {columns: all, 5: a}", "24: tables.public.plan.5: unknown key; known here: columns,"},
		{"public.plan: {columns: all}", "5: {columns: all}", "24: tables.5: is not a table's name with its schema"},
	} {
		if strings.Count(goodConfig, c.old) != 1 {
			t.Fatalf("%q is not once in the good config", c.old)
		}
		path := writeConfig(t, strings.Replace(goodConfig, c.old, c.new, 1))
		code, _, stderr := rowshift(t, "plan", "--config", path)
		if code != 2 || !strings.Contains(stderr, path+":"+c.line) {
			t.Errorf("%q: exit code %d\n got %swant %s", c.new, code, stderr, c.line)
		}
	}
	path := writeConfig(t, strings.Replace(goodConfig, "bytes: 128MiB", "bytes: nonsense, 5: 5", 1))
	if _, _, stderr := rowshift(t, "plan", "--config", path); !strings.Contains(stderr, "batch.5: unknown") || !strings.Contains(stderr, `"nonsense" is not a size`) {
		t.Errorf("of a fault beside it is said: %s", stderr)
	}
}

// Names of tables and columns are taken as they are written, whatever type YAML gives
// them.
func TestNamesThatYAMLTakesForOtherThanText(t *testing.T) {
	c := load(t, strings.Replace(goodConfig, "public.plan: {columns: all}",
		`public.plan: {columns: [5, true, "null", y, n, on, off, no, 1.50, 0x1F, "~"], target: on, distkey: true, sortkey: [5, n],
    rename: {5: five, true: 150, y: n}, types: {null: VARCHAR(300), no: DATE}, rules: {1.50: truncate, 0x1F: {too_long: null}}}`, 1))
	for _, choice := range c.tables {
		if choice.Name.Table != "plan" {
			continue
		}
		if got := strings.Join(choice.Columns, " "); got != "5 true null y n on off no 1.50 0x1F ~" {
			t.Errorf("the columns are %s", got)
		}
		if choice.Target != "on" || choice.DistKey != "true" || strings.Join(choice.SortKey, " ") != "5 n" ||
			choice.Rename["5"] != "five" || choice.Rename["true"] != "150" || choice.Rename["y"] != "n" ||
			choice.Types["null"] == "" || choice.Types["no"] == "" || choice.Rules["1.50"] == nil || choice.Rules["0x1F"] == nil {
			t.Errorf("%+v", choice)
		}
		return
	}
	t.Error("the table is not there")
}
