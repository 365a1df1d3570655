package copyload

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// special are the bytes that PostgreSQL's COPY text format escapes, and NUL
// (https://www.postgresql.org/docs/current/sql-copy.html).
var special = [256]bool{0: true, '\b': true, '\f': true, '\n': true, '\r': true, '\t': true, '\v': true, '\\': true}

// appendEscaped appends v as a field of COPY's text format.
func appendEscaped(dst, v []byte) []byte {
	from := 0
	for i, b := range v {
		if !special[b] {
			continue
		}
		dst = append(append(dst, v[from:i]...), '\\')
		from = i + 1
		switch b {
		case '\b':
			dst = append(dst, 'b')
		case '\f':
			dst = append(dst, 'f')
		case '\n':
			dst = append(dst, 'n')
		case '\r':
			dst = append(dst, 'r')
		case '\t':
			dst = append(dst, 't')
		case '\v':
			dst = append(dst, 'v')
		default:
			dst = append(dst, b)
		}
	}
	return append(dst, v[from:]...)
}

// nulFault returns the fault of a value with a NUL in it.
func nulFault(v []byte) *fault {
	if i := bytes.IndexByte(v, 0); i >= 0 {
		return &fault{code: codeNull, pos: i, reason: "Invalid null byte - field longer than 1 byte"}
	}
	return nil
}

// appendChar takes ASCII only, of at most the column's length.
func appendChar(c *column, dst, v []byte) ([]byte, *fault) {
	for i, b := range v {
		if b >= utf8.RuneSelf {
			_, n := utf8.DecodeRune(v[i:])
			return dst, &fault{code: codeUTF8, pos: i,
				reason: fmt.Sprintf("Multibyte character not supported for CHAR (Hint: try using VARCHAR). Invalid char: % x", v[i:i+n])}
		}
	}
	if len(v) > c.Type.Length {
		if !c.spec.TruncateColumns {
			return dst, &fault{code: codeTooLong, pos: c.Type.Length, reason: "Char length exceeds DDL length"}
		}
		v = v[:c.Type.Length]
	}
	if f := nulFault(v); f != nil {
		return dst, f
	}
	return appendEscaped(dst, v), nil
}

// appendVarchar takes UTF-8 of at most the column's length in bytes.
func appendVarchar(c *column, dst, v []byte) ([]byte, *fault) {
	if c.spec.TrimBlanks {
		v = bytes.TrimRight(v, " \t\n\v\f\r")
	}
	if c.spec.AcceptInvChars != 0 {
		v = replaceInvalid(v, c.spec.AcceptInvChars)
	} else if !utf8.Valid(v) {
		return dst, utf8Fault(v)
	}
	if len(v) > c.Type.Length {
		if !c.spec.TruncateColumns {
			return dst, &fault{code: codeTooLong, pos: c.Type.Length, reason: "String length exceeds DDL length"}
		}
		v = truncate(v, c.Type.Length)
	}
	if f := nulFault(v); f != nil {
		return dst, f
	}
	return appendEscaped(dst, v), nil
}

// truncate cuts v to at most n bytes, at the end of a character.
func truncate(v []byte, n int) []byte {
	for n > 0 && !utf8.RuneStart(v[n]) {
		n--
	}
	return v[:n]
}

// utf8Fault names the first bad sequence of bytes and its error number from
// https://docs.aws.amazon.com/redshift/latest/dg/multi-byte-character-load-errors.html.
// https://docs.aws.amazon.com/redshift/latest/dg/multi-byte-character-load-errors.html.
func utf8Fault(v []byte) *fault {
	at := 0
	for at < len(v) {
		r, n := utf8.DecodeRune(v[at:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		at += n
	}
	number, n := badSequence(v[at:])
	return &fault{code: codeUTF8, pos: at, reason: fmt.Sprintf(
		"String contains invalid or unsupported UTF8 codepoints. Bad UTF8 hex sequence: %x (error %d)", v[at:at+n], number)}
}

// badSequence returns the error number of a bad sequence and its length in bytes.
func badSequence(v []byte) (number, n int) {
	const (
		tooLong = iota + 1
		incomplete
		badStart
		badTrail
	)
	var want int
	switch lead := v[0]; {
	case lead >= 0xfe || lead < 0xc0:
		return badStart, 1
	case lead >= 0xf8:
		return tooLong, 1
	case lead >= 0xf0:
		want = 4
	case lead >= 0xe0:
		want = 3
	default:
		want = 2
	}
	for i := 1; i < want; i++ {
		if i == len(v) {
			return incomplete, i
		}
		if v[i]&0xc0 != 0x80 {
			return badTrail, i + 1
		}
	}
	return badTrail, want // overlong, a surrogate, or beyond U+10FFFF
}

// replaceInvalid replaces each byte of invalid UTF-8, and of code points that are never
// characters.
func replaceInvalid(v []byte, with byte) []byte {
	var fixed []byte
	for at := 0; at < len(v); {
		r, n := utf8.DecodeRune(v[at:])
		invalid := r == utf8.RuneError && n == 1 || r >= 0xfdd0 && r <= 0xfdef || r&0xfffe == 0xfffe
		if invalid {
			if fixed == nil {
				fixed = bytes.Clone(v)
			}
			for i := range n {
				fixed[at+i] = with
			}
		}
		at += n
	}
	if fixed == nil {
		return v
	}
	return fixed
}
