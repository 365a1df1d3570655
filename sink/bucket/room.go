package bucket

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
)

// blockBytes is how much an object's memory grows by.
const blockBytes = 256 << 10

// room is the memory for objects while they fill and are put. Each object gets its first block
// in any case, so that all make progress; the other blocks come from one budget. An object that
// finds the budget used up is cut, so nobody ever waits for memory.
type room struct {
	others atomic.Int64 // blocks that are left in the budget
	spare  sync.Pool    // of *[blockBytes]byte
}

func newRoom(bytes int) *room {
	r := &room{spare: sync.Pool{New: func() any { return new([blockBytes]byte) }}}
	r.others.Store(int64(bytes / blockBytes))
	return r
}

// another takes a block from the budget. It reports whether there was one.
func (r *room) another() bool {
	if r.others.Add(-1) < 0 {
		r.others.Add(1)
		return false
	}
	return true
}

// object returns an empty object.
func (r *room) object() *object { return &object{room: r} }

// object is the content of an object of the bucket. It implements io.Writer.
type object struct {
	room   *room
	blocks [][]byte
	size   int
	others int64 // blocks that were taken from the budget
	full   bool  // the budget was used up: the object has to be cut after this write
}

// Write never fails.
func (o *object) Write(b []byte) (int, error) {
	written := len(b)
	for len(b) > 0 {
		at := o.size % blockBytes
		if at == 0 {
			o.grow()
		}
		n := copy(o.blocks[len(o.blocks)-1][at:], b)
		b = b[n:]
		o.size += n
	}
	return written, nil
}

// grow adds a block.
func (o *object) grow() {
	switch {
	case len(o.blocks) == 0:
	case o.room.another():
		o.others++
	default:
		o.full = true
	}
	o.blocks = append(o.blocks, o.room.spare.Get().(*[blockBytes]byte)[:])
}

// release gives the blocks to other objects. Nobody may read this one any more.
func (o *object) release() {
	for _, b := range o.blocks {
		o.room.spare.Put((*[blockBytes]byte)(b))
	}
	o.room.others.Add(o.others)
	*o = object{room: o.room}
}

// reader returns a reader of the object, from its beginning.
func (o *object) reader() io.ReadSeeker { return &objectReader{object: o} }

type objectReader struct {
	*object
	at int
}

// Read implements io.Reader.
func (r *objectReader) Read(p []byte) (int, error) {
	if r.at >= r.size {
		return 0, io.EOF
	}
	n := copy(p, r.rest())
	r.at += n
	return n, nil
}

// WriteTo implements io.WriterTo.
func (r *objectReader) WriteTo(w io.Writer) (written int64, err error) {
	for r.at < r.size && err == nil {
		var n int
		n, err = w.Write(r.rest())
		r.at += n
		written += int64(n)
	}
	return written, err
}

// rest returns what is not yet read of the current block.
func (r *objectReader) rest() []byte {
	start := r.at % blockBytes
	return r.blocks[r.at/blockBytes][start:min(blockBytes, start+r.size-r.at)]
}

// Seek implements io.Seeker.
func (r *objectReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += int64(r.at)
	case io.SeekEnd:
		offset += int64(r.size)
	}
	if offset < 0 {
		return 0, errors.New("bucket: a position before the beginning of an object")
	}
	r.at = int(min(offset, int64(r.size)))
	return int64(r.at), nil
}
