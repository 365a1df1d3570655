package postgres

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"rowshift/replicator"
	"rowshift/replicator/postgres/render"
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
	if c.err != nil || n < 0 || len(c.b) < n {
		if c.err == nil {
			c.err = errShort
		}
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
			return string(bytes.TrimSuffix(c.take(i+1), []byte{0}))
		}
	}
	c.take(len(c.b) + 1)
	return ""
}

// fail makes an error stick, if none does.
func (c *cursor) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("postgres: "+format, args...)
	}
}

// end returns the error that stuck, or one if the message goes on.
func (c *cursor) end() error {
	if len(c.b) > 0 {
		c.fail("a pgoutput message with %d bytes too many", len(c.b))
	}
	return c.err
}

// tuple reads a TupleData of n columns and returns it as it lies: it has the form
// of a replicator.Tuple. It is nil if an error stuck.
func (c *cursor) tuple(n int) replicator.Tuple {
	if got := int(c.uint16()); got != n {
		c.fail("a row of %d columns, where its relation has %d", got, n)
	}
	start := c.b
	for range n {
		switch kind := c.uint8(); kind {
		case 'n', 'u':
		case 't':
			c.take(int(int32(c.uint32())))
		default:
			c.fail("a value of unknown kind %q", kind)
		}
		if c.err != nil {
			return nil
		}
	}
	end := len(start) - len(c.b)
	return replicator.Tuple(start[:end:end])
}

// row reads a row of a relation: as it lies or, of one whose values come in binary,
// rendered into scratch space.
func (c *cursor) row(r *relation, scratch *replicator.Tuple) replicator.Tuple {
	if r.forms == nil {
		return c.tuple(r.columns)
	}
	if cap(*scratch) > keptBytes {
		*scratch = nil
	}
	row := c.rendered((*scratch)[:0], r)
	*scratch = row[:0]
	if c.err != nil {
		return nil
	}
	return row
}

// rendered reads a TupleData whose values come in binary, but for those of types that
// have no such form, and writes them as text behind row. Columns that are not taken are
// null in it.
func (c *cursor) rendered(row replicator.Tuple, r *relation) replicator.Tuple {
	if got := int(c.uint16()); got != r.columns {
		c.fail("a row of %d columns, where its relation has %d", got, r.columns)
	}
	for i := 0; i < r.columns && c.err == nil; i++ {
		kind := c.uint8()
		switch kind {
		case 'n', 'u':
			row = append(row, kind)
			continue
		case 't', 'b':
		default:
			c.fail("a value of unknown kind %q", kind)
		}
		value := c.take(int(int32(c.uint32())))
		switch {
		case c.err != nil:
		case r.forms[i] == nil:
			row = append(row, byte(replicator.Null))
		case kind == 't':
			row = row.Append(replicator.Value{Kind: replicator.Text, Text: value})
		default:
			var err error
			if row, err = appendRendered(row, r.forms[i], value); err != nil {
				c.fail("a value of column %d of %v: %w", i+1, r.table.Name, err)
			}
		}
	}
	return row
}

// appendRendered adds a value that came in binary to row.
func appendRendered(row replicator.Tuple, form render.Form, value []byte) (replicator.Tuple, error) {
	start := len(row)
	rendered, err := form(append(row, byte(replicator.Text), 0, 0, 0, 0), value)
	if err != nil {
		return row, err
	}
	binary.BigEndian.PutUint32(rendered[start+1:], uint32(len(rendered)-start-5))
	return rendered, nil
}

// zeroTime is the zero of the protocol's times.
var zeroTime = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func (c *cursor) time() time.Time {
	return zeroTime.Add(time.Duration(int64(c.uint64())) * time.Microsecond)
}

// decoder turns pgoutput messages into changes.
// https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
type decoder struct {
	match     func(relationMessage, replicator.LSN) *relation
	resent    func()               // a relation is described again; nil: nobody wants to know
	commit    replicator.LSN       // where the commit of the transaction at hand starts
	relations map[uint32]*relation // nil for one that is not replicated
	truncated []*relation          // of a Truncate message, not handed out yet
	astray    func(replicator.LSN) // told of a transaction with a value that cannot be rendered

	// root is the relation of the message before, and leaf the one of the message behind
	// that which is not replicated. Where a row follows it is of that partition of the root;
	// a truncation is described by roots alone.
	root      *relation
	leaf      *relationMessage
	partition func(leaf relationMessage, root *relation) // nil: nobody wants to know

	key, old, row replicator.Tuple // scratch
	was, is       replicator.Tuple // the same, for what came in binary
}

func newDecoder(match func(relationMessage, replicator.LSN) *relation) decoder {
	return decoder{match: match, relations: map[uint32]*relation{}}
}

// decode returns the change that a message speaks of; false if it speaks of none.
// The change's tuples alias the message, or scratch space that the next call uses
// again. A message is read to its last byte, or is an error.
func (d *decoder) decode(message []byte) (change replicator.Change, found bool, err error) {
	c := cursor{b: message}
	kind := c.uint8()
	switch kind {
	case 'B':
		change = replicator.Change{Op: replicator.Begin, LSN: replicator.LSN(c.uint64()), Time: c.time(), XID: c.uint32()}
		d.commit = change.LSN
		found = true
	case 'C':
		c.uint8()
		c.uint64() // where the commit record starts: not what is acknowledged
		change = replicator.Change{Op: replicator.Commit, LSN: replicator.LSN(c.uint64()), Time: c.time()}
		found = true
	case 'R':
		if m := c.relation(); c.err == nil {
			d.describe(m)
		}
	case 'I', 'U', 'D':
		if d.leaf != nil && d.partition != nil {
			d.partition(*d.leaf, d.root)
		}
		change, found = d.change(&c, kind)
	case 'T':
		d.truncate(&c)
		change, found = d.nextTruncated()
	case 'Y', 'O', 'M': // a type's name, where it came from, a message of another program
		c.b = nil
	default:
		c.fail("a pgoutput message of unknown kind %q", kind)
	}
	if kind != 'R' && kind != 'Y' {
		d.root, d.leaf = nil, nil
	}
	if err := c.end(); err != nil {
		if errors.Is(err, render.ErrMalformed) {
			d.astray(d.commit)
		}
		return replicator.Change{}, false, err
	}
	return change, found, nil
}

// describe takes in a Relation message.
func (d *decoder) describe(m relationMessage) {
	if d.relations[m.oid] != nil && d.resent != nil {
		d.resent()
	}
	r := d.match(m, d.commit)
	d.relations[m.oid] = r
	if r != nil {
		d.root, d.leaf = r, nil
	} else {
		d.leaf = &m
	}
}

// operation is what a message of that kind does.
func operation(kind byte) replicator.Op {
	switch kind {
	case 'I':
		return replicator.Insert
	case 'U':
		return replicator.Update
	}
	return replicator.Delete
}

// change decodes an Insert, Update or Delete.
func (d *decoder) change(c *cursor, kind byte) (change replicator.Change, found bool) {
	oid := c.uint32()
	r, known := d.relations[oid]
	switch {
	case c.err != nil:
		return change, false
	case !known:
		c.fail("a change of relation %d, which was not described", oid)
		return change, false
	case r == nil:
		c.b = nil
		return change, false
	case r.unfit != nil:
		c.b = nil
		return replicator.Change{Op: operation(kind), Table: r.table, Unfit: r.unfit}, true
	}
	change.Op, change.Table = operation(kind), r.table
	part := c.uint8()
	if kind != 'I' && (part == 'K' || part == 'O') {
		d.before(c, r, part, &change)
		part = 'N'
		if kind == 'U' {
			part = c.uint8()
		}
	}
	if kind == 'D' {
		if change.Key == nil {
			c.fail("a delete without its key")
		}
		return change, true
	}
	if part != 'N' {
		c.fail("a row that starts with %q", part)
	}
	d.row, change.New = r.project(d.row, c.row(r, &d.is))
	return change, true
}

// before decodes what an Update or Delete says of the row of before: its key (K), in
// a tuple of all columns of which the others are nothing, or the whole row (O).
func (d *decoder) before(c *cursor, r *relation, part byte, change *replicator.Change) {
	whole := c.row(r, &d.was)
	if c.err != nil {
		return
	}
	d.key = r.keyOf(d.key[:0], whole)
	change.Key = d.key
	if part == 'O' {
		d.old, change.Old = r.project(d.old, whole)
	}
}

// truncate reads a Truncate message, which may name several relations.
func (d *decoder) truncate(c *cursor) {
	n := int(c.uint32())
	c.uint8() // CASCADE, RESTART IDENTITY: cascaded tables are listed, sequences are not ours
	for i := 0; i < n && c.err == nil; i++ {
		oid := c.uint32()
		r, known := d.relations[oid]
		switch {
		case !known:
			c.fail("a truncation of relation %d, which was not described", oid)
		case r != nil:
			d.truncated = append(d.truncated, r)
		}
	}
}

// nextTruncated returns the next table of a Truncate message.
func (d *decoder) nextTruncated() (replicator.Change, bool) {
	if len(d.truncated) == 0 {
		return replicator.Change{}, false
	}
	r := d.truncated[0]
	d.truncated = d.truncated[1:]
	return replicator.Change{Op: replicator.Truncate, Table: r.table, Unfit: r.unfit}, true
}
