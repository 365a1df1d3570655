package postgres

import (
	"runtime"
	"testing"

	"rowshift/replicator"
)

// FuzzDecode shows that no message makes the decoder panic, read past a tuple's end or
// ask for more memory than a small multiple of the message.
func FuzzDecode(f *testing.F) {
	for _, m := range [][]byte{
		spelled('B', uint64(1), uint64(2), uint32(3)),
		spelled('C', byte(0), uint64(1), uint64(2), uint64(3)),
		relationOf(described()),
		spelled('I', uint32(900), 'N', []string{"1", "a@b", "Ann", null}),
		spelled('U', uint32(900), 'O', []string{"1", "e", "long", "A"}, 'N', []string{"1", "e", toast, "B"}),
		spelled('D', uint32(900), 'K', []string{"1", null, null, null}),
		spelled('T', uint32(2), byte(3), uint32(901), uint32(900)),
		spelled('Y', uint32(domainOID), "", "varchar"),
		spelled('M', byte(1), uint64(7), "prefix", uint32(2), 'h', 'i'),
	} {
		f.Add(m)
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		d := knowing(t)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c, found, err := d.decode(message)
		runtime.ReadMemStats(&after)
		if grown, most := after.TotalAlloc-before.TotalAlloc, uint64(64<<10+32*len(message)); grown > most {
			t.Errorf("%d bytes for a message of %d", grown, len(message))
		}
		if err != nil && found {
			t.Error("a change and an error")
		}
		for _, tuple := range []replicator.Tuple{c.Key, c.Old, c.New} {
			strung(tuple)
		}
		if c.New != nil && len(strung(c.New)) != len(c.Table.Columns) || c.Key != nil && len(strung(c.Key)) != len(c.Table.Key) {
			t.Errorf("a tuple of the wrong width in %+v", c)
		}
		for found {
			_, found = d.nextTruncated()
		}
	})
}

// FuzzWire shows that no bytes make the reader of messages panic, or ask for much
// memory.
func FuzzWire(f *testing.F) {
	f.Add(framed('d', []byte("body")), byte(3))
	f.Add([]byte{'d', 255, 255, 255, 255}, byte(1))
	f.Add([]byte{'d', 0, 0, 0, 4, 'd', 0, 0, 0, 3}, byte(200))
	f.Fuzz(func(t *testing.T, all []byte, piece byte) {
		left := all
		w := newWire(readerFunc(func(p []byte) (int, error) {
			if len(left) == 0 {
				return 0, errClosed
			}
			n := copy(p[:min(len(p), 1+int(piece))], left)
			left = left[n:]
			return n, nil
		}))
		read := 0
		for {
			_, body, whole, err := w.next()
			if err != nil {
				break
			}
			if whole {
				read += headerSize + len(body)
				continue
			}
			size, err := w.size()
			if err != nil || w.fill(size) != nil {
				break
			}
		}
		if read > len(all) || len(w.buf) > 2*wireBuffer {
			t.Errorf("%d of %d bytes, buffer %d", read, len(all), len(w.buf))
		}
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
