package replicator

import (
	"bytes"
	"hash/maphash"
	"math/bits"
	"sync"
)

// index finds a fold's rows by their keys. It is a hash table of row numbers, with open
// addressing; the hashes and the keys are kept by the rows. It has no pointers, so the
// garbage collector does not scan it. Nothing is taken out of it.
type index struct {
	seed  maphash.Seed
	slots []int32 // the number of a row, from 1; 0: free. Their number is a power of two, and at least half of them are free
}

// firstSlots is how many slots an index begins with. It is small, since there can be many
// small folds.
const firstSlots = 16

// spareSlots holds the slots of indexes that have grown or were released, by the power of
// two that their number is. Up to fewSlots are not worth keeping.
var spareSlots [32]sync.Pool

const fewSlots = 1024

// newSlots returns n free slots.
func newSlots(n int) []int32 {
	if n > fewSlots {
		if spare, ok := spareSlots[bits.Len(uint(n))].Get().(*[]int32); ok {
			clear(*spare)
			return *spare
		}
	}
	return make([]int32, n)
}

func newIndex() index { return index{seed: maphash.MakeSeed()} }

// hash returns the hash of a key, as rows keep it.
func (x *index) hash(key Tuple) uint32 { return uint32(maphash.Bytes(x.seed, key)) }

// find returns the number of the row with that key, from 0; -1 if there is none.
func (x *index) find(f *Fold, hash uint32, key Tuple) int {
	if len(x.slots) == 0 {
		return -1
	}
	mask := uint32(len(x.slots) - 1)
	for i := hash & mask; x.slots[i] != 0; i = (i + 1) & mask {
		r := f.rows.at(int(x.slots[i] - 1))
		if r.hash == hash && bytes.Equal(f.arena.at(r.key), key) {
			return int(x.slots[i] - 1)
		}
	}
	return -1
}

// add enters the last of the rows.
func (x *index) add(rows *series[folded]) {
	last := rows.length - 1
	if 2*rows.length > len(x.slots) {
		n := max(firstSlots, 2*len(x.slots))
		x.release()
		x.slots = newSlots(n)
		for i := range last {
			x.place(i, rows.at(i).hash)
		}
	}
	x.place(last, rows.at(last).hash)
}

func (x *index) place(row int, hash uint32) {
	mask := uint32(len(x.slots) - 1)
	i := hash & mask
	for x.slots[i] != 0 {
		i = (i + 1) & mask
	}
	x.slots[i] = int32(row + 1)
}

// clear forgets all rows.
func (x *index) clear() { clear(x.slots) }

// release forgets all rows, and gives the slots to other indexes.
func (x *index) release() {
	if n := len(x.slots); n > fewSlots {
		slots := x.slots
		spareSlots[bits.Len(uint(n))].Put(&slots)
	}
	x.slots = nil
}
