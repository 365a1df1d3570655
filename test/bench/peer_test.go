package main

import "testing"

// In as many rounds as there are peers, none is first in more than two, and native comes
// before rowshift about as often as behind it.
func TestPeersTakeTurns(t *testing.T) {
	first := map[string]int{}
	var before, behind int
	for round := range len(peers) {
		at := map[string]int{}
		for i, p := range inOrder(peers, round) {
			at[p.name] = i
		}
		if len(at) != len(peers) {
			t.Fatalf("in round %d only %v drain", round, at)
		}
		for name, i := range at {
			if i == 0 {
				first[name]++
			}
		}
		if at[native] < at[rowshift] {
			before++
		} else {
			behind++
		}
	}
	if before-behind > 2 || behind-before > 2 {
		t.Errorf("native is %d times before rowshift, and %d times behind", before, behind)
	}
	for name, n := range first {
		if n > 2 {
			t.Errorf("%s is first %d times", name, n)
		}
	}
	if alone := inOrder(peers[:1], 2); len(alone) != 1 || alone[0].name != limit {
		t.Errorf("one peer alone: %v", alone[0].name)
	}
}
