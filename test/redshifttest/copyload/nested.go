package copyload

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// Limits of SUPER (https://docs.aws.amazon.com/redshift/latest/dg/limitations-super.html).
const (
	superDepth  = 1000
	superString = 65535
	superBytes  = 16 << 20
)

func jsonFault(reason string, pos int) *fault {
	return &fault{code: codeJSON, pos: pos, reason: reason}
}

// appendSuper takes JSON. A string by itself needs its quotes.
func appendSuper(_ *column, dst, v []byte) ([]byte, *fault) {
	if !utf8.Valid(v) {
		return dst, utf8Fault(v)
	}
	if !json.Valid(v) {
		return dst, jsonFault("[stand-in] invalid JSON for SUPER", 0)
	}
	if len(v) > superBytes {
		return dst, jsonFault("[stand-in] SUPER is longer than 16 MB", superBytes)
	}
	if f := checkNesting(v); f != nil {
		return dst, f
	}
	return appendEscaped(dst, bytes.TrimSpace(v)), nil
}

// checkNesting refuses what JSON allows and SUPER does not: nesting that is too deep,
// long strings, the character U+0000, and a name twice in one object
// (https://docs.aws.amazon.com/redshift/latest/dg/JSON_PARSE.html).
func checkNesting(v []byte) *fault {
	var open []names // one for each open object or array
	for i := 0; i < len(v); i++ {
		switch v[i] {
		case '{', '[':
			if open = append(open, names{object: v[i] == '{', due: v[i] == '{'}); len(open) > superDepth {
				return jsonFault("[stand-in] SUPER is nested deeper than 1000", i)
			}
		case '}', ']':
			open = open[:len(open)-1]
		case ',':
			open[len(open)-1].due = open[len(open)-1].object
		case '"':
			n, size, nul := jsonString(v[i+1:])
			switch {
			case nul:
				return jsonFault(`[stand-in] \u0000 in SUPER`, i)
			case size > superString:
				return jsonFault(fmt.Sprintf("String value exceeds the max size of %d bytes", superString), i)
			case len(open) > 0 && open[len(open)-1].twice(v[i:i+1+n]):
				return jsonFault("[stand-in] a name is there twice in an object of SUPER", i)
			}
			i += n
		}
	}
	return nil
}

// names are the names that an object has had so far.
type names struct {
	object bool
	due    bool // a name must come next
	few    [][]byte
	many   map[string]bool
}

// twice notes a quoted string if it is a name, and reports whether the object had that
// name already.
func (n *names) twice(quoted []byte) bool {
	if !n.due {
		return false
	}
	n.due = false
	name := []byte(keyName(quoted))
	if n.many == nil {
		for _, other := range n.few {
			if bytes.Equal(other, name) {
				return true
			}
		}
		const few = 16
		if n.few = append(n.few, name); len(n.few) == few {
			n.many = map[string]bool{}
			for _, other := range n.few {
				n.many[string(other)] = true
			}
		}
		return false
	}
	before := n.many[string(name)]
	n.many[string(name)] = true
	return before
}

// jsonString measures a valid string, where v begins behind the opening quote. n is the
// offset behind the closing quote, size the number of bytes of the value.
func jsonString(v []byte) (n, size int, nul bool) {
	for i := 0; ; i++ {
		switch {
		case v[i] == '"':
			return i + 1, size, nul
		case v[i] != '\\':
			size++
		case v[i+1] != 'u':
			size++
			i++
		default:
			nul = nul || bytes.Equal(v[i+2:i+6], []byte("0000"))
			size += escapedSize(v[i+2 : i+6])
			i += 5
		}
	}
}

// escapedSize returns how many bytes of UTF-8 four hex digits stand for. Each half of a
// surrogate pair counts for half of the pair's four bytes.
func escapedSize(hex []byte) int {
	switch {
	case hex[0] == '0' && hex[1] == '0' && hex[2] < '8':
		return 1
	case hex[0] == '0' && hex[1] < '8':
		return 2
	case hex[0]|0x20 == 'd' && hex[1] >= '8':
		return 2
	}
	return 3
}

func hexDigit(b byte) bool {
	return b-'0' <= 9 || b|0x20 >= 'a' && b|0x20 <= 'f'
}

// checkHex refuses bytes that are no hex digits, and an odd number of digits.
func checkHex(v []byte, name string) *fault {
	for i, b := range v {
		if !hexDigit(b) {
			return digitFault(codeDigit, v, i, name)
		}
	}
	if len(v)%2 != 0 {
		return digitFault(codeDigit, v, len(v), name)
	}
	return nil
}

// appendVarbyte takes hex digits and appends them as PostgreSQL's bytea
// (https://docs.aws.amazon.com/redshift/latest/dg/copy-usage-varbyte.html).
func appendVarbyte(c *column, dst, v []byte) ([]byte, *fault) {
	if f := checkHex(v, "Varbyte"); f != nil {
		return dst, f
	}
	if len(v)/2 > c.Type.Length {
		return dst, &fault{code: codeTooLong, pos: 2 * c.Type.Length, reason: "[stand-in] Varbyte length exceeds DDL length"}
	}
	return append(append(dst, `\\x`...), v...), nil
}

// appendGeometry takes (E)WKB in hex digits.
func appendGeometry(_ *column, dst, v []byte) ([]byte, *fault) {
	if f := checkHex(v, "Geometry"); f != nil {
		return dst, f
	}
	return append(dst, v...), nil
}
