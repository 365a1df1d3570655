package schema

import (
	"bytes"
	"unicode/utf8"
)

// maxVarchar is the most bytes that a Redshift VARCHAR holds.
// https://docs.aws.amazon.com/redshift/latest/dg/r_Character_types.html
const maxVarchar = 65535

// Redshift counts a VARCHAR's length in bytes and PostgreSQL in characters, of four
// bytes at most. A CHAR takes ASCII only, so PostgreSQL's char(n) is a VARCHAR with
// the blanks that PostgreSQL pads it with.
func texts() []Family {
	lost := "text of more bytes than that is a misfit"
	return []Family{
		{Types: []string{"text"}, Shown: "text", Redshift: "VARCHAR(65535)", Lost: lost, mapping: func(Type) Mapping { return text(maxVarchar) }},
		{Types: []string{"varchar"}, Shown: "varchar(n)", Redshift: "VARCHAR(4n), VARCHAR(65535) at most and without a length", Lost: lost, mapping: textOf},
		{Types: []string{"bpchar"}, Shown: "char(n)", Redshift: "VARCHAR(4n), VARCHAR(65535) at most and without a length", Lost: lost + "; padding is kept", mapping: textOf},
		{Types: []string{"name"}, Shown: "name", Redshift: "VARCHAR(256)", mapping: func(Type) Mapping { return text(256) }},
		{Types: []string{"char"}, Shown: `"char"`, Redshift: "VARCHAR(4)", mapping: func(Type) Mapping { return text(4) }},
	}
}

// textOf makes a Mapping of the length that is a varchar's or char's typmod.
func textOf(t Type) Mapping {
	n := int64(t.Typmod) - 4
	if n <= 0 || n*4 > maxVarchar {
		return text(maxVarchar)
	}
	return text(int(n) * 4)
}

// text is the Mapping to a VARCHAR of n bytes. COPY refuses bytes that are not
// UTF-8, but takes code points that Unicode reserves.
// https://docs.aws.amazon.com/redshift/latest/dg/multi-byte-character-load-errors.html
func text(n int) Mapping {
	spelled := varchar(n)
	return Mapping{
		Type: spelled, Text: true,
		Remedies: []Remedy{
			{Kind: TooLong, Default: Truncate, Truncate: true},
			{Kind: NotUTF8, Default: Clamp, Clamp: true},
			{Kind: ZeroByte, Default: Clamp, Clamp: true},
		},
		Append: func(dst, value []byte) ([]byte, error) {
			if kind := textFault(value, n); kind != "" {
				return dst, &Misfit{Kind: kind, Type: spelled, Size: len(value)}
			}
			return append(dst, value...), nil
		},
		adjust: func(dst, value []byte, _ string, _ Rule) []byte { return append(dst, beginning(mended(value), n)...) },
	}
}

// mended returns text without what no VARCHAR holds: a byte 0 is left out, and
// U+FFFD stands for each run of bytes that are not UTF-8.
func mended(text []byte) []byte {
	if bytes.IndexByte(text, 0) >= 0 {
		text = bytes.ReplaceAll(text, []byte{0}, nil)
	}
	return bytes.ToValidUTF8(text, []byte("\uFFFD"))
}

// beginning returns as many whole characters of text as fit into n bytes.
func beginning(text []byte, n int) []byte {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

func textFault(value []byte, n int) string {
	switch {
	case len(value) > n:
		return TooLong
	case bytes.IndexByte(value, 0) >= 0:
		return ZeroByte
	case !utf8.Valid(value):
		return NotUTF8
	}
	return ""
}
