package replicator

import "sync"

// chunkBytes is how much an arena asks for at once.
const chunkBytes = 64 << 10

// chunks are those that no arena has: a batch that is staged leaves its chunks to the
// ones that fill. What is not asked for in a while is the garbage collector's.
var chunks = sync.Pool{New: func() any { return new([chunkBytes]byte) }}

// arena keeps copies of tuples, many to an allocation, for one batch or for the open
// transaction. They live until it is released. It holds no pointers but those to its
// chunks, so that the garbage collector has nothing to look at.
type arena struct {
	chunks [][]byte // all but the last are full, or as full as they get
	end    int      // of what is kept in the last
	used   int      // bytes kept, and lost at the ends of chunks
}

// place is where an arena keeps a tuple. The zero place is of no tuple: one of a row has
// a byte at least.
type place struct {
	chunk, start, size uint32
}

// within tells whether a place is the beginning of another.
func (p place) within(other place) bool {
	return p.size > 0 && p.chunk == other.chunk && p.start == other.start && p.size <= other.size
}

// add keeps a copy of t.
func (a *arena) add(t Tuple) place {
	if len(t) == 0 {
		return place{}
	}
	if len(a.chunks) == 0 || len(t) > len(a.chunks[len(a.chunks)-1])-a.end {
		a.grow(len(t))
	}
	p := place{chunk: uint32(len(a.chunks) - 1), start: uint32(a.end), size: uint32(len(t))}
	copy(a.chunks[p.chunk][a.end:], t)
	a.end += len(t)
	a.used += len(t)
	return p
}

// grow begins another chunk. A large tuple has one of its own.
func (a *arena) grow(size int) {
	if n := len(a.chunks); n > 0 {
		a.used += len(a.chunks[n-1]) - a.end
	}
	if size > chunkBytes {
		a.chunks = append(a.chunks, make([]byte, size))
	} else {
		a.chunks = append(a.chunks, chunks.Get().(*[chunkBytes]byte)[:])
	}
	a.end = 0
}

// at returns the tuple at a place, nil for none. Its capacity is its length.
func (a *arena) at(p place) Tuple {
	if p.size == 0 {
		return nil
	}
	end := p.start + p.size
	return a.chunks[p.chunk][p.start:end:end]
}

// overwrite keeps a copy of t in the place of an old one of which there is room for so
// many bytes, if that is enough: a row that changes a thousand times takes the room of
// one. It returns the place and its room.
func (a *arena) overwrite(old place, room uint32, t Tuple) (place, uint32) {
	if room < uint32(len(t)) {
		p := a.add(t)
		return p, p.size
	}
	old.size = uint32(len(t))
	copy(a.at(old), t)
	return old, room
}

// takeOver takes the chunks of another, which is empty then, and returns by how much the
// places in them have moved.
func (a *arena) takeOver(other *arena) (moved uint32) {
	if n := len(a.chunks); n > 0 {
		a.used += len(a.chunks[n-1]) - a.end
	}
	moved = uint32(len(a.chunks))
	a.chunks = append(a.chunks, other.chunks...)
	a.end = other.end
	a.used += other.used
	clear(other.chunks)
	*other = arena{chunks: other.chunks[:0]}
	return moved
}

// reset forgets all copies. A single chunk stays, for what comes next.
func (a *arena) reset() {
	if len(a.chunks) > 1 || len(a.chunks) == 1 && len(a.chunks[0]) != chunkBytes {
		a.release()
	}
	a.end, a.used = 0, 0
}

// release forgets all copies and leaves the chunks to other arenas.
func (a *arena) release() {
	for _, c := range a.chunks {
		if len(c) == chunkBytes {
			chunks.Put((*[chunkBytes]byte)(c))
		}
	}
	clear(a.chunks)
	*a = arena{chunks: a.chunks[:0]}
}
