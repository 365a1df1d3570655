package schema

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxSuper is the greatest length in bytes of the text that a SUPER is made of. A SUPER may
// have 16 MB, but its strings only this much, and rows with more fail in joins.
// https://docs.aws.amazon.com/redshift/latest/dg/limitations-super.html
const maxSuper = 65535

// maxDepth is how deep a SUPER may be nested.
const maxDepth = 1000

// asSuper lets values be held by a SUPER, made of the JSON that write makes of their text.
// write returns false for what is not such a text.
func asSuper(write func(t Type, dst, value []byte) ([]byte, bool)) func(Type, spelling) (Mapping, bool) {
	return func(t Type, s spelling) (Mapping, bool) {
		written := func(dst, value []byte) ([]byte, string) {
			out, ok := write(t, dst, value)
			if !ok {
				return dst, Malformed
			}
			if kind := superFault(out[len(dst):]); kind != "" {
				return out, kind
			}
			return out, ""
		}
		return Mapping{
			Type: "SUPER",
			Append: func(dst, value []byte) ([]byte, error) {
				out, kind := written(dst, value)
				if kind != "" {
					return dst, &Misfit{Kind: kind, Type: "SUPER", Size: len(value)}
				}
				return out, nil
			},
			adjust: func(dst, value []byte, _ string, _ Rule) []byte {
				out, _ := written(dst, value)
				return out
			},
			Remedies: []Remedy{
				{Kind: TooLong, Default: Null}, {Kind: TooDeep, Default: Null}, {Kind: SameName, Default: Null}, {Kind: ZeroByte, Default: Null}, {Kind: OutOfRange, Default: Null},
				{Kind: Inexact, Default: Clamp, Clamp: true}, {Kind: Malformed, Default: Quarantine},
			},
		}, s.name == "SUPER"
	}
}

// superFault returns the kind of Misfit that a JSON text is for a SUPER; empty if it fits.
// https://docs.aws.amazon.com/redshift/latest/dg/JSON_PARSE.html
func superFault(text []byte) string {
	if len(text) > maxSuper {
		return TooLong
	}
	if !json.Valid(text) || !utf8.Valid(text) {
		return Malformed
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	kind := ""
	var open []level
	for {
		token, err := d.Token()
		if err != nil { // the end, for the text is valid
			return kind
		}
		if text, is := token.(string); is && strings.IndexByte(text, 0) >= 0 {
			return ZeroByte
		}
		if number, is := token.(json.Number); is && !exact(string(number)) {
			if kind = Inexact; endless(string(number)) {
				return OutOfRange
			}
		}
		var twice bool
		if open, twice = take(open, token); twice {
			return SameName
		}
		if len(open) > maxDepth {
			return TooDeep
		}
	}
}

// level is an object or array that is open.
type level struct {
	names map[string]bool // of an object
	value bool            // of an object: a name was read, and its value comes next
}

// take returns the levels that are open after a token, and reports whether the token is a
// name that its object has already.
func take(open []level, token json.Token) (after []level, twice bool) {
	if token == json.Delim('}') || token == json.Delim(']') {
		return open[:len(open)-1], false
	}
	if len(open) > 0 && open[len(open)-1].names != nil {
		top := &open[len(open)-1]
		if top.value = !top.value; top.value {
			name, _ := token.(string)
			twice = top.names[name]
			top.names[name] = true
			return open, twice
		}
	}
	switch token {
	case json.Delim('{'):
		open = append(open, level{names: map[string]bool{}})
	case json.Delim('['):
		open = append(open, level{})
	}
	return open, false
}

// endless reports whether a number is beyond what a DOUBLE PRECISION holds.
func endless(number string) bool {
	f, _ := strconv.ParseFloat(number, 64)
	return math.IsInf(f, 0)
}

// exact reports whether a BIGINT or a DOUBLE PRECISION holds the number to its last digit.
// A DOUBLE PRECISION may not if there are more than 15.
func exact(number string) bool {
	if _, err := strconv.ParseInt(number, 10, 64); err == nil {
		return true
	}
	f, err := strconv.ParseFloat(number, 64)
	significant := 0
	for _, c := range number {
		if c == 'e' || c == 'E' {
			break
		}
		if c >= '1' && c <= '9' || c == '0' && significant > 0 {
			significant++
		}
	}
	return err == nil && significant <= 15 && (f == 0) == (significant == 0) && !math.IsInf(f, 0)
}

// appendJSONText writes a text as a JSON string.
func appendJSONText(dst, text []byte) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, c := range text {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
