package postgres

import (
	"fmt"
	"slices"
	"strings"

	"rowshift/replicator"
	"rowshift/schema"
)

// relationMessage is pgoutput's Relation message: a table as it was when the
// changes that follow were written. It is sent again after anything that may have
// changed it, often without a difference.
type relationMessage struct {
	oid      uint32
	name     schema.Name
	identity schema.Identity
	columns  []relationColumn
}

type relationColumn struct {
	key    bool
	name   string
	oid    uint32 // of the type, a domain's own
	typmod int32  // -1 for a domain
}

func (c *cursor) relation() relationMessage {
	m := relationMessage{oid: c.uint32(), name: schema.Name{Schema: c.text(), Table: c.text()}}
	m.identity = schema.Identity(c.uint8())
	n := int(c.uint16())
	for i := 0; i < n && c.err == nil; i++ {
		m.columns = append(m.columns, relationColumn{
			key: c.uint8()&1 != 0, name: c.text(), oid: c.uint32(), typmod: int32(c.uint32()),
		})
	}
	return m
}

// relation is how the rows of a Relation message become rows of a Table.
type relation struct {
	table   *schema.Table
	columns int   // in the message
	take    []int // by index in the message: the index in Table.Columns, -1 for a column that is not replicated
	all     bool  // every column is taken, in order
	key     []int // indices in the message of Table.Key
}

// matcher knows the replicated tables by OID and matches Relation messages with
// them.
type matcher map[uint32]*schema.Table

// match returns how the relation's rows are read, nil if it is not replicated, or a
// *replicator.Halt if it has another shape than the table.
func (m matcher) match(r relationMessage) (*relation, error) {
	t := m[r.oid]
	if t == nil {
		return nil, nil
	}
	if difference := shapeDifference(r, t); difference != "" {
		return nil, &replicator.Halt{
			Reason: replicator.ShapeChanged,
			Found:  t.Name.String() + " changed its shape: " + difference,
			Means:  "changes of shape are not followed yet; the table in the warehouse stands where the change was made",
			Repair: "change the table back, or start over as the README's \"Starting over\" says",
		}
	}
	to := &relation{table: t, columns: len(r.columns), take: make([]int, len(r.columns)), all: len(r.columns) == len(t.Columns)}
	at := map[int]int{}
	for i, c := range r.columns {
		to.take[i] = slices.IndexFunc(t.Columns, func(o schema.Column) bool { return o.Name == c.name })
		at[to.take[i]] = i
		to.all = to.all && to.take[i] == i
	}
	for _, k := range t.Key {
		to.key = append(to.key, at[k])
	}
	return to, nil
}

// shapeDifference says how a relation differs from the table, empty if it does not.
func shapeDifference(r relationMessage, t *schema.Table) string {
	var lines []string
	if r.identity != t.Identity {
		lines = append(lines, fmt.Sprintf("its replica identity is %v, it was %v", r.identity, t.Identity))
	}
	sent := map[string]relationColumn{}
	for _, c := range r.columns {
		sent[c.name] = c
	}
	for i, c := range t.Columns {
		s, ok := sent[c.Name]
		switch {
		case !ok:
			lines = append(lines, fmt.Sprintf("column %q is gone", c.Name))
		case s.oid != c.Type.OID || s.typmod != typmodSent(c.Type):
			lines = append(lines, fmt.Sprintf("column %q has another type", c.Name))
		case t.Identity != schema.IdentityFull && s.key != slices.Contains(t.Key, i):
			lines = append(lines, fmt.Sprintf("column %q joined or left the key", c.Name))
		}
	}
	return strings.Join(lines, ", ")
}

// typmodSent is the typmod that a Relation message has for a type: a domain's own
// is not sent.
func typmodSent(t schema.Type) int32 {
	if t.Base != t.OID {
		return -1
	}
	return t.Typmod
}

// keyOf appends the key of a row as it was sent to key.
func (r *relation) keyOf(key, row replicator.Tuple) replicator.Tuple {
	for _, i := range r.key {
		key = key.Append(row.At(i))
	}
	return key
}

// project returns a row as it was sent as a row of the table, using the scratch
// space if columns have to be left out.
func (r *relation) project(scratch, row replicator.Tuple) (used, projected replicator.Tuple) {
	if r.all {
		return scratch, row
	}
	scratch = scratch[:0]
	for _, to := range r.take {
		var v replicator.Value
		if v, row = row.Next(); to >= 0 {
			scratch = scratch.Append(v)
		}
	}
	return scratch, scratch
}
