package postgres

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rowshift/replicator"
	"rowshift/replicator/postgres/render"
)

// copyStream spells COPY's binary format: a nil value is NULL.
func copyStream(rows ...[]any) []byte {
	b := append(append([]byte{}, copySignature...), 0, 0, 0, 0, 0, 0, 0, 0)
	for _, row := range rows {
		b = binary.BigEndian.AppendUint16(b, uint16(len(row)))
		for _, v := range row {
			if v == nil {
				b = append(b, 0xff, 0xff, 0xff, 0xff)
				continue
			}
			b = binary.BigEndian.AppendUint32(b, uint32(len(v.(string))))
			b = append(b, v.(string)...)
		}
	}
	return append(b, 0xff, 0xff)
}

// parseBinary parses a stream of an int4 and a text, in pieces of a size or, if it is zero,
// all at once.
func parseBinary(stream []byte, size int) ([][]string, error) {
	var rows [][]string
	c := &copyBinary{forms: []render.Form{render.OfOID(int4OID, 15), render.OfOID(textOID, 15)}, write: func(t replicator.Tuple) error {
		rows = append(rows, strung(t))
		return nil
	}}
	if size == 0 {
		size = max(1, len(stream))
	}
	for len(stream) > 0 {
		n := min(size, len(stream))
		if _, err := c.Write(stream[:n]); err != nil {
			return rows, err
		}
		stream = stream[n:]
	}
	if c.count() != int64(len(rows)) {
		return rows, errors.New("it counts wrong")
	}
	return rows, c.Close()
}

func TestCopyBinary(t *testing.T) {
	long := strings.Repeat("long ", 1000)
	stream := copyStream([]any{"\x00\x00\x00\x07", "x"}, []any{nil, nil}, []any{"\xff\xff\xff\xff", long}, []any{"\x00\x00\x00\x00", ""})
	want := [][]string{{"7", "x"}, {null, null}, {"-1", long}, {"0", ""}}
	for _, size := range []int{0, 1, 2, 3, 7, 64, 4096} {
		got, err := parseBinary(stream, size)
		if err != nil {
			t.Fatalf("in pieces of %d: %v", size, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("in pieces of %d: %s", size, d)
		}
	}
	for n := range stream {
		if _, err := parseBinary(stream[:n], 100); err == nil {
			t.Errorf("its first %d bytes are taken", n)
		}
	}
	for name, stream := range map[string][]byte{
		"another signature":        append([]byte("PGCOPY\n\xff\r\n\x01"), stream[len(copySignature):]...),
		"flags":                    append(append(append([]byte{}, copySignature...), 0, 1, 0, 0, 0, 0, 0, 0), 0xff, 0xff),
		"a longer header":          append(append(append([]byte{}, copySignature...), 0, 0, 0, 0, 0, 0, 0, 1), 0xff, 0xff, 0xff),
		"too few columns":          copyStream([]any{"\x00\x00\x00\x07"}),
		"too many columns":         copyStream([]any{"\x00\x00\x00\x07", "x", "y"}),
		"something behind its end": append(copyStream(), 0, 2),
		"a negative length":        append(copyStream()[:len(copySignature)+8], 0, 2, 0xff, 0xff, 0xff, 0xfe),
		"a malformed value":        copyStream([]any{"\x00", "x"}),
	} {
		for _, size := range []int{0, 1, 5} {
			if got, err := parseBinary(stream, size); err == nil || len(got) > 0 {
				t.Errorf("%s is taken for %v", name, got)
			} else if !errors.Is(err, errCopyBinary) && !errors.Is(err, render.ErrMalformed) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// FuzzCopyBinary shows that no stream makes the parser panic, and that a stream is read the
// same wherever it is cut.
func FuzzCopyBinary(f *testing.F) {
	f.Add(copyStream([]any{"\x00\x00\x00\x07", "x"}, []any{nil, nil}), 3)
	f.Fuzz(func(t *testing.T, stream []byte, size int) {
		whole, err := parseBinary(stream, 0)
		cut, errCut := parseBinary(stream, max(1, size))
		if d := cmp.Diff(whole, cut); d != "" || (err == nil) != (errCut == nil) {
			t.Errorf("%s; %v and %v", d, err, errCut)
		}
	})
}
