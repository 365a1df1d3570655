package postgres

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rowshift/replicator"
	"rowshift/schema"
)

// toast stands for unchanged TOAST in a tuple's text, as strung writes it.
const toast = "<unchanged>"

// spelled builds a message of bytes, integers, strings that end in a zero, and tuples.
func spelled(parts ...any) []byte {
	var m []byte
	for _, part := range parts {
		switch p := part.(type) {
		case byte:
			m = append(m, p)
		case rune:
			m = append(m, byte(p))
		case uint16:
			m = binary.BigEndian.AppendUint16(m, p)
		case uint32:
			m = binary.BigEndian.AppendUint32(m, p)
		case uint64:
			m = binary.BigEndian.AppendUint64(m, p)
		case string:
			m = append(append(m, p...), 0)
		case []string:
			m = binary.BigEndian.AppendUint16(m, uint16(len(p)))
			for _, v := range p {
				m = appendValue(m, v)
			}
		}
	}
	return m
}

func appendValue(m []byte, v string) []byte {
	switch v {
	case null:
		return append(m, 'n')
	case toast:
		return append(m, 'u')
	}
	m = binary.BigEndian.AppendUint32(append(m, 't'), uint32(len(v)))
	return append(m, v...)
}

// relationOf spells a Relation message.
func relationOf(r relationMessage) []byte {
	m := spelled('R', r.oid, r.name.Schema, r.name.Table, byte(r.identity), uint16(len(r.columns)))
	for _, c := range r.columns {
		key := byte(0)
		if c.key {
			key = 1
		}
		m = append(m, spelled(key, c.name, c.oid, uint32(c.typmod))...)
	}
	return m
}

// knowing returns a decoder that has read the Relation messages of person, with a column
// that is not chosen, and of relation 901, which is not replicated.
func knowing(t testing.TB) *decoder {
	t.Helper()
	d := newDecoder(matching(person()).match)
	for _, m := range [][]byte{relationOf(described()), relationOf(relationMessage{oid: 901, name: schema.Name{Schema: "a", Table: "b"}})} {
		if _, found, err := d.decode(m); found || err != nil {
			t.Fatalf("a relation is %v, %v", found, err)
		}
	}
	return &d
}

func TestDecode(t *testing.T) {
	moment := time.Date(2026, 11, 23, 10, 0, 0, 123456000, time.UTC)
	micros := uint64(moment.Sub(zeroTime).Microseconds())
	tests := []struct {
		name     string
		message  []byte
		want     replicator.Change
		key, old []string
		row      []string
		nothing  bool
	}{
		{name: "begin", message: spelled('B', uint64(0x16B374D848), micros, uint32(4000000000)),
			want: replicator.Change{Op: replicator.Begin, LSN: 0x16B374D848, Time: moment, XID: 4000000000}},
		{name: "commit: its end and not its record", message: spelled('C', byte(0), uint64(100), uint64(148), micros),
			want: replicator.Change{Op: replicator.Commit, LSN: 148, Time: moment}},
		{name: "insert", message: spelled('I', uint32(900), 'N', []string{"1", "a@b", "Ann", null}),
			want: replicator.Change{Op: replicator.Insert}, row: []string{"1", "Ann", null}},
		{name: "insert of empty text", message: spelled('I', uint32(900), 'N', []string{"1", "", "", ""}),
			want: replicator.Change{Op: replicator.Insert}, row: []string{"1", "", ""}},
		{name: "update", message: spelled('U', uint32(900), 'N', []string{"1", null, "Ann", toast}),
			want: replicator.Change{Op: replicator.Update}, row: []string{"1", "Ann", toast}},
		{name: "update of a key", message: spelled('U', uint32(900), 'K', []string{"1", null, null, null}, 'N', []string{"2", "e", toast, "B"}),
			want: replicator.Change{Op: replicator.Update}, key: []string{"1"}, row: []string{"2", toast, "B"}},
		{name: "update with the whole old row", message: spelled('U', uint32(900), 'O', []string{"1", "e", "long", "A"}, 'N', []string{"1", "e", toast, "B"}),
			want: replicator.Change{Op: replicator.Update}, key: []string{"1"}, old: []string{"1", "long", "A"}, row: []string{"1", toast, "B"}},
		{name: "delete", message: spelled('D', uint32(900), 'K', []string{"1", null, null, null}),
			want: replicator.Change{Op: replicator.Delete}, key: []string{"1"}},
		{name: "delete with the whole old row", message: spelled('D', uint32(900), 'O', []string{"1", "e", "Ann", "A"}),
			want: replicator.Change{Op: replicator.Delete}, key: []string{"1"}, old: []string{"1", "Ann", "A"}},
		{name: "of a relation that is not replicated", message: spelled('I', uint32(901), 'N', []string{"1"}), nothing: true},
		{name: "a relation again", message: relationOf(described()), nothing: true},
		{name: "a type", message: spelled('Y', uint32(domainOID), "", "varchar"), nothing: true},
		{name: "an origin", message: spelled('O', uint64(7), "elsewhere"), nothing: true},
		{name: "a message of another program", message: spelled('M', byte(1), uint64(7), "prefix", uint32(2), 'h', 'i'), nothing: true},
		{name: "truncate of what is not replicated", message: spelled('T', uint32(1), byte(0), uint32(901)), nothing: true},
		{name: "truncate", message: spelled('T', uint32(2), byte(3), uint32(901), uint32(900)), want: replicator.Change{Op: replicator.Truncate}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, found, err := knowing(t).decode(test.message)
			if err != nil || found == test.nothing {
				t.Fatalf("found %v, %v", found, err)
			}
			if got.Op > replicator.Begin && got.Op < replicator.Commit && got.Table == nil {
				t.Error("no table")
			}
			for _, part := range []struct {
				name string
				want []string
				got  replicator.Tuple
			}{{"key", test.key, got.Key}, {"old", test.old, got.Old}, {"row", test.row, got.New}} {
				if d := cmp.Diff(part.want, strung(part.got)); d != "" {
					t.Errorf("%s: %s", part.name, d)
				}
			}
			got.Table, got.Key, got.Old, got.New = nil, nil, nil, nil
			if d := cmp.Diff(test.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestDecodeRefuses shows that what cannot be read is an error.
func TestDecodeRefuses(t *testing.T) {
	insert := spelled('I', uint32(900), 'N', []string{"1", "a", "b", "c"})
	tests := map[string][]byte{
		"nothing":                  {},
		"an unknown kind":          {'?'},
		"a stream block":           spelled('S', uint32(7), byte(1)),
		"a relation not described": spelled('I', uint32(902), 'N', []string{"1"}),
		"a truncation of one":      spelled('T', uint32(1), byte(0), uint32(902)),
		"too few columns":          spelled('I', uint32(900), 'N', []string{"1", "a", "b"}),
		"too many columns":         spelled('I', uint32(900), 'N', []string{"1", "a", "b", "c", "d"}),
		"a value of unknown kind":  append(spelled('I', uint32(900), 'N', uint16(4)), "nnn?"...),
		"a binary value":           append(spelled('I', uint32(900), 'N', uint16(4)), "nnnb\x00\x00\x00\x00"...),
		"a negative length":        append(spelled('I', uint32(900), 'N', uint16(4)), "nnnt\xff\xff\xff\xff"...),
		"a length beyond the end":  append(spelled('I', uint32(900), 'N', uint16(4)), "nnnt\x00\x00\x00\x05abcd"...),
		"no row":                   spelled('I', uint32(900), '?', []string{"1", "a", "b", "c"}),
		"an insert with a key":     spelled('I', uint32(900), 'K', []string{"1", "a", "b", "c"}),
		"an update without a row":  spelled('U', uint32(900), 'K', []string{"1", null, null, null}),
		"a delete without a key":   spelled('D', uint32(900), 'N', []string{"1", "a", "b", "c"}),
		"bytes behind the end":     append(append([]byte{}, insert...), 0),
		"a relation without end":   append(spelled('R', uint32(903)), "public"...),
		"65535 columns":            spelled('R', uint32(903), "a", "b", 'd', uint16(65535)),
		"4294967295 tables":        spelled('T', uint32(1<<32-1), byte(0), uint32(900)),
	}
	for name, message := range tests {
		if c, found, err := knowing(t).decode(message); err == nil || found {
			t.Errorf("%s: %+v", name, c)
		}
	}
	for n := range insert {
		if _, _, err := knowing(t).decode(insert[:n]); err == nil {
			t.Errorf("the first %d bytes of an insert were taken", n)
		}
	}
}

// TestTruncateOfSeveral shows that each table of a Truncate is a change of its own.
func TestTruncateOfSeveral(t *testing.T) {
	second := person()
	second.table.OID = 902
	second.table.Name.Table = "other"
	m := matching(person())
	m.tables[902] = second
	d := newDecoder(m.match)
	other := described()
	other.oid, other.name.Table = 902, "other"
	for _, r := range []relationMessage{described(), other} {
		if _, _, err := d.decode(relationOf(r)); err != nil {
			t.Fatal(err)
		}
	}
	c, found, err := d.decode(spelled('T', uint32(2), byte(1), uint32(902), uint32(900)))
	var names []string
	for ; found && err == nil; c, found = d.nextTruncated() {
		names = append(names, c.Table.Name.Table)
	}
	if got := strings.Join(names, " "); err != nil || got != "other person" {
		t.Errorf("truncated %q, %v", got, err)
	}
}

// TestDecodeAllocatesNothing shows that rows cost no garbage, projected or not.
func TestDecodeAllocatesNothing(t *testing.T) {
	d := knowing(t)
	row := []string{"1", "a@b", strings.Repeat("x", 300), null}
	messages := [][]byte{
		spelled('I', uint32(900), 'N', row), spelled('U', uint32(900), 'O', row, 'N', row), spelled('D', uint32(900), 'K', row),
		spelled('B', uint64(1), uint64(2), uint32(3)), spelled('C', byte(0), uint64(1), uint64(2), uint64(3)),
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

func BenchmarkDecode(b *testing.B) {
	row := []string{"1234567", "somebody@example.com", "Somebody Else", "A"}
	for name, m := range map[string][]byte{
		"insert":      spelled('I', uint32(900), 'N', row),
		"update":      spelled('U', uint32(900), 'N', row),
		"update full": spelled('U', uint32(900), 'O', row, 'N', row),
		"delete":      spelled('D', uint32(900), 'K', row),
		"commit":      spelled('C', byte(0), uint64(1), uint64(2), uint64(3)),
	} {
		b.Run(name, func(b *testing.B) {
			d := knowing(b)
			b.SetBytes(int64(len(m)))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := d.decode(m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
