package replicator

import "sync"

// chunkBytes is how much memory an arena asks for at once.
const chunkBytes = 64 << 10

// chunks holds the chunks that no arena uses: a batch that was staged leaves its chunks to
// the batches that fill. The garbage collector takes those that nobody asks for in a while.
var chunks = sync.Pool{New: func() any { return new([chunkBytes]byte) }}

// arena keeps copies of tuples, many to an allocation, for one batch or for the open
// transaction. The copies live until the arena is released. Its only pointers are those to
// its chunks, so the garbage collector has almost nothing to scan.
type arena struct {
	chunks [][]byte // all but the last are full, or as full as they get
	end    int      // where the free part of the last one begins
	used   int      // bytes kept, and wasted at the ends of chunks
}

// place is where an arena keeps a tuple. The zero place stands for no tuple: the tuple of a
// row has at least one byte.
type place struct {
	chunk, start, size uint32
}

// within reports whether p is the beginning of other.
func (p place) within(other place) bool {
	return p.size > 0 && p.chunk == other.chunk && p.start == other.start && p.size <= other.size
}

// add keeps a copy of t and returns its place.
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

// grow begins another chunk. A tuple that is larger than a chunk gets one of its own.
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

// at returns the tuple at a place, nil for the zero place. Its capacity is its length, so
// that an append to it overwrites nothing.
func (a *arena) at(p place) Tuple {
	if p.size == 0 {
		return nil
	}
	end := p.start + p.size
	return a.chunks[p.chunk][p.start:end:end]
}

// overwrite keeps a copy of t at old, which has room for that many bytes, or elsewhere if t
// is longer. So a row that changes a thousand times takes the room of one. It returns the
// place of the copy and the room there.
func (a *arena) overwrite(old place, room uint32, t Tuple) (place, uint32) {
	if room < uint32(len(t)) {
		p := a.add(t)
		return p, p.size
	}
	old.size = uint32(len(t))
	copy(a.at(old), t)
	return old, room
}

// takeOver moves the chunks of other into a, and leaves other empty. It returns by how much
// the chunk numbers of other's places have grown.
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

// reset forgets all copies. A single chunk of the usual size stays for what comes next;
// otherwise all chunks are released.
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
