package replicator

import "encoding/binary"

// Tuple is a row, or its key, as bytes: for each column a kind and, for a value, a
// big-endian length of four bytes and the value's text. That is pgoutput's
// TupleData without its column count, so a row goes from the socket to the file
// writer without being taken apart. A nil Tuple is no row.
// https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
type Tuple []byte

// Kind says what stands for a column in a Tuple.
type Kind byte

// The kinds of value, by the letters that pgoutput uses.
const (
	Null      Kind = 'n'
	Unchanged Kind = 'u' // a TOASTed value that the change left as it was, and PostgreSQL did not send
	Text      Kind = 't'
)

// Value is one column of a Tuple. Text aliases the Tuple.
type Value struct {
	Kind Kind
	Text []byte
}

// Next returns t's first value and what follows it. It must not be called on an
// empty Tuple.
func (t Tuple) Next() (Value, Tuple) {
	if t[0] != byte(Text) {
		return Value{Kind: Kind(t[0])}, t[1:]
	}
	end := 5 + int(binary.BigEndian.Uint32(t[1:5]))
	return Value{Kind: Text, Text: t[5:end:end]}, t[end:]
}

// Append adds v to the end of t, as append does.
func (t Tuple) Append(v Value) Tuple {
	if v.Kind != Text {
		return append(t, byte(v.Kind))
	}
	t = append(t, byte(Text))
	t = binary.BigEndian.AppendUint32(t, uint32(len(v.Text)))
	return append(t, v.Text...)
}

// At returns the value of the column with that index.
func (t Tuple) At(column int) Value {
	for {
		var v Value
		v, t = t.Next()
		if column == 0 {
			return v
		}
		column--
	}
}
