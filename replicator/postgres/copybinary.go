package postgres

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"rowshift/replicator"
	"rowshift/replicator/postgres/render"
)

// copyBinary parses COPY's binary format, renders the values, and passes each row to write
// as a Tuple that is valid until write returns. It is an io.Writer of the stream's bytes,
// which may be cut anywhere.
// https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4
type copyBinary struct {
	forms []render.Form // of the columns
	write func(replicator.Tuple) error
	rows  int64

	headed, ended bool
	begun         []byte // the beginning of a row whose end has not come
	tuple         replicator.Tuple
}

// errCopyBinary says that COPY sent what the format does not allow. It holds no value.
var errCopyBinary = errors.New("postgres: COPY sent a malformed row in the binary format")

// copySignature begins the stream. After it come four bytes of flags, and the length of
// whatever else the header holds.
var copySignature = []byte("PGCOPY\n\xff\r\n\x00")

// Write takes the next bytes of the stream.
func (c *copyBinary) Write(p []byte) (int, error) {
	rest := p
	if len(c.begun) > 0 {
		c.begun = append(c.begun, p...)
		rest = c.begun
	}
	for len(rest) > 0 {
		used, err := c.next(rest)
		if err != nil {
			return 0, err
		}
		if used == 0 {
			break
		}
		rest = rest[used:]
	}
	c.keep(rest)
	return len(p), nil
}

// keep stores the beginning of an incomplete row, and frees the memory that an unusually
// large row took.
func (c *copyBinary) keep(rest []byte) {
	if cap(c.begun) > keptBytes && len(rest) < keptBytes {
		c.begun = append([]byte(nil), rest...)
	} else {
		c.begun = append(c.begun[:0], rest...)
	}
	if cap(c.tuple) > keptBytes {
		c.tuple = nil
	}
}

func (c *copyBinary) count() int64 { return c.rows }

// Close returns an error if the stream did not end with its end mark.
func (c *copyBinary) Close() error {
	if !c.ended || len(c.begun) > 0 {
		return fmt.Errorf("%w: its end is missing", errCopyBinary)
	}
	return nil
}

// next consumes the header, a row or the end mark, and returns its length in bytes; 0 if it
// has not arrived completely.
func (c *copyBinary) next(b []byte) (int, error) {
	switch {
	case c.ended:
		return 0, fmt.Errorf("%w: something is behind its end", errCopyBinary)
	case !c.headed:
		return c.header(b)
	case len(b) < 2:
		return 0, nil
	}
	switch n := int(int16(binary.BigEndian.Uint16(b))); n {
	case -1:
		c.ended = true
		return 2, nil
	case len(c.forms):
		return c.row(b)
	}
	return 0, fmt.Errorf("%w: not of %d columns", errCopyBinary, len(c.forms))
}

func (c *copyBinary) header(b []byte) (int, error) {
	fixed := len(copySignature) + 8
	if len(b) < fixed {
		return 0, nil
	}
	flags, more := binary.BigEndian.Uint32(b[fixed-8:]), binary.BigEndian.Uint32(b[fixed-4:])
	if !bytes.HasPrefix(b, copySignature) || flags != 0 || more != 0 {
		return 0, fmt.Errorf("%w: an unknown header", errCopyBinary)
	}
	c.headed = true
	return fixed, nil
}

// row passes the row at the beginning of b to write, and returns its length; 0 if it has
// not arrived completely.
func (c *copyBinary) row(b []byte) (int, error) {
	t := c.tuple[:0]
	at := 2
	for i, form := range c.forms {
		if len(b) < at+4 {
			return 0, nil
		}
		length := int(int32(binary.BigEndian.Uint32(b[at:])))
		at += 4
		switch {
		case length == -1:
			t = append(t, byte(replicator.Null))
			continue
		case length < 0:
			return 0, fmt.Errorf("%w: a negative length", errCopyBinary)
		case len(b)-at < length:
			return 0, nil
		}
		var err error
		if t, err = appendRendered(t, form, b[at:at+length]); err != nil {
			return 0, fmt.Errorf("postgres: a value of column %d: %w", i+1, err)
		}
		at += length
	}
	c.tuple = t
	c.rows++
	return at, c.write(t)
}
