//go:build !race

package schema

import "testing"

// The race detector makes a sync.Pool forget some of what it is given.
// https://github.com/golang/go/blob/master/src/sync/pool.go
func TestHashAllocatesNothing(t *testing.T) {
	write := hashKey(t, exampleKey).mapping().Append
	value, room := []byte("ada@example.com"), make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() { _, _ = write(room, value) }); n > 0 {
		t.Errorf("%v allocations for a hash", n)
	}
}
