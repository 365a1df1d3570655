package replicator

import "sync"

// blockLength is how many elements a series grows by, once it has that many.
const blockLength = 256

// firstLength is how many elements a series has room for at first. It is small, since there
// can be many short ones.
const firstLength = 8

// series is a list in blocks. Only its first block is copied as it grows, it has hardly
// more room than it needs, and it leaves its blocks to others of its kind. A slice that
// doubles would leave as much garbage as it holds, with each batch.
type series[T any] struct {
	blocks [][]T // each has blockLength places; a single one may have fewer
	length int
}

// add appends an element and returns where it is. If it needs a block it takes a spare one.
func (s *series[T]) add(spare *sync.Pool, element T) *T {
	block, at := s.length/blockLength, s.length%blockLength
	if block == len(s.blocks) || at == len(s.blocks[block]) {
		s.grow(spare)
	}
	s.length++
	p := &s.blocks[block][at]
	*p = element
	return p
}

// grow makes the only block longer, or adds another.
func (s *series[T]) grow(spare *sync.Pool) {
	if len(s.blocks) == 0 {
		s.blocks = append(s.blocks, make([]T, firstLength))
		return
	}
	if n := 2 * len(s.blocks[0]); n < blockLength {
		longer := make([]T, n)
		copy(longer, s.blocks[0])
		s.blocks[0] = longer
		return
	}
	block, ok := spare.Get().(*[blockLength]T)
	if !ok {
		block = new([blockLength]T)
	}
	if only := s.blocks[0]; len(only) < blockLength {
		copy(block[:], only)
		s.blocks[0] = block[:]
		return
	}
	s.blocks = append(s.blocks, block[:])
}

// at returns the i-th element, from 0.
func (s *series[T]) at(i int) *T {
	return &s.blocks[uint(i)/blockLength][uint(i)%blockLength]
}

// room returns how many elements there is room for.
func (s *series[T]) room() int {
	if len(s.blocks) == 0 {
		return 0
	}
	return len(s.blocks) * len(s.blocks[0])
}

// reset forgets all elements and keeps the first block. The others become spare.
func (s *series[T]) reset(spare *sync.Pool) {
	if len(s.blocks) > 1 {
		for _, b := range s.blocks[1:] {
			spare.Put((*[blockLength]T)(b))
		}
		clear(s.blocks[1:])
		s.blocks = s.blocks[:1]
	}
	s.length = 0
}

// release forgets all elements. All blocks become spare.
func (s *series[T]) release(spare *sync.Pool) {
	s.reset(spare)
	if len(s.blocks) == 1 && len(s.blocks[0]) == blockLength {
		spare.Put((*[blockLength]T)(s.blocks[0]))
	}
	*s = series[T]{}
}
