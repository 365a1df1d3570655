package replicator_test

import (
	"testing"

	"rowshift/replicator"
)

func TestLSN(t *testing.T) {
	for _, s := range []string{"0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF"} {
		l, err := replicator.ParseLSN(s)
		if err != nil || l.String() != s {
			t.Errorf("%s became %v, %v", s, l, err)
		}
	}
	for _, s := range []string{"", "0", "/", "1/", "/1", "1/2/3", "g/1", "1/123456789", "-1/1"} {
		if l, err := replicator.ParseLSN(s); err == nil {
			t.Errorf("%q became %v", s, l)
		}
	}
}

func TestBehind(t *testing.T) {
	for _, c := range []struct {
		l, ahead replicator.LSN
		want     uint64
	}{{5, 9, 4}, {9, 9, 0}, {9, 5, 0}, {0, 1<<64 - 1, 1<<64 - 1}} {
		if got := c.l.Behind(c.ahead); got != c.want {
			t.Errorf("%v is %d bytes behind %v, want %d", c.l, got, c.ahead, c.want)
		}
	}
}
