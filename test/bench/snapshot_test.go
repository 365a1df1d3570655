package main

import (
	"strings"
	"testing"
	"time"
)

// Ratios are taken within one round: to one COPY in text, and to the two pipes of psql.
func TestSnapshotTable(t *testing.T) {
	var rounds [][]taking
	for _, unit := range []time.Duration{time.Second, 5 * time.Second, 2 * time.Second} {
		var r []taking
		for peer, units := range map[string]int{alone: 2, piped: 8, keyed: 16, "staged, binary, 2": 4, rowshift: 10} {
			r = append(r, taking{Peer: peer, Rows: 1_000_000, Wall: unit * time.Duration(units), Own: usage{CPU: time.Second, Peak: 50 << 20}})
		}
		rounds = append(rounds, r)
	}
	got := snapshotTable(rounds)
	for _, want := range []string{
		"| COPY, text | 250000 |  |  |  | 1.00 s | 50 MiB |\n",
		"| staged, binary, 2 | 125000 | 0.50 (0.50 to 0.50) |  |  | 1.00 s | 50 MiB |\n",
		"| psql \\| psql | 62500 | 0.25 (0.25 to 0.25) |  |  | 1.00 s | 50 MiB |\n",
		"| rowshift | 50000 | 0.20 (0.20 to 0.20) | 0.80 (0.80 to 0.80) | 1.60 (1.60 to 1.60) | 1.00 s | 50 MiB |\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no line %q in\n%s", want, got)
		}
	}
}
