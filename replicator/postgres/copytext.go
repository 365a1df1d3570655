package postgres

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"rowshift/replicator"
)

// keptBytes is the most scratch memory that is kept from one row to the next.
const keptBytes = 1 << 20

// copyText parses COPY's text format and passes each row to write, as a Tuple that is valid
// until write returns. It is an io.Writer of the stream's bytes, which may be cut anywhere.
// In that format a newline only ever ends a row, and a tab only ever ends a column: values
// escape both, and in UTF-8 neither is part of another character.
// https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.2
type copyText struct {
	columns int
	write   func(replicator.Tuple) error
	rows    int64

	begun []byte // the beginning of a row whose end has not come
	tuple replicator.Tuple
}

// errCopyText says that COPY sent what the format does not allow. It holds no value.
var errCopyText = errors.New("postgres: COPY sent a malformed row")

// Write takes the next bytes of the stream.
func (c *copyText) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			c.begun = append(c.begun, rest...)
			break
		}
		row := rest[:end]
		rest = rest[end+1:]
		if len(c.begun) > 0 {
			row = append(c.begun, row...)
			c.begun = row[:0]
		}
		if err := c.row(row); err != nil {
			return 0, err
		}
		c.shrink()
	}
	return len(p), nil
}

func (c *copyText) count() int64 { return c.rows }

// Close returns an error if the stream ended inside a row.
func (c *copyText) Close() error {
	if len(c.begun) > 0 {
		return fmt.Errorf("%w: it ends inside a row", errCopyText)
	}
	return nil
}

// row parses a row, without its newline, and passes it to write.
func (c *copyText) row(row []byte) error {
	t := c.tuple[:0]
	escapes := bytes.IndexByte(row, '\\') >= 0
	for column := 1; ; column++ {
		value := row
		tab := bytes.IndexByte(row, '\t')
		if tab >= 0 {
			value, row = row[:tab], row[tab+1:]
		}
		if escapes {
			var err error
			if t, err = appendEscaped(t, value); err != nil {
				return err
			}
		} else {
			t = t.Append(replicator.Value{Kind: replicator.Text, Text: value})
		}
		if tab < 0 && column == c.columns {
			break
		}
		if tab < 0 || column == c.columns {
			return fmt.Errorf("%w: not of %d columns", errCopyText, c.columns)
		}
	}
	c.tuple = t
	c.rows++
	return c.write(t)
}

// shrink frees the memory that an unusually large row took.
func (c *copyText) shrink() {
	if cap(c.tuple) > keptBytes {
		c.tuple = nil
	}
	if cap(c.begun) > keptBytes {
		c.begun = nil
	}
}

// appendEscaped appends to t a value that may hold escapes, or be NULL.
func appendEscaped(t replicator.Tuple, value []byte) (replicator.Tuple, error) {
	next := bytes.IndexByte(value, '\\')
	if next < 0 {
		return t.Append(replicator.Value{Kind: replicator.Text, Text: value}), nil
	}
	if len(value) == 2 && value[1] == 'N' {
		return t.Append(replicator.Value{Kind: replicator.Null}), nil
	}
	start := len(t)
	t = append(t, byte(replicator.Text), 0, 0, 0, 0)
	for next >= 0 {
		if next+1 == len(value) {
			return nil, fmt.Errorf("%w: an escape without a letter", errCopyText)
		}
		c := unescaped[value[next+1]]
		if c == 0 {
			return nil, fmt.Errorf("%w: an unknown escape", errCopyText)
		}
		t = append(t, value[:next]...)
		t = append(t, c)
		value = value[next+2:]
		next = bytes.IndexByte(value, '\\')
	}
	t = append(t, value...)
	binary.BigEndian.PutUint32(t[start+1:], uint32(len(t)-start-5))
	return t, nil
}

// unescaped maps the letter of an escape to the character that it stands for. COPY TO
// writes no other escapes.
var unescaped = [256]byte{'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v', '\\': '\\'}
