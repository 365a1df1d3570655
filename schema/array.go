package schema

import (
	"bytes"
	"encoding/json"
	"strings"
)

// An array crosses as PostgreSQL prints it: {1,NULL,3}, with its bounds before it where
// they do not begin at 1. As a SUPER it is an array of JSON, without bounds.
// https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
func arrays() []Family {
	return []Family{{
		Category: 'A', Shown: "arrays", Redshift: "VARCHAR(65535)", Choices: "SUPER, without bounds",
		Lost:    "it is text",
		mapping: func(Type) Mapping { return text(maxVarchar, false) },
		as:      asSuper(appendArray),
	}}
}

// array reads the text of an array.
type array struct {
	text    []byte
	element string // the type of its elements, as far as its name tells
	delim   byte
	depth   int
}

// maxDimensions is PostgreSQL's own limit.
const maxDimensions = 6

// appendArray writes an array as JSON.
func appendArray(t Type, dst, value []byte) ([]byte, bool) {
	a := array{text: value, element: strings.TrimPrefix(t.Name, "_"), delim: ','}
	if a.element == "box" {
		a.delim = ';' // its own text has commas
	}
	if bytes.HasPrefix(value, []byte("[")) {
		_, values, found := bytes.Cut(value, []byte("="))
		if !found {
			return dst, false
		}
		a.text = values
	}
	dst, ok := a.appendValues(dst)
	return dst, ok && len(a.text) == 0
}

// next skips the byte c if it comes next, and reports whether it did.
func (a *array) next(c byte) bool {
	if len(a.text) == 0 || a.text[0] != c {
		return false
	}
	a.text = a.text[1:]
	return true
}

// appendValues writes what is between two braces.
func (a *array) appendValues(dst []byte) ([]byte, bool) {
	if a.depth++; a.depth > maxDimensions || !a.next('{') {
		return dst, false
	}
	defer func() { a.depth-- }()
	dst = append(dst, '[')
	if a.next('}') {
		return append(dst, ']'), true
	}
	for {
		var ok bool
		if len(a.text) > 0 && a.text[0] == '{' {
			dst, ok = a.appendValues(dst)
		} else {
			dst, ok = a.appendElement(dst)
		}
		switch {
		case !ok:
			return dst, false
		case a.next('}'):
			return append(dst, ']'), true
		case !a.next(a.delim):
			return dst, false
		}
		dst = append(dst, ',')
	}
}

// appendElement writes one element, which may be in quotes.
func (a *array) appendElement(dst []byte) ([]byte, bool) {
	if a.next('"') {
		element, rest, ok := unquoted(a.text, false)
		a.text = rest
		return appendAs(a.element, dst, element), ok
	}
	end := bytes.IndexAny(a.text, "{}\""+string(a.delim))
	if end <= 0 {
		return dst, false
	}
	element := a.text[:end]
	a.text = a.text[end:]
	if string(element) == "NULL" {
		return append(dst, "null"...), true
	}
	if bytes.IndexByte(element, '\\') >= 0 {
		return dst, false
	}
	return appendAs(a.element, dst, element), true
}

// unquoted returns what is before the closing quote and what follows it. A byte after a
// backslash stands for itself and, with doubled, two quotes stand for one.
func unquoted(text []byte, doubled bool) (value, rest []byte, ok bool) {
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text):
			i++
			value = append(value, text[i])
		case text[i] == '\\':
			return value, nil, false
		case text[i] == '"' && doubled && i+1 < len(text) && text[i+1] == '"':
			i++
			value = append(value, '"')
		case text[i] == '"':
			return value, text[i+1:], true
		default:
			value = append(value, text[i])
		}
	}
	return value, nil, false
}

// appendAs writes a value as JSON, by the name of its type: numbers and booleans as such,
// documents as they are, all else as text.
func appendAs(name string, dst, value []byte) []byte {
	switch name {
	case "int2", "int4", "int8", "oid", "float4", "float8", "numeric", "json", "jsonb":
		if json.Valid(value) { // NaN is not
			return append(dst, value...)
		}
	case "bool":
		if string(value) == "t" {
			return append(dst, "true"...)
		}
		return append(dst, "false"...)
	}
	return appendJSONText(dst, value)
}
