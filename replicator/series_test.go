package replicator

import (
	"runtime"
	"strconv"
	"sync"
	"testing"

	"rowshift/schema"
)

// A series has the elements that it was given, in order, and hardly more room than they
// need. One that begins anew has none of the earlier ones, and reuses the blocks that it
// left.
func TestSeries(t *testing.T) {
	var spare sync.Pool
	var s series[int]
	for round, length := range []int{1, firstLength, firstLength + 1, blockLength - 1, blockLength, blockLength + 1, 10*blockLength + 3, 0, 5} {
		for i := range length {
			if p := s.add(&spare, i*round); *p != i*round || s.at(i) != p {
				t.Fatalf("round %d: element %d is %d", round, i, *p)
			}
		}
		if s.length != length {
			t.Errorf("round %d: %d elements of %d", round, s.length, length)
		}
		for i := range length {
			if got := *s.at(i); got != i*round {
				t.Fatalf("round %d: element %d is %d", round, i, got)
			}
		}
		if room := s.room(); room < length || room > max(2*length, length+blockLength, firstLength) {
			t.Errorf("round %d: room for %d, with %d elements", round, room, length)
		}
		if round%2 == 0 {
			s.release(&spare)
		} else {
			s.reset(&spare)
		}
		if s.length != 0 || s.room() > blockLength {
			t.Errorf("round %d: %d elements are left, and room for %d", round, s.length, s.room())
		}
	}
}

// A batch reuses the memory of batches that are staged. Garbage would take as much memory
// again, and more the longer a transaction goes on.
func TestBatchesLeaveTheirMemory(t *testing.T) {
	if raced {
		t.Skip("pools drop some of what they are given")
	}
	table := &schema.Table{OID: 1, Key: []int{0}, Columns: make([]schema.Column, 2)}
	var tx transaction
	var row Tuple
	batch := func() {
		tx.begin(Change{Op: Begin, LSN: 1}, 0)
		for i := range 50_000 {
			row = row[:0].Append(Value{Kind: Text, Text: strconv.AppendInt(nil, int64(i), 10)}).Append(Value{Kind: Text, Text: []byte("value")})
			tx.add(Change{Op: Insert, Table: table, New: row})
		}
		b := &Batch{}
		f := b.newFold(table)
		tx.into(&b.arena, f.add)
		if f.Len() != 50_000 {
			t.Fatalf("%d rows", f.Len())
		}
		b.release()
	}
	batch()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 4 {
		batch()
	}
	runtime.ReadMemStats(&after)
	if mib := (after.TotalAlloc - before.TotalAlloc) >> 20; mib > 6 { // their rows, and where these are found, are 12
		t.Errorf("four batches took %d MiB beside what the first had left", mib)
	}
}
