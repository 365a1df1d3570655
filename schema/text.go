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
	const sized = "VARCHAR(4n), VARCHAR(65535) at most and without a length"
	return []Family{
		{Types: []string{"text"}, Shown: "text", Redshift: "VARCHAR(65535)", mapping: anyText, cut: true},
		{Types: []string{"varchar"}, Shown: "varchar(n)", Redshift: sized, mapping: textOf, cut: true},
		{Types: []string{"bpchar"}, Shown: "char(n)", Redshift: sized, Lost: "nothing; padding is kept", mapping: textOf, cut: true},
		{Types: []string{"name"}, Shown: "name", Redshift: "VARCHAR(256)", mapping: func(Type) Mapping { return text(256, true) }, cut: true},
		{Types: []string{"char"}, Shown: `"char"`, Redshift: "VARCHAR(4)", mapping: func(Type) Mapping { return text(4, true) }, cut: true},
		{Types: []string{"citext"}, Extension: true, Shown: "citext", Redshift: "VARCHAR(65535)",
			Lost: "that values which differ in case only are equal", mapping: anyText, cut: true},
	}
}

func anyText(Type) Mapping { return text(maxVarchar, true) }

// textOf returns the Mapping for the length that is the typmod of a varchar or char.
func textOf(t Type) Mapping {
	n := int64(t.Typmod) - 4
	if n <= 0 || n*4 > maxVarchar {
		return text(maxVarchar, true)
	}
	return text(int(n)*4, true)
}

// text returns the Mapping to a VARCHAR of n bytes. COPY refuses bytes that are not UTF-8,
// but takes code points that Unicode reserves. With cut, the beginning of a value is a
// value as well, and a value that is too long is cut by default; without, NULL takes its
// place by default.
// https://docs.aws.amazon.com/redshift/latest/dg/multi-byte-character-load-errors.html
func text(n int, cut bool) Mapping {
	tooLong := Remedy{Kind: TooLong, Default: Null, Truncate: true}
	if cut {
		tooLong.Default = Truncate
	}
	m := checked(varchar(n), func(value []byte) string { return textFault(value, n) },
		func(dst, value []byte, _ string, _ Rule) []byte { return append(dst, beginning(mended(value), n)...) },
		tooLong, Remedy{Kind: NotUTF8, Default: Clamp, Clamp: true}, Remedy{Kind: ZeroByte, Default: Clamp, Clamp: true})
	m.Text = true
	m.kinds = func(value []byte) []string { return textFaults(value, n) }
	return m
}

// textFaults returns all kinds of Misfit that a text is for n bytes. A text that only gets
// longer than n by being mended is too long as well.
func textFaults(value []byte, n int) (kinds []string) {
	if max(len(value), len(mended(value))) > n {
		kinds = append(kinds, TooLong)
	}
	if bytes.IndexByte(value, 0) >= 0 {
		kinds = append(kinds, ZeroByte)
	}
	if !utf8.Valid(value) {
		kinds = append(kinds, NotUTF8)
	}
	return kinds
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
