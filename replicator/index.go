package replicator

import (
	"bytes"
	"hash/maphash"
	"math/bits"
	"sync"
)

// index finds a fold's rows by their keys: a table of their numbers, with open
// addressing. It knows nothing of keys but what the rows keep of their hashes, and has no
// pointers, so the garbage collector does not look into it. Nothing is taken out of it.
type index struct {
	seed  maphash.Seed
	slots []int32 // the number of a row, from 1; 0: free. A power of two of them, half of them free
}

// firstSlots is how many an index begins with: there can be many small folds.
const firstSlots = 16

// spareSlots are those of indexes that have grown or are no more, by the power of two that
// their number is. Few are not worth the keeping.
var spareSlots [32]sync.Pool

const fewSlots = 1024

// newSlots returns so many that are free.
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

// hash is what rows keep of their key's.
func (x *index) hash(key Tuple) uint32 { return uint32(maphash.Bytes(x.seed, key)) }

// find returns the number of the row that has a key, from 0; -1 if there is none.
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

// add takes the last of the rows in.
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

// release forgets all rows, and leaves the slots to others.
func (x *index) release() {
	if n := len(x.slots); n > fewSlots {
		slots := x.slots
		spareSlots[bits.Len(uint(n))].Put(&slots)
	}
	x.slots = nil
}
