package replicator

// An arena asks the allocator for at least so much at once: little at first, since
// there can be many small folds, and twice as much each time.
const (
	firstChunk = 256
	chunk      = 64 << 10
)

// arena keeps copies of tuples, many to an allocation. They live until the arena
// does, or until reset.
type arena struct {
	chunk []byte // the last one, whole
	free  []byte // what is left of it
	used  int    // bytes kept, and lost at the ends of chunks
}

// add returns a copy of t that nothing but its holder writes to. Its capacity is
// its length.
func (a *arena) add(t Tuple) Tuple {
	if len(t) > len(a.free) {
		a.used += len(a.free)
		a.chunk = make([]byte, max(firstChunk, min(2*len(a.chunk), chunk), len(t)))
		a.free = a.chunk
	}
	c := a.free[:len(t):len(t)]
	a.free = a.free[len(t):]
	a.used += len(t)
	copy(c, t)
	return c
}

// overwrite returns a copy of t, in the place of old if that is large enough: a row
// that changes a thousand times takes the room of one.
func (a *arena) overwrite(old, t Tuple) Tuple {
	if old != nil && len(t) <= cap(old) {
		return append(old[:0], t...)
	}
	return a.add(t)
}

// reset forgets all copies and keeps the last chunk for others, unless one large
// tuple made it large.
func (a *arena) reset() {
	if len(a.chunk) > chunk {
		a.chunk = nil
	}
	a.free = a.chunk
	a.used = 0
}
