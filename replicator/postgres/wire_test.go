package postgres

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

// framed returns a message as the protocol frames it.
func framed(kind byte, body []byte) []byte {
	m := binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(body)+4))
	return append(m, body...)
}

// TestWire shows that messages come out as they went in, wherever their bytes lie: inside
// the buffer, across its end, or larger than it.
func TestWire(t *testing.T) {
	sizes := []int{0, 1, 100, 0, wireBuffer - 5, wireBuffer, wireBuffer + 1, 3, 5*wireBuffer + 7, 40, 70000, 70000, 70000, 70000, 1}
	var all []byte
	for i, size := range sizes {
		all = append(all, framed(byte('a'+i), bytes.Repeat([]byte{byte(i)}, size))...)
	}
	random := rand.New(rand.NewPCG(1, 2))
	readers := map[string]io.Reader{
		"whole":    bytes.NewReader(all),
		"halves":   iotest.HalfReader(bytes.NewReader(all)),
		"random":   &pieces{r: bytes.NewReader(all), next: func() int { return 1 + random.IntN(50000) }},
		"bytewise": &pieces{r: bytes.NewReader(all), next: func() int { return 1 + random.IntN(3)*random.IntN(9000) }},
	}
	for name, r := range readers {
		t.Run(name, func(t *testing.T) {
			w := newWire(r)
			for i, size := range sizes {
				kind, body := receive(t, w)
				if kind != byte('a'+i) || !bytes.Equal(body, bytes.Repeat([]byte{byte(i)}, size)) {
					t.Fatalf("message %d of %d bytes came as %q with %d bytes", i, size, kind, len(body))
				}
			}
			if err := w.fill(headerSize); !errors.Is(err, io.EOF) {
				t.Errorf("behind the last: %v", err)
			}
			if len(w.buf) > wireBuffer {
				t.Errorf("a buffer of %d bytes is kept", len(w.buf))
			}
		})
	}
}

// pieces is a reader that reads pieces of given sizes.
type pieces struct {
	r    io.Reader
	next func() int
}

func (p *pieces) Read(b []byte) (int, error) { return p.r.Read(b[:min(len(b), p.next())]) }

// receive returns the next message.
func receive(t *testing.T, w *wire) (byte, []byte) {
	t.Helper()
	for {
		kind, body, whole, err := w.next()
		if err != nil {
			t.Fatal(err)
		}
		if whole {
			return kind, body
		}
		size, err := w.size()
		if err == nil {
			err = w.fill(size)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestWireHandsOver shows that a reader of the wire never gets beyond the message that it
// reads, so that whoever takes over finds the next one.
func TestWireHandsOver(t *testing.T) {
	first, second := framed('W', []byte("0123456789")), framed('d', []byte("the first of the stream"))
	w := newWire(bytes.NewReader(append(append([]byte{}, first...), second...)))
	got, greedy := []byte{}, make([]byte, 1<<16)
	for len(got) < len(first) {
		n, err := w.Read(greedy)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, greedy[:n]...)
	}
	if !bytes.Equal(got, first) {
		t.Errorf("read %q", got)
	}
	if kind, body := receive(t, w); kind != 'd' || string(body) != "the first of the stream" {
		t.Errorf("taken over: %q %q", kind, body)
	}
}

// TestWireDistrusts shows that a false length is an error and costs no memory.
func TestWireDistrusts(t *testing.T) {
	for _, length := range []uint32{0, 3, maxMessage + 1, 1<<32 - 1} {
		w := newWire(bytes.NewReader(binary.BigEndian.AppendUint32([]byte{'d'}, length)))
		if err := w.fill(headerSize); err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := w.next(); err == nil {
			t.Errorf("a length of %d was taken", length)
		}
	}
	w := newWire(io.MultiReader(bytes.NewReader(binary.BigEndian.AppendUint32([]byte{'d'}, maxMessage)), strings.NewReader("little")))
	for {
		size, err := w.size()
		if err == nil {
			err = w.fill(size)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(w.buf) > 2*wireBuffer {
		t.Errorf("a buffer of %d bytes for 11", len(w.buf))
	}
}
