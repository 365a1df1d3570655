package main

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// put sets a value in a decoded config, at a path as keysOf returns it.
func put(in map[string]any, path string, value any) {
	names := strings.NewReplacer("tables.*", "tables.public:company", ".*", ".plan").Replace(path)
	keys := strings.Split(names, ".")
	for _, key := range keys[:len(keys)-1] {
		key = strings.ReplaceAll(key, ":", ".")
		within, is := in[key].(map[string]any)
		if !is {
			within = map[string]any{}
			in[key] = within
		}
		in = within
	}
	in[keys[len(keys)-1]] = value
}

// faultsWith returns the faults of the good config after values, by path, were put into
// it.
func faultsWith(t *testing.T, values map[string]any) string {
	t.Helper()
	in := map[string]any{}
	if err := yaml.Unmarshal([]byte(goodConfig), &in); err != nil {
		t.Fatal(err)
	}
	for path, value := range values {
		put(in, path, value)
	}
	text, err := yaml.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	f := newFaults("rowshift.yaml")
	d, whole := parseDocument(text, f)
	if !whole {
		t.Fatalf("it cannot be read: %v\n%s", f, text)
	}
	(&reading{faults: f, written: map[string]string{}}).config(d)
	return f.Error()
}

// leavesOf returns the paths of the config's keys that have a value rather than keys.
func leavesOf() []string {
	all := keysOf(reflect.TypeFor[document](), "")
	leaves := []string{"tables.*.rename.*", "tables.*.types.*", "tables.*.rules.*", "tables.*.rules.*.too_long"}
	for _, path := range all {
		if !slices.ContainsFunc(all, func(other string) bool { return strings.HasPrefix(other, path+".") }) {
			leaves = append(leaves, path)
		}
	}
	return leaves
}

// Promise 6: a variable in the wrong place may hold a password. Whichever key refers to
// it, and whatever is wrong with its value, no fault shows the value.
func TestFaultsShowNoVariable(t *testing.T) {
	const reference, seen = "${ROWSHIFT_TEST_SLIP}", "7777" // seen is part of each value
	t.Setenv("ROWSHIFT_TEST_PASSWORD", "the password")
	leaves := leavesOf()
	if len(leaves) < 50 {
		t.Fatalf("only %d keys are tried: %v", len(leaves), leaves)
	}
	quoted := map[string]bool{}
	try := func(value string, settings map[string]any) {
		text := faultsWith(t, settings)
		if strings.Contains(text, seen) {
			t.Errorf("%v, with the value %q:\n%s", settings, value, text)
		}
		for path := range settings {
			quoted[path] = quoted[path] || strings.Contains(text, reference)
		}
	}
	for _, value := range []string{
		"p7777", "P. 7777 ", "pg_7777", "rds7777", "777777777777", "-77777s", "VARCHAR(77777)", "s3://B_7777/x", "h:77777", "postgres://p7777@h/d?7777=7777", strings.Repeat("7", 200),
	} {
		t.Setenv("ROWSHIFT_TEST_SLIP", value)
		everywhere := map[string]any{}
		for _, path := range leaves {
			try(value, map[string]any{path: reference})
			if path != "tables.*.rules.*" && path != "tables.*.columns" { // these leave no room for other entries
				everywhere[path] = reference
			}
		}
		for _, settings := range []map[string]any{
			everywhere,
			{"warehouse.schema": reference, "warehouse.metadata_schema": reference},
			{"tables.*.rename": map[string]any{"id": reference, "plan": reference}},
			{"warehouse.readers": []any{reference, reference}}, {"tables.*.columns": []any{reference, reference}},
			{"tables.*.hash": []any{reference}}, {"tables.*.sortkey": []any{reference}},
			{"source.password": "file:/" + reference}, {"hash_key": "file:/" + reference},
		} {
			try(value, settings)
		}
	}
	for _, path := range []string{
		"pipeline", "warehouse.schema", "source.slot", "source.publication", "warehouse.readers", "warehouse.metadata_schema", "source.password", "bucket.url", "listen", "batch.rows",
		"batch.bytes", "batch.max_age", "log.level", "tables.*.hash", "tables.*.distkey", "tables.*.target", "tables.*.rename.*", "tables.*.types.*", "tables.*.rules.*", "tables.*.columns",
	} {
		if !quoted[path] {
			t.Errorf("no fault of %s says how it is written in the file", path)
		}
	}
}
