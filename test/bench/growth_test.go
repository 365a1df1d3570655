package main

import (
	"strings"
	"testing"
	"time"
)

// The cost of starting is subtracted, each drain is compared with the one before it in
// its group, memory is the greatest of all rounds, and the share is left out if the
// walsender used only a few ticks.
func TestGrowthTable(t *testing.T) {
	var rounds []growthRound
	for _, unit := range []time.Duration{time.Second, 3 * time.Second, 2 * time.Second} {
		drain := func(of string, g growing, cpu, wall time.Duration) grown {
			return grown{growing: g, Of: of, CPU: unit + cpu, Wall: 4*unit + wall, Walsender: cpu / 2, Peak: int64(unit.Seconds()) << 24, BareCPU: unit, BareWall: 4 * unit}
		}
		rounds = append(rounds, growthRound{
			Drains: []grown{
				drain("rows", growing{Rows: 10_000, Tables: 4}, 100*time.Millisecond, time.Second),
				drain("rows", growing{Rows: 1_000_000, Tables: 4}, 15*time.Second, 50*time.Second),
				drain("rows", growing{Rows: 10_000_000, Tables: 4}, 300*time.Second, 500*time.Second),
				drain("idle", growing{Rows: 100_000, Tables: 4}, time.Second, time.Second),
			},
			Rests: []resting{{CPU: unit, Time: 1000 * time.Second, Peak: int64(unit.Seconds()) << 20}, {Idle: 10_000, CPU: 2 * unit, Time: 1000 * time.Second}},
		})
	}
	got := growthTable(rounds)
	for _, want := range []string{
		"| rows | 10000 | 4 | 0 | 5.00 s | 10.00 s | 1.00 |  | 100.00 s | 1.00 | 48 MiB | 2.00 s | 8.00 s |\n",
		"| rows | 1000000 | 4 | 0 | 7.50 s | 15.00 s | 1.50 | 2.00 | 50.00 s | 0.50 | 48 MiB | 2.00 s | 8.00 s |\n",
		"| rows | 10000000 | 4 | 0 | 15.00 s | 30.00 s | 2.00 | 2.00 | 50.00 s | 1.00 | 48 MiB | 2.00 s | 8.00 s |\n",
		"| idle | 100000 | 4 | 0 | 5.00 s | 10.00 s | 1.00 | 2.00 | 10.00 s | 1.00 | 48 MiB | 2.00 s | 8.00 s |\n",
		"| 0 | 2.0 ms | 3 MiB |\n",
		"| 10000 | 4.0 ms | 0 MiB |\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no line %q in\n%s", want, got)
		}
	}
}

func TestGrowths(t *testing.T) {
	all := growths(sizes{scale: 1}, 10_000_000)
	var rows []int64
	for _, g := range all[byRows] {
		rows = append(rows, g.Rows)
	}
	if len(rows) != 4 || rows[0] != 10_000 || rows[3] != 10_000_000 {
		t.Errorf("drains of %v rows", rows)
	}
	if last := all[byTables][len(all[byTables])-1]; last.Tables != 200 || all[idleOnes][1].Idle != 10_000 {
		t.Errorf("%v", all)
	}
	for _, s := range []float64{0.002, 0.3} {
		if all := growths(sizes{scale: s}, 1_000_000); len(all[byRows]) < 2 || len(all[byRows]) > 3 {
			t.Errorf("at scale %v drains of %v", s, all[byRows])
		}
	}
}
