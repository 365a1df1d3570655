package render

import (
	"encoding/binary"
	"encoding/hex"
	"errors"

	"rowshift/schema"
)

// Form appends the text of a value to dst, given the bytes that the type's send function
// made of the value. It keeps neither slice. If it returns an error, its result is of no
// use.
type Form func(dst, value []byte) ([]byte, error)

// ErrMalformed says that bytes are not a value of the type, or are one whose text is not
// certain. It holds no value.
var ErrMalformed = errors.New("render: a value in the binary format cannot be read")

// Of returns the Form of a type's values as a server of that major version sends them, nil
// if their text is not certain. A domain has the Form of the type below it.
func Of(t schema.Type, major int) Form {
	switch {
	case t.Base < schema.FirstUserOID:
		return OfOID(t.Base, major)
	case t.Category == 'E': // enum_send gives the label
		return raw
	case t.Category == 'S' && t.Name == "citext": // its functions are those of text
		return raw
	}
	return nil
}

// OfOID is Of for PostgreSQL's own types, which have the same OIDs everywhere.
func OfOID(oid uint32, major int) Form {
	for _, b := range builtins {
		switch oid {
		case b.oid:
			return b.form(major)
		case b.array:
			return array(b.oid, b.form(major))
		}
	}
	return nil
}

// builtin is one of PostgreSQL's own types.
// https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_type.dat
type builtin struct {
	name       string
	oid, array uint32
	form       func(major int) Form
}

// always is for a type that all versions print alike.
func always(f Form) func(int) Form { return func(int) Form { return f } }

var builtins = []builtin{
	{"bool", 16, 1000, always(boolean)},
	{"bytea", 17, 1001, always(bytea)},
	{"char", 18, 1002, char},
	{"name", 19, 1003, always(raw)},
	{"int8", 20, 1016, always(int8)},
	{"int2", 21, 1005, always(int2)},
	{"int4", 23, 1007, always(int4)},
	{"text", 25, 1009, always(raw)},
	{"oid", 26, 1028, always(uint4)},
	{"xid", 28, 1011, always(uint4)},
	{"cid", 29, 1012, always(uint4)},
	{"json", 114, 199, always(raw)},
	{"cidr", 650, 651, always(network)},
	{"float4", 700, 1021, always(float4)},
	{"float8", 701, 1022, always(float8)},
	{"macaddr8", 774, 775, always(hardware(8))},
	{"money", 790, 791, always(money)},
	{"macaddr", 829, 1040, always(hardware(6))},
	{"inet", 869, 1041, always(network)},
	{"bpchar", 1042, 1014, always(raw)},
	{"varchar", 1043, 1015, always(raw)},
	{"date", 1082, 1182, always(date)},
	{"time", 1083, 1183, always(clock)},
	{"timestamp", 1114, 1115, always(timestamp)},
	{"timestamptz", 1184, 1185, always(timestamptz)},
	{"interval", 1186, 1187, interval},
	{"timetz", 1266, 1270, always(timetz)},
	{"bit", 1560, 1561, always(bitString)},
	{"varbit", 1562, 1563, always(bitString)},
	{"numeric", 1700, 1231, always(numeric)},
	{"uuid", 2950, 2951, always(uuid)},
	{"jsonb", 3802, 3807, always(jsonb)},
	{"xid8", 5069, 271, always(uint8s)},
}

// raw is the Form of types whose binary form is their text.
func raw(dst, v []byte) ([]byte, error) { return append(dst, v...), nil }

func boolean(dst, v []byte) ([]byte, error) {
	if len(v) != 1 {
		return dst, ErrMalformed
	}
	if v[0] != 0 {
		return append(dst, 't'), nil
	}
	return append(dst, 'f'), nil
}

// char returns the Form of "char", a single byte. Zero is printed as nothing. A byte that
// is not ASCII is printed as \ooo from version 16 on. Before, it was converted from the
// database's encoding, or not, so its text is not certain.
// https://www.postgresql.org/docs/16/release-16.html
func char(major int) Form {
	return func(dst, v []byte) ([]byte, error) {
		switch {
		case len(v) != 1:
			return dst, ErrMalformed
		case v[0] == 0:
			return dst, nil
		case v[0] < 0x80:
			return append(dst, v[0]), nil
		case major < 16:
			return dst, ErrMalformed
		}
		return append(dst, '\\', '0'+v[0]>>6, '0'+v[0]>>3&7, '0'+v[0]&7), nil
	}
}

func bytea(dst, v []byte) ([]byte, error) {
	return hex.AppendEncode(append(dst, '\\', 'x'), v), nil
}

func uuid(dst, v []byte) ([]byte, error) {
	if len(v) != 16 {
		return dst, ErrMalformed
	}
	var text [36]byte
	hex.Encode(text[:], v[:4])
	hex.Encode(text[9:], v[4:6])
	hex.Encode(text[14:], v[6:8])
	hex.Encode(text[19:], v[8:10])
	hex.Encode(text[24:], v[10:])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return append(dst, text[:]...), nil
}

// jsonb is the Form of jsonb: its text, after the version number of the binary form.
func jsonb(dst, v []byte) ([]byte, error) {
	if len(v) == 0 || v[0] != 1 {
		return dst, ErrMalformed
	}
	return append(dst, v[1:]...), nil
}

// bitString is the Form of bit and varbit: a count of bits and then the bits.
func bitString(dst, v []byte) ([]byte, error) {
	if len(v) < 4 {
		return dst, ErrMalformed
	}
	n := int(int32(binary.BigEndian.Uint32(v)))
	v = v[4:]
	if n < 0 || len(v) != (n+7)/8 {
		return dst, ErrMalformed
	}
	for i := range n {
		dst = append(dst, '0'+v[i/8]>>(7-i%8)&1)
	}
	return dst, nil
}
