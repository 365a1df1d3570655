package replicator_test

import (
	"testing"

	"rowshift/replicator"
)

func TestVisibilitySees(t *testing.T) {
	const turn = 1 << 32
	tests := []struct {
		name string
		v    replicator.Visibility
		xid  uint32
		want bool
	}{
		{"below xmin", replicator.Visibility{XMin: 100, XMax: 110}, 99, true},
		{"ended between", replicator.Visibility{XMin: 100, XMax: 110, InProgress: []uint64{100, 105}}, 101, true},
		{"in progress", replicator.Visibility{XMin: 100, XMax: 110, InProgress: []uint64{100, 105}}, 105, false},
		{"xmin itself in progress", replicator.Visibility{XMin: 100, XMax: 110, InProgress: []uint64{100, 105}}, 100, false},
		{"at xmax", replicator.Visibility{XMin: 100, XMax: 110}, 110, false},
		{"after xmax", replicator.Visibility{XMin: 100, XMax: 110}, 1000, false},
		{"of the turn before", replicator.Visibility{XMin: 2*turn + 3, XMax: 2*turn + 5}, turn - 10, true},
		{"in progress since the turn before", replicator.Visibility{XMin: 2*turn - 7, XMax: 2*turn + 5, InProgress: []uint64{2*turn - 7}}, turn - 7, false},
		{"of the turn after", replicator.Visibility{XMin: 2*turn - 9, XMax: 2*turn - 5}, 3, false},
	}
	for _, test := range tests {
		if got := test.v.Sees(test.xid); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}
