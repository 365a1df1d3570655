package main

import (
	"strings"
	"testing"
)

// FuzzConfig reads arbitrary bytes as a config. That must never panic, must never return
// neither a config nor a fault, and must print each fault on a line of its own.
func FuzzConfig(f *testing.F) {
	f.Add(goodConfig)
	f.Add(minimal)
	for _, text := range []string{"a: &a {b: *a}", "<<: {a: b}", "source: |\n  x", "? {a: b}\n: c", "a:\n  ? true\n  : 5", "batch: &a {~: 5, !!int 5: 5}", "? \n: 5", "? |\n  a\n: 5", "tables: {a.b: &x {columns: all}, c.d: *x}", "!!binary a: b", "\t", "%YAML 1.2\n---\n"} {
		f.Add(text)
	}
	f.Setenv("ROWSHIFT_TEST_PASSWORD", canary)
	f.Fuzz(func(t *testing.T, text string) {
		faults := newFaults("rowshift.yaml")
		c := readConfig([]byte(text), faults)
		err := faults.err()
		if (c == nil) != (err != nil) {
			t.Fatalf("config %v with error %v", c != nil, err)
		}
		if err == nil {
			return
		}
		for _, one := range faults.found {
			if one.line < 1 || one.text == "" || strings.Contains(one.text, "\n") || strings.Contains(one.text, canary) {
				t.Errorf("line %d: %q", one.line, one.text)
			}
		}
	})
}
