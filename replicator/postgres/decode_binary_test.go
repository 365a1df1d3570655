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

// knowingBinary returns a decoder of a binary stream that has read the Relation message of
// person, and what it finds has to be read as text.
func knowingBinary(t testing.TB) (*decoder, *textOnly) {
	t.Helper()
	p := person()
	p.major = 15
	for i := range p.table.Columns {
		p.table.Columns[i].Type.Name = "varchar"
	}
	d, a := newDecoder(matching(p).match), &textOnly{}
	d.unrendered = a.addLog
	if _, found, err := d.decode(relationOf(described())); found || err != nil {
		t.Fatal(found, err)
	}
	if _, _, err := d.decode(spelled('B', uint64(700), uint64(2), uint32(3))); err != nil {
		t.Fatal(err)
	}
	return &d, a
}

// binaryRow spells a TupleData: nil is NULL, a string a value in binary.
func binaryRow(values ...any) []byte {
	m := binary.BigEndian.AppendUint16(nil, uint16(len(values)))
	for _, v := range values {
		switch v := v.(type) {
		case nil:
			m = append(m, 'n')
		case rune:
			m = append(m, byte(v))
		case string:
			m = binary.BigEndian.AppendUint32(append(m, 'b'), uint32(len(v)))
			m = append(m, v...)
		}
	}
	return m
}

func TestDecodeBinary(t *testing.T) {
	one, two := "\x00\x00\x00\x01", "\xff\xff\xff\xfe"
	tests := []struct {
		name          string
		message       []byte
		key, old, row []string
	}{
		{"insert", append(spelled('I', uint32(900), 'N'), binaryRow(one, "a@b", "Ann", nil)...), nil, nil, []string{"1", "Ann", null}},
		{"a value as text", append(append(spelled('I', uint32(900), 'N', uint16(4)), "b\x00\x00\x00\x04\x00\x00\x00\x01n"...), "t\x00\x00\x00\x03Annb\x00\x00\x00\x00"...), nil, nil, []string{"1", "Ann", ""}},
		{"update", append(spelled('U', uint32(900), 'N'), binaryRow(one, nil, 'u', "B")...), nil, nil, []string{"1", toast, "B"}},
		{"update of a key", append(append(append(spelled('U', uint32(900), 'K'), binaryRow(one, nil, nil, nil)...), 'N'), binaryRow(two, nil, "Ann", "B")...), []string{"1"}, nil, []string{"-2", "Ann", "B"}},
		{"the whole old row", append(append(append(spelled('U', uint32(900), 'O'), binaryRow(one, "e", "long", "A")...), 'N'), binaryRow(two, "e", 'u', "B")...), []string{"1"}, []string{"1", "long", "A"}, []string{"-2", toast, "B"}},
		{"delete", append(spelled('D', uint32(900), 'K'), binaryRow(two, nil, nil, nil)...), []string{"-2"}, nil, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d, _ := knowingBinary(t)
			got, found, err := d.decode(test.message)
			if err != nil || !found {
				t.Fatal(found, err)
			}
			if diff := cmp.Diff([][]string{test.key, test.old, test.row}, [][]string{strung(got.Key), strung(got.Old), strung(got.New)}); diff != "" {
				t.Error(diff)
			}
			for n := range test.message {
				if c, _, err := d.decode(test.message[:n]); err == nil {
					t.Errorf("its first %d bytes are %+v", n, c)
				}
			}
		})
	}
}

// TestDecodeBinaryRefuses shows that a value which cannot be rendered is an error after
// which the log is read as text, and that other errors do not have this effect.
func TestDecodeBinaryRefuses(t *testing.T) {
	for _, test := range []struct {
		name       string
		row        []byte
		unrendered bool
	}{
		{"a value of the wrong length", binaryRow("\x00\x01", "", "", ""), true},
		{"too few columns", binaryRow("\x00\x00\x00\x01", "", ""), false},
		{"a length beyond the end", append(binaryRow("\x00\x00\x00\x01", "", "", "")[:2], "b\x7f\xff\xff\xff"...), false},
		{"a negative length", append(binaryRow("\x00\x00\x00\x01", "", "", "")[:2], "b\xff\xff\xff\xff"...), false},
		{"a value of unknown kind", append(binaryRow("\x00\x00\x00\x01", "", "", "")[:2], "????"...), false},
	} {
		d, a := knowingBinary(t)
		c, found, err := d.decode(append(spelled('I', uint32(900), 'N'), test.row...))
		if err == nil || found || errors.Is(err, render.ErrMalformed) != test.unrendered {
			t.Errorf("%s: %+v, %v", test.name, c, err)
		}
		if a.hasLog(700) != test.unrendered || a.hasLog(701) {
			t.Errorf("%s: as text from 700: %v, from 701: %v", test.name, a.hasLog(700), a.hasLog(701))
		}
	}
}

// TestDecodeBinaryAllocatesNothing shows that rows cost no garbage.
func TestDecodeBinaryAllocatesNothing(t *testing.T) {
	d, _ := knowingBinary(t)
	row := binaryRow("\x00\x00\x00\x01", "a@b", strings.Repeat("x", 300), nil)
	messages := [][]byte{
		append(spelled('I', uint32(900), 'N'), row...), append(append(append(spelled('U', uint32(900), 'O'), row...), 'N'), row...), append(spelled('D', uint32(900), 'K'), row...),
	}
	n := testing.AllocsPerRun(100, func() {
		for _, m := range messages {
			if _, _, err := d.decode(m); err != nil {
				t.Fatal(err)
			}
		}
	})
	if n > 0 {
		t.Errorf("%v allocations for %d messages", n, len(messages))
	}
}

// FuzzDecodeBinary shows that no message makes the decoder panic or return a row of the
// wrong width.
func FuzzDecodeBinary(f *testing.F) {
	row := binaryRow("\x00\x00\x00\x01", "a@b", 'u', nil)
	f.Add(append(spelled('I', uint32(900), 'N'), row...))
	f.Add(append(append(append(spelled('U', uint32(900), 'O'), row...), 'N'), row...))
	f.Add(append(spelled('D', uint32(900), 'K'), row...))
	f.Add(relationOf(described()))
	f.Fuzz(func(t *testing.T, message []byte) {
		d, _ := knowingBinary(t)
		c, found, err := d.decode(message)
		if err != nil && found {
			t.Error("a change and an error")
		}
		for _, tuple := range []replicator.Tuple{c.Key, c.Old, c.New} {
			strung(tuple)
		}
		if c.New != nil && len(strung(c.New)) != len(c.Table.Columns) || c.Key != nil && len(strung(c.Key)) != len(c.Table.Key) {
			t.Errorf("a tuple of the wrong width in %+v", c)
		}
	})
}
