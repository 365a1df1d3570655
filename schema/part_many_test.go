package schema

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestUnseenAsOneByOne shows that Unseen says the same as if each partition were searched for.
func TestUnseenAsOneByOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	said := map[string]int{}
	for range 50000 {
		var was, now []Part
		for oid := range uint32(1 + rng.IntN(4)) {
			p := Part{OID: 1 + oid, File: 7, XMin: uint32(rng.IntN(8)), Name: Name{"public", string(rune('a' + oid))}}
			fate := rng.IntN(16)
			if fate != 0 {
				was = append(was, p)
			}
			p.Born = rng.IntN(2) == 0
			switch fate {
			case 1:
				p.File++
			case 2:
				p.XMin++
			}
			if fate != 3 {
				now = append(now, p)
			}
		}
		if rng.IntN(4) == 0 { // nothing promises that both are in the same order
			rng.Shuffle(len(now), func(i, j int) { now[i], now[j] = now[j], now[i] })
		}
		sameRun := rng.IntN(2) == 0
		got, want := Unseen(was, now, sameRun), unseenOneByOne(was, now, sameRun)
		if got != want {
			t.Fatalf("%+v, then %+v, same run %v: %q, want %q", was, now, sameRun, got, want)
		}
		said[got]++
	}
	if len(said) != 1+1+4*4 {
		t.Errorf("it said %v", said)
	}
}

// unseenOneByOne is Unseen as it would be for few partitions.
func unseenOneByOne(was, now []Part, sameRun bool) string {
	for _, w := range was {
		i := slices.IndexFunc(now, func(n Part) bool { return n.OID == w.OID })
		if i < 0 {
			return "a partition was dropped or detached"
		}
		if now[i].File != w.File {
			return "partition " + now[i].Name.String() + " was truncated, or written anew"
		}
		if w.XMin != 0 && now[i].XMin != w.XMin {
			return "partition " + now[i].Name.String() + " was detached, and attached again"
		}
	}
	for _, n := range now {
		switch {
		case slices.ContainsFunc(was, func(w Part) bool { return w.OID == n.OID }):
		case !n.Born:
			return "partition " + n.Name.String() + " was attached"
		case !sameRun:
			return "partition " + n.Name.String() + " came while the server was started or recovered, so it may have been attached"
		}
	}
	return ""
}

func BenchmarkUnseen(b *testing.B) {
	was := make([]Part, 90000)
	for i := range was {
		was[i] = Part{OID: uint32(20000 + i), File: uint32(20000 + i), XMin: 5}
	}
	now := append(slices.Clone(was), Part{OID: 1 << 30, File: 1 << 30, Born: true})
	for b.Loop() {
		if what := Unseen(was, now, true); what != "" {
			b.Fatal(what)
		}
	}
}
