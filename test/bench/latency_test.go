package main

import (
	"strings"
	"testing"
	"time"
)

// A commit is seen at the first look that finds its count or a later one.
func TestDelaysAreOfTheFirstLookThatSees(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(100, 0).Add(time.Duration(ms) * time.Millisecond) }
	var committed, seen [writers][]sight
	committed[0] = []sight{{1, at(10)}, {2, at(20)}, {3, at(30)}}
	seen[0] = []sight{{0, at(0)}, {2, at(25)}, {3, at(28)}}
	committed[5] = []sight{{8, at(40)}}
	seen[5] = []sight{{7, at(0)}, {9, at(140)}}
	got := delaysOf(committed, seen)
	want := []time.Duration{15 * time.Millisecond, 5 * time.Millisecond, 0, 100 * time.Millisecond}
	if len(got) != len(want) {
		t.Fatalf("delays %v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("delays %v, want %v", got, want)
			break
		}
	}
}

func TestPercentiles(t *testing.T) {
	var all []time.Duration
	for n := 200; n > 0; n-- {
		all = append(all, time.Duration(n))
	}
	if got := percentilesOf(all); got != (percentiles{P50: 101, P99: 199}) {
		t.Errorf("%v", got)
	}
	if got := percentilesOf([]time.Duration{7}); got != (percentiles{P50: 7, P99: 7}) {
		t.Errorf("of one: %v", got)
	}
}

// The bounds apply to the daemon's delay less the subscription's in the same case.
func TestDelaysTable(t *testing.T) {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	var all []delay
	for _, slow := range []int{1, 3, 2} {
		all = append(all, delay{Interval: time.Second, Default: true, Asked: 100,
			Rowshift: percentiles{P50: ms(500 * slow), P99: ms(1000 * slow)}, Native: percentiles{P50: ms(slow), P99: ms(2 * slow)}})
	}
	want := "| 1s, the default | 100 | 1000.0 ms | 2000.0 ms | 2.0 ms | 4.0 ms | 998.0 ms | 650 ms | 1996.0 ms | 1150 ms |\n"
	if got := delaysTable(all); !strings.HasSuffix(got, want) || strings.Count(got, "\n") != 3 {
		t.Errorf("the table is\n%s", got)
	}
}
