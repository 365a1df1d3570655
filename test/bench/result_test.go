package main

import (
	"os"
	"strings"
	"testing"
	"time"
)

// Ratios are taken within one round, so a round in which everything was slow changes
// none.
func TestRatiosArePaired(t *testing.T) {
	var all results
	for round, unit := range []time.Duration{time.Second, 10 * time.Second, 2 * time.Second} {
		for name, units := range map[string]int{limit: 2, reading: 4, native: 8, rowshift: 5} {
			all = append(all, result{Backlog: "one transaction", Peer: name, Round: round, Rows: 1_000_000, Wall: unit * time.Duration(units),
				Walsender: unit, Own: usage{CPU: unit / 4, Peak: 100 << 20}, Others: others{Target: unit * time.Duration(units) / 2, Machine: unit * time.Duration(2*units)}})
		}
	}
	got := all.tables()
	for _, want := range []string{
		"| one transaction | limit | 250000 |  |  | 2.00 s | 0.50 s | 0.25 |  | 100 MiB |\n",
		"| one transaction | read | 125000 | 0.50 (0.50 to 0.50) |  | 2.00 s | 0.50 s | 0.25 | 0.25 | 100 MiB |\n",
		"| one transaction | rowshift | 100000 | 0.40 (0.40 to 0.40) | 1.60 (1.60 to 1.60) | 2.00 s | 0.50 s | 0.25 | 0.25 | 100 MiB |\n",
		"| one transaction | read | 0.25 | 0.06 | 0.50 |  |  | 2.00 |\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no line %q in\n%s", want, got)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		of   []float64
		want float64
	}{{[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 2, 9}, 3}} {
		if got := median(c.of); got != c.want {
			t.Errorf("median of %v is %v", c.of, got)
		}
	}
}

func TestBacklogsAreChosen(t *testing.T) {
	if got := keys(backlogs); got != "three,one-row,one-transaction,hot,TPC-B" {
		t.Errorf("backlogs %s", got)
	}
	chosen, err := choose("backlog", "hot,one-row", backlogs)
	if err != nil || len(chosen) != 2 || chosen[0].name != backlogs[1].name {
		t.Errorf("chose %v, %v", chosen, err)
	}
	if _, err := choose("backlog", "cold", backlogs); err == nil || !strings.Contains(err.Error(), "three,one-row") {
		t.Errorf("a backlog that is not there: %v", err)
	}
}

func TestPeersAreChosen(t *testing.T) {
	chosen, err := choose("peer", "read,limit", peers)
	if err != nil || len(chosen) != 2 || chosen[0].name != limit || chosen[1].name != reading {
		t.Errorf("chose %v, %v", chosen, err)
	}
	if _, err := choose("peer", "limit,limit", peers); err == nil {
		t.Error("a peer was chosen twice")
	}
	if len(peers) != 6 {
		t.Errorf("%d peers are left", len(peers))
	}
}

func TestUsageOfThisProcess(t *testing.T) {
	before, err := usageOf(os.Getpid())
	if err != nil || before.Peak < 1<<20 {
		t.Fatalf("%+v, %v", before, err)
	}
	after := before
	for until := time.Now().Add(time.Minute); err == nil && after.CPU == before.CPU && time.Now().Before(until); {
		after, err = usageOf(os.Getpid())
	}
	if err != nil || after.CPU <= before.CPU {
		t.Errorf("%v of CPU after %v, %v", after.CPU, before.CPU, err)
	}
}
