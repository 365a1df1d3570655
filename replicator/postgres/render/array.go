package render

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strconv"
)

// maxDimensions is PostgreSQL's MAXDIM.
const maxDimensions = 6

// array returns the Form of arrays whose elements have that type and form. Their bytes are
// the number of dimensions, whether there are nulls, the elements' type, each dimension's
// length and lower bound, and then the elements, each after its length, which is -1 for
// NULL. All types that have a Form are delimited by a comma.
// https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/arrayfuncs.c
func array(oid uint32, form Form) Form {
	if form == nil {
		return nil
	}
	return func(dst, v []byte) ([]byte, error) {
		if len(v) < 12 || binary.BigEndian.Uint32(v[8:]) != oid {
			return dst, ErrMalformed
		}
		count := binary.BigEndian.Uint32(v)
		v = v[12:]
		if count > maxDimensions || len(v) < 8*int(count) {
			return dst, ErrMalformed
		}
		w := writer{dst: dst, form: form, dimensions: int(count)}
		elements := 1
		for i := range w.lengths[:count] {
			length, lower := int32(binary.BigEndian.Uint32(v)), int32(binary.BigEndian.Uint32(v[4:]))
			v = v[8:]
			if length < 0 || int64(elements)*int64(length) > 1<<30 {
				return dst, ErrMalformed
			}
			w.lengths[i], w.lowers[i] = int(length), int(lower)
			elements *= int(length)
		}
		if count == 0 || elements == 0 {
			if len(v) > 0 {
				return dst, ErrMalformed
			}
			return append(dst, "{}"...), nil
		}
		w.bounds()
		v, err := w.level(v, 0)
		if err == nil && len(v) > 0 {
			err = ErrMalformed
		}
		return w.dst, err
	}
}

// writer writes one array.
type writer struct {
	dst        []byte
	form       Form
	dimensions int
	lengths    [maxDimensions]int
	lowers     [maxDimensions]int
}

// bounds writes the bounds of all dimensions, unless all begin at 1.
func (w *writer) bounds() {
	lowers := w.lowers[:w.dimensions]
	if !slices.ContainsFunc(lowers, func(lower int) bool { return lower != 1 }) {
		return
	}
	for i, lower := range lowers {
		w.dst = strconv.AppendInt(append(w.dst, '['), int64(lower), 10)
		w.dst = strconv.AppendInt(append(w.dst, ':'), int64(lower+w.lengths[i]-1), 10)
		w.dst = append(w.dst, ']')
	}
	w.dst = append(w.dst, '=')
}

// level writes one pair of braces and what is in it, and returns what is left of v.
func (w *writer) level(v []byte, dimension int) (_ []byte, err error) {
	w.dst = append(w.dst, '{')
	for i := range w.lengths[dimension] {
		if i > 0 {
			w.dst = append(w.dst, ',')
		}
		if dimension+1 < w.dimensions {
			v, err = w.level(v, dimension+1)
		} else {
			v, err = w.element(v)
		}
		if err != nil {
			return nil, err
		}
	}
	w.dst = append(w.dst, '}')
	return v, nil
}

// element writes one element, and returns what is left of v.
func (w *writer) element(v []byte) (_ []byte, err error) {
	if len(v) < 4 {
		return nil, ErrMalformed
	}
	length := int(int32(binary.BigEndian.Uint32(v)))
	v = v[4:]
	if length == -1 {
		w.dst = append(w.dst, "NULL"...)
		return v, nil
	}
	if length < 0 || length > len(v) {
		return nil, ErrMalformed
	}
	start := len(w.dst)
	if w.dst, err = w.form(w.dst, v[:length]); err != nil {
		return nil, err
	}
	w.dst = quote(w.dst, start)
	return v[length:], nil
}

// quote puts dst[start:] in quotes if an array needs that of an element: because it is
// empty, or the word NULL, or has a character with a meaning of its own.
func quote(dst []byte, start int) []byte {
	text := dst[start:]
	needed := len(text) == 0 || len(text) == 4 && bytes.EqualFold(text, []byte("NULL"))
	more := 2
	for _, c := range text {
		switch c {
		case '"', '\\':
			needed = true
			more++
		case '{', '}', ',', ' ', '\t', '\n', '\r', '\v', '\f':
			needed = true
		}
	}
	if !needed {
		return dst
	}
	from := len(dst)
	dst = slices.Grow(dst, more)[:from+more]
	to := len(dst) - 1
	dst[to] = '"'
	for from > start {
		from--
		to--
		dst[to] = dst[from]
		if c := dst[from]; c == '"' || c == '\\' {
			to--
			dst[to] = '\\'
		}
	}
	dst[start] = '"'
	return dst
}
