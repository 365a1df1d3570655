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

// errShort says that a message ends too early.
var errShort = errors.New("postgres: a pgoutput message is cut short")

// cursor parses a message in place. The first error sticks, and everything that is read
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

// fail records an error, unless one has stuck already.
func (c *cursor) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("postgres: "+format, args...)
	}
}

// end returns the error that stuck, or one if bytes of the message are left.
func (c *cursor) end() error {
	if len(c.b) > 0 {
		c.fail("a pgoutput message with %d bytes too many", len(c.b))
	}
	return c.err
}

// tuple reads a TupleData of n columns and returns its bytes as they are: they have the
// form of a replicator.Tuple. It returns nil if an error stuck.
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

// row reads a row of a relation. It returns the row's bytes as they are or, if values come
// in binary, the row rendered into scratch.
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

// rendered reads a TupleData whose values come in binary, except for types that have no
// binary form, and appends them to row as text. Columns that are not taken become NULL.
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

// appendRendered appends to row a value that came in binary.
func appendRendered(row replicator.Tuple, form render.Form, value []byte) (replicator.Tuple, error) {
	start := len(row)
	rendered, err := form(append(row, byte(replicator.Text), 0, 0, 0, 0), value)
	if err != nil {
		return row, err
	}
	binary.BigEndian.PutUint32(rendered[start+1:], uint32(len(rendered)-start-5))
	return rendered, nil
}

// zeroTime is the moment from which the protocol counts time.
var zeroTime = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func (c *cursor) time() time.Time {
	return zeroTime.Add(time.Duration(int64(c.uint64())) * time.Microsecond)
}

// written tells of a transaction what its Begin message does.
type written struct {
	commit replicator.LSN // where its commit starts
	xid    uint32
}

// decoder turns pgoutput messages into changes.
// https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
type decoder struct {
	match      func(relationMessage, written) *relation
	resent     func()               // called if a relation is described again; may be nil
	current    written              // the transaction that is being received
	relations  map[uint32]*relation // by OID; nil: it is not replicated
	truncated  []*relation          // those of a Truncate message that are still to be handed out
	unrendered func(replicator.LSN) // called for a transaction with a value that cannot be rendered

	// root and leaf are what Relation messages have described since the last change: a
	// relation that is replicated and, after it, one that is not. The server describes a
	// partition after its root, so a row of root that follows is of that partition. Before
	// a truncation it describes roots alone.
	root      *relation
	leaf      *relationMessage
	partition func(leaf relationMessage, root *relation) // called before such a row; may be nil

	key, old, row replicator.Tuple // scratch
	was, is       replicator.Tuple // the same, for what came in binary
}

func newDecoder(match func(relationMessage, written) *relation) decoder {
	return decoder{match: match, relations: map[uint32]*relation{}}
}

// decode returns the change that a message holds, and false if it holds none. The change's
// tuples alias the message, or scratch space that the next call reuses. It is an error if
// bytes of the message are left over.
func (d *decoder) decode(message []byte) (change replicator.Change, found bool, err error) {
	c := cursor{b: message}
	kind := c.uint8()
	switch kind {
	case 'B':
		change = replicator.Change{Op: replicator.Begin, LSN: replicator.LSN(c.uint64()), Time: c.time(), XID: c.uint32()}
		d.current = written{commit: change.LSN, xid: change.XID}
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
	case 'Y', 'O', 'M': // Type, Origin, and a message that a program wrote to the log
		c.b = nil
	default:
		c.fail("a pgoutput message of unknown kind %q", kind)
	}
	if kind != 'R' && kind != 'Y' {
		d.root, d.leaf = nil, nil
	}
	if err := c.end(); err != nil {
		if errors.Is(err, render.ErrMalformed) {
			d.unrendered(d.current.commit)
		}
		return replicator.Change{}, false, err
	}
	return change, found, nil
}

// describe handles a Relation message.
func (d *decoder) describe(m relationMessage) {
	if d.relations[m.oid] != nil && d.resent != nil {
		d.resent()
	}
	r := d.match(m, d.current)
	d.relations[m.oid] = r
	if r != nil {
		d.root, d.leaf = r, nil
	} else {
		d.leaf = &m
	}
}

// operation returns what a message of that kind does.
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
	case r.misread != nil:
		c.b = nil
		return replicator.Change{Op: operation(kind), Table: r.table, Misread: r.misread}, true
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

// before decodes the old row in an Update or Delete: its key (K), as a tuple of all columns
// in which the others are NULL, or the whole row (O).
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
	c.uint8() // CASCADE, RESTART IDENTITY: cascaded tables are listed, and sequences are not replicated
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

// nextTruncated returns the change of the next table in a Truncate message, and false if
// none is left.
func (d *decoder) nextTruncated() (replicator.Change, bool) {
	if len(d.truncated) == 0 {
		return replicator.Change{}, false
	}
	r := d.truncated[0]
	d.truncated = d.truncated[1:]
	return replicator.Change{Op: replicator.Truncate, Table: r.table, Misread: r.misread}, true
}
