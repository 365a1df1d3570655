package postgres

import (
	"encoding/binary"
	"fmt"
	"io"
)

const (
	// wireBuffer is how much is read at once. After a larger message, the buffer returns to
	// this size.
	wireBuffer = 256 << 10

	// maxMessage is longer than any message that a server can send: its buffers end at 1
	// GiB.
	// https://github.com/postgres/postgres/blob/master/src/include/utils/memutils.h
	maxMessage = 1<<30 + 1<<16

	// headerSize is a message's kind and its length, which counts itself and not the
	// kind. https://www.postgresql.org/docs/current/protocol-message-formats.html
	headerSize = 5
)

// wire is the receiving half of a connection, with one buffer in which messages are parsed.
// At first it serves pgconn as its reader. It never gives pgconn more than the message that
// pgconn reads, so that nothing is left behind there when the stream is taken over.
type wire struct {
	from       io.Reader
	buf        []byte
	start, end int // the bounds in buf of what was read and is not used yet
	left       int // the bytes of its message that pgconn has not read yet

	gather gather
}

func newWire(from io.Reader) *wire {
	return &wire{from: from, buf: make([]byte, wireBuffer)}
}

// Read gives pgconn at most the rest of the message that it reads.
func (w *wire) Read(p []byte) (int, error) {
	if w.left == 0 {
		for w.end-w.start < headerSize {
			if err := w.fill(headerSize); err != nil {
				return 0, err
			}
		}
		w.left = 1 + int(binary.BigEndian.Uint32(w.buf[w.start+1:]))
	}
	if w.start == w.end {
		if err := w.fill(1); err != nil {
			return 0, err
		}
	}
	n := copy(p, w.buf[w.start:min(w.end, w.start+w.left)])
	w.start += n
	w.left -= n
	return n, nil
}

// next returns the next message if it has arrived as a whole: its kind and its body, which
// is valid until the next fill.
func (w *wire) next() (kind byte, body []byte, ok bool, err error) {
	size, err := w.size()
	if err != nil || w.end-w.start < size {
		return 0, nil, false, err
	}
	m := w.buf[w.start : w.start+size : w.start+size]
	w.start += size
	return m[0], m[headerSize:], true, nil
}

// size returns how long the next message is, as far as that is known.
func (w *wire) size() (int, error) {
	if w.end-w.start < headerSize {
		return headerSize, nil
	}
	length := binary.BigEndian.Uint32(w.buf[w.start+1:])
	if length < 4 || length > maxMessage {
		return 0, fmt.Errorf("postgres: a message of %d bytes", length)
	}
	return 1 + int(length), nil
}

// partial reports whether part of a message is there.
func (w *wire) partial() bool { return w.start < w.end }

// fill reads once. It makes room for a message of that size little by little, as the bytes
// arrive, so that a false length does not cost memory.
func (w *wire) fill(size int) error {
	if w.start == w.end {
		w.start, w.end = 0, 0
	}
	kept := w.end - w.start
	switch {
	case kept == 0 && len(w.buf) > wireBuffer:
		w.buf = make([]byte, wireBuffer)
	case w.end == len(w.buf) && (w.start == 0 || size > len(w.buf)):
		larger := make([]byte, min(2*len(w.buf), size+wireBuffer))
		w.end = copy(larger, w.buf[w.start:w.end])
		w.buf, w.start = larger, 0
	case w.end == len(w.buf) || w.start > 0 && w.start+size > len(w.buf):
		w.end = copy(w.buf, w.buf[w.start:w.end])
		w.start = 0
	}
	n, err := w.from.Read(w.buf[w.end:])
	w.end += n
	if n > 0 {
		return nil // an error comes again
	}
	return err
}
