package copyload

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// objectCutter splits a file of JSON objects, with only white space between them, and
// puts their values in the order of the columns
// (https://docs.aws.amazon.com/redshift/latest/dg/copy-usage_notes-copy-from-json.html).
type objectCutter struct {
	mode   JSONMode
	places map[string]int // by the column's name
	values []jsonValue
}

// jsonValue is the value of a column, or that the object has none.
type jsonValue struct {
	text []byte
	set  bool
}

func newObjectCutter(s *Spec) *objectCutter {
	o := &objectCutter{mode: s.JSONMode, places: map[string]int{}, values: make([]jsonValue, len(s.Columns))}
	for i, c := range s.Columns {
		o.places[o.fold(c.Name)] = i
	}
	return o
}

func (o *objectCutter) fold(name string) string {
	if o.mode == JSONAutoIgnoreCase {
		return strings.ToLower(name)
	}
	return name
}

// takeObject cuts off and converts the object with which b begins.
func (l *loader) takeObject(b []byte) (int, *rowFault, bool) {
	start := 0
	for start < len(b) && isBlank(b[start:start+1]) {
		start++
	}
	if start > 0 {
		return start, blankLine, true // taken by itself, so that the object's line number is right
	}
	if b[0] != '{' {
		return l.notAnObject(b)
	}
	n := objectEnd(b)
	switch {
	case n < 0 && !l.window.last:
		return 0, nil, false
	case n < 0:
		return len(b), badObject(), true
	case n > maxRow:
		return n, &rowFault{fault: newlineFault(b, maxRow)}, true
	}
	return n, l.convertObject(b[:n]), true
}

func badObject() *rowFault {
	return &rowFault{fault: &fault{code: codeLine, reason: "[stand-in] invalid JSON: COPY takes objects, one behind the other"}}
}

// notAnObject refuses a line that begins with something else.
func (l *loader) notAnObject(b []byte) (int, *rowFault, bool) {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return i + 1, badObject(), true
	}
	return len(b), badObject(), l.window.last
}

// objectEnd returns the length of the object with which b begins, or -1 if b does not
// hold its end.
func objectEnd(b []byte) int {
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// convertObject appends an object's row, or nothing if the object is refused.
func (l *loader) convertObject(object []byte) *rowFault {
	if !json.Valid(object) {
		return badObject()
	}
	l.objects.sort(object)
	start := len(l.out)
	for i := range l.columns {
		if i > 0 {
			l.out = append(l.out, '\t')
		}
		c, v := &l.columns[i], l.objects.values[i]
		f := c.check(v)
		if f == nil && v.set {
			l.out, f = c.appendField(l.out, c.plain(v.text), nil)
		} else if f == nil {
			l.out, f = c.appendNull(l.out)
		}
		if f != nil {
			l.out = l.out[:start]
			return &rowFault{fault: f, column: c, value: v.text}
		}
	}
	l.out = append(l.out, '\n')
	return nil
}

// check refuses a character that the conversion of a string would change.
func (c *column) check(v jsonValue) *fault {
	if v.set && !utf8.Valid(v.text) {
		return utf8Fault(v.text)
	}
	return nil
}

// plain returns a value as a field: the content of a string, and the text of anything
// else. A value for SUPER stays JSON.
func (c *column) plain(text []byte) []byte {
	if c.Type.Kind == Super || text[0] != '"' {
		return text
	}
	if bytes.IndexByte(text, '\\') < 0 {
		return text[1 : len(text)-1]
	}
	var s string
	if json.Unmarshal(text, &s) != nil {
		return text // cannot happen: the object was valid
	}
	return []byte(s)
}

// sort puts the object's values where their columns are. Keys without a column are
// ignored. If a key comes twice, its last value counts.
func (o *objectCutter) sort(object []byte) {
	clear(o.values)
	if o.mode == JSONNoShred {
		o.values[0] = jsonValue{text: object, set: true}
		return
	}
	for i := 1; ; {
		i = skipBlanks(object, i)
		switch object[i] {
		case '}':
			return
		case ',':
			i++
			continue
		}
		n, _, _ := jsonString(object[i+1:])
		key := object[i : i+1+n]
		i = skipBlanks(object, i+1+n)
		i = skipBlanks(object, i+1) // the colon
		end := i + valueLen(object[i:])
		if at, ok := o.places[o.fold(keyName(key))]; ok {
			text := object[i:end]
			o.values[at] = jsonValue{text: text, set: string(text) != "null"}
		}
		i = end
	}
}

func keyName(quoted []byte) string {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1])
	}
	var name string
	if json.Unmarshal(quoted, &name) != nil {
		return "" // cannot happen: the object was valid
	}
	return name
}

func skipBlanks(b []byte, i int) int {
	for isBlank(b[i : i+1]) {
		i++
	}
	return i
}

// valueLen returns the length of the value with which valid JSON begins.
func valueLen(b []byte) int {
	switch b[0] {
	case '"':
		n, _, _ := jsonString(b[1:])
		return n + 1
	case '{', '[':
		return nestedLen(b)
	}
	n := bytes.IndexAny(b, ",} \t\r\n")
	return n
}

// nestedLen returns the length of an object or array.
func nestedLen(b []byte) int {
	depth := 0
	for i := 0; ; i++ {
		switch b[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		case '"':
			n, _, _ := jsonString(b[i+1:])
			i += n
		}
	}
}
