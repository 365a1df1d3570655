package postgres

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"rowshift/replicator"
)

// errShort says that a message ends before what it announces.
var errShort = errors.New("postgres: a pgoutput message is cut short")

// cursor reads a message where it lies. The first error sticks, and everything read
// after it is empty.
type cursor struct {
	b   []byte
	err error
}

func (c *cursor) take(n int) []byte {
	if n < 0 || len(c.b) < n {
		c.err = errShort
		c.b = nil
		return nil
	}
	t := c.b[:n:n]
	c.b = c.b[n:]
	return t
}

func (c *cursor) uint8() byte {
	if t := c.take(1); t != nil {
		return t[0]
	}
	return 0
}

func (c *cursor) uint16() uint16 {
	if t := c.take(2); t != nil {
		return binary.BigEndian.Uint16(t)
	}
	return 0
}

func (c *cursor) uint32() uint32 {
	if t := c.take(4); t != nil {
		return binary.BigEndian.Uint32(t)
	}
	return 0
}

func (c *cursor) uint64() uint64 {
	if t := c.take(8); t != nil {
		return binary.BigEndian.Uint64(t)
	}
	return 0
}

// text reads a zero-terminated string.
func (c *cursor) text() string {
	for i, b := range c.b {
		if b == 0 {
			return string(c.take(i + 1)[:i])
		}
	}
	c.take(len(c.b) + 1)
	return ""
}

// tuple reads a TupleData of n columns and returns it as it lies: it has the form
// of a replicator.Tuple.
func (c *cursor) tuple(n int) replicator.Tuple {
	if got := int(c.uint16()); got != n && c.err == nil {
		c.err = fmt.Errorf("postgres: a row has %d columns, its relation %d", got, n)
	}
	start := c.b
	for range n {
		switch kind := c.uint8(); kind {
		case 'n', 'u':
		case 't':
			c.take(int(int32(c.uint32())))
		default:
			if c.err == nil {
				c.err = fmt.Errorf("postgres: a value of unknown kind %q", kind)
			}
			return nil
		}
	}
	if c.err != nil {
		return nil
	}
	end := len(start) - len(c.b)
	return replicator.Tuple(start[:end:end])
}

// zeroTime is the zero of the protocol's times.
var zeroTime = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func (c *cursor) time() time.Time {
	return zeroTime.Add(time.Duration(int64(c.uint64())) * time.Microsecond)
}

// decoder turns pgoutput messages into changes.
// https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
type decoder struct {
	match     func(relationMessage) (*relation, error)
	relations map[uint32]*relation
	xid       uint32
	truncated []*relation // of a Truncate message, not handed out yet

	key, old, row replicator.Tuple // scratch
}

// decode returns the change that a message speaks of; false if it speaks of none.
// The change's tuples alias the message, or scratch space that the next call uses
// again.
func (d *decoder) decode(message []byte) (replicator.Change, bool, error) {
	c := &cursor{b: message}
	kind := c.uint8()
	var change replicator.Change
	found := true
	switch kind {
	case 'B':
		change = replicator.Change{Op: replicator.Begin, LSN: replicator.LSN(c.uint64()), Time: c.time(), XID: c.uint32()}
	case 'C':
		c.uint8()
		c.uint64() // where the commit record starts: not what is acknowledged
		change = replicator.Change{Op: replicator.Commit, LSN: replicator.LSN(c.uint64()), Time: c.time()}
	case 'R':
		found = false
		if m := c.relation(); c.err == nil {
			r, err := d.match(m)
			if err != nil {
				return change, false, err
			}
			d.relations[m.oid] = r
		}
	case 'I', 'U', 'D':
		change, found = d.row1(c, kind)
	case 'T':
		d.truncate(c)
		change, found = d.nextTruncated()
	case 'Y', 'O', 'M':
		found = false // a type's name, where it came from, a message of another program
	default:
		if c.err == nil {
			c.err = fmt.Errorf("postgres: a pgoutput message of unknown kind %q", kind)
		}
	}
	return change, found && c.err == nil, c.err
}

// row1 decodes an Insert, Update or Delete.
func (d *decoder) row1(c *cursor, kind byte) (replicator.Change, bool) {
	oid := c.uint32()
	r, known := d.relations[oid]
	if !known && c.err == nil {
		c.err = fmt.Errorf("postgres: a change of relation %d, which was not described", oid)
	}
	if c.err != nil || r == nil {
		return replicator.Change{}, false
	}
	change := replicator.Change{Table: r.table}
	part := c.uint8()
	if part == 'K' || part == 'O' {
		whole := c.tuple(r.columns)
		if c.err != nil {
			return change, false
		}
		d.key = r.keyOf(d.key[:0], whole)
		change.Key = d.key
		if part == 'O' {
			d.old, change.Old = r.project(d.old, whole)
		}
		if kind == 'U' {
			part = c.uint8()
		}
	}
	switch kind {
	case 'I':
		change.Op = replicator.Insert
	case 'U':
		change.Op = replicator.Update
	case 'D':
		change.Op = replicator.Delete
		if change.Key == nil && c.err == nil {
			c.err = fmt.Errorf("postgres: a delete of %v without its key", r.table.Name)
		}
		return change, true
	}
	if part != 'N' && c.err == nil {
		c.err = fmt.Errorf("postgres: a row of %v starts with %q", r.table.Name, part)
	}
	whole := c.tuple(r.columns)
	if c.err != nil {
		return change, false
	}
	d.row, change.New = r.project(d.row, whole)
	return change, true
}

// truncate reads a Truncate message, which may name several relations.
func (d *decoder) truncate(c *cursor) {
	n := int(c.uint32())
	c.uint8() // CASCADE, RESTART IDENTITY: cascaded tables are listed, sequences are not ours
	for i := 0; i < n && c.err == nil; i++ {
		if r := d.relations[c.uint32()]; r != nil {
			d.truncated = append(d.truncated, r)
		}
	}
}

// nextTruncated returns the next table of a Truncate message.
func (d *decoder) nextTruncated() (replicator.Change, bool) {
	if len(d.truncated) == 0 {
		return replicator.Change{}, false
	}
	t := d.truncated[0].table
	d.truncated = d.truncated[1:]
	return replicator.Change{Op: replicator.Truncate, Table: t}, true
}
