package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"rowshift/replicator"
	"rowshift/replicator/postgres/render"
	"rowshift/schema"
)

// relationMessage is pgoutput's Relation message: it describes a table as it was when the
// changes that follow were written. The server sends it again after anything that may have
// changed the table, often without a difference.
type relationMessage struct {
	oid      uint32
	name     schema.Name
	identity schema.Identity
	columns  []relationColumn
}

type relationColumn struct {
	key    bool
	name   string
	oid    uint32 // of the declared type: a domain's own
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

// relation says how the rows that a Relation message describes become rows of a Table.
type relation struct {
	table   *schema.Table
	columns int    // in the message
	take    []bool // by index in the message: whether the column is one of the table's

	// nulls is, by index in the message and for its end, how many columns of the table come
	// before that were added later.
	nulls []int
	all   bool  // the message has the table's columns and no others
	key   []int // indices in the message of Table.Key

	forms []render.Form // by index in the message, for the columns that are taken; nil: values come as text

	misread error // why its rows cannot be read as the table's
}

// matcher knows the replicated tables by OID and matches Relation messages with
// them.
type matcher struct {
	tables map[uint32]chosen

	// looked records an unknown partition, and reports whether the catalogue has been read
	// since it was first named.
	looked func(partition, root uint32) bool

	unrendered func(replicator.LSN) // called for a transaction that cannot be read in binary
}

// chosen is a table with the choice that it was made from.
type chosen struct {
	table  *schema.Table
	choice schema.Choice
	past   *replicator.Past // how the log may still describe it; nil: only as it is now
	made   []string         // its generated columns, chosen or not, if the stream may have them
	major  int              // the server's version, if values come in binary; 0: they come as text
}

// match returns how the relation's rows are read in that transaction; nil if the relation is
// not replicated. A message that agrees with the catalogue
// changes nothing, whatever the table's name is. One that differs may be from before an
// alteration that the catalogue has. In any other case the rows are misread, by an Altered:
// they may be rows that nobody needs, since the table is loaded as it is now.
func (m *matcher) match(r relationMessage, in written) *relation {
	known, ok := m.tables[r.oid]
	if !ok {
		return nil
	}
	to := known.match(r, in)
	if errors.Is(to.misread, errUnrendered) {
		m.unrendered(in.commit)
	}
	return to
}

// partition checks the partition that a row of root belongs to: it was described after the
// root and before the row. If it is not known, it is newer than the catalogue that was
// read, or it is gone by now, of which the log says nothing. The root's rows are then misread
// and the catalogue has to be read again, unless that has been done since the partition was
// first named.
func (m *matcher) partition(r relationMessage, root *relation) {
	if root == nil || !root.table.Partitioned || root.misread != nil {
		return
	}
	known := slices.ContainsFunc(root.table.Parts, func(p schema.Part) bool { return p.OID == r.oid })
	if !known && !m.looked(r.oid, root.table.OID) {
		root.misread = &replicator.Altered{Found: fmt.Sprintf("%v is a partition of %v that is not known", r.name, root.table.Name), Cause: errPartitions}
	}
}

// match is matcher.match for a table that is replicated.
func (known chosen) match(r relationMessage, in written) *relation {
	differences := known.differences(r)
	places := known.places(r)
	if len(differences) > 0 {
		if known.past == nil || !known.past.Tells(in.commit, in.xid) || !known.earlier(r, &places) {
			return &relation{table: known.table, misread: &replicator.Altered{OID: r.oid, Found: fmt.Sprintf(
				"%v has another shape in the stream than in the catalogue that was read: %s", known.table.Name, strings.Join(differences, ", "))}}
		}
	}
	return known.read(r, places)
}

// places returns, for each column of the message, the index of the table's column of that
// name; -1 if there is none.
func (known chosen) places(r relationMessage) []int {
	places := make([]int, len(r.columns))
	for i, c := range r.columns {
		places[i] = columnOf(known.table, c.name)
	}
	return places
}

// read returns how to read rows whose columns have those places in the table.
func (known chosen) read(r relationMessage, places []int) *relation {
	t := known.table
	to := &relation{table: t, columns: len(r.columns), take: make([]bool, len(r.columns)), nulls: make([]int, len(r.columns)+1)}
	to.all = len(r.columns) == len(t.Columns)
	at := make([]int, len(t.Columns))
	next := 0
	for i, column := range places {
		if column < 0 {
			to.all = false
			continue
		}
		to.take[i], at[column] = true, i
		to.nulls[i] = column - next
		next = column + 1
	}
	to.nulls[len(places)] = len(t.Columns) - next
	for _, k := range t.Key {
		to.key = append(to.key, at[k])
	}
	if known.major > 0 {
		to.render(known, r, places)
	}
	return to
}

// earlier reports whether the message describes the table as it was in the past, or at some
// time between then and the catalogue. Each of its columns must have a name and a type that
// it had or has, in the order of attnums. A column that it lacks must have been added
// since, after all those that it has. If the last that it has is gone, the one that was added may
// be what it names, and the message is not taken for an earlier one. earlier corrects the places
// of columns that were renamed.
func (known chosen) earlier(r relationMessage, places *[]int) bool {
	t := known.table
	var last int16
	var gone []relationColumn // dropped since, behind the last that was not
	seen := map[int16]bool{}
	for i, c := range r.columns {
		was := slices.IndexFunc(known.past.Shape, func(s schema.Shape) bool { return s.Name == c.name })
		is := (*places)[i]
		var attnum int16
		switch {
		case was < 0 && is < 0:
			if known.wants(c.name) {
				return false
			}
			continue
		case was >= 0:
			attnum = known.past.Shape[was].Attnum
			if is >= 0 && t.Columns[is].Attnum != attnum {
				return false // another column had its name
			}
			if is = slices.IndexFunc(t.Columns, func(c schema.Column) bool { return c.Attnum == attnum }); is < 0 {
				gone = append(gone, c)
			}
		default:
			attnum = t.Columns[is].Attnum
		}
		if attnum <= last || is >= 0 && !known.typed(c, is, attnum, r.identity) {
			return false
		}
		if is >= 0 {
			gone = nil
		}
		last, seen[attnum], (*places)[i] = attnum, true, is
	}
	for _, c := range t.Columns {
		older := c.Attnum < last || slices.ContainsFunc(known.past.Shape, func(s schema.Shape) bool { return s.Attnum == c.Attnum })
		if older && !seen[c.Attnum] {
			// It existed under a name that nobody knows, so any other column may be it.
			return false
		}
		if !seen[c.Attnum] && slices.ContainsFunc(gone, func(g relationColumn) bool { return g.maybe(c.Type.OID) }) {
			return false
		}
	}
	return true
}

// maybe reports whether the column, which has the name of one that was dropped, may rather be one
// that was added in its place and then was renamed, and has the type with OID is. It must have come
// to have that type without the table being written anew: by no change but of its length, from one
// text type to another, or to a domain or from one.
// https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES
func (c relationColumn) maybe(is uint32) bool {
	texts := []uint32{pgtype.TextOID, pgtype.VarcharOID}
	return c.oid == is || c.oid >= firstOwn || is >= firstOwn || slices.Contains(texts, c.oid) && slices.Contains(texts, is)
}

// firstOwn is the least OID of a type that came after initdb, as a domain's.
// https://www.postgresql.org/docs/current/system-catalog-initial-data.html#SYSTEM-CATALOG-OID-ASSIGNMENT
const firstOwn = 16384

// typed reports whether a column of a message has the type that column i of the table has
// or had, and is in the key if and only if that one is.
func (known chosen) typed(c relationColumn, i int, attnum int16, identity schema.Identity) bool {
	if len(difference(known.table, i, c, identity)) == 0 {
		return true
	}
	of := slices.IndexFunc(known.past.Shape, func(s schema.Shape) bool { return s.Attnum == attnum })
	if of < 0 {
		return false
	}
	was := known.past.Shape[of]
	return c.oid == was.Type && c.typmod == was.Typmod &&
		(identity == schema.IdentityFull || c.key == slices.Contains(known.table.Key, i))
}

// columnOf returns the index of the column of that name, -1 if there is none.
func columnOf(t *schema.Table, name string) int {
	return slices.IndexFunc(t.Columns, func(c schema.Column) bool { return c.Name == name })
}

// differences describes how a relation differs from the table. It is empty if rows of the
// one are rows of the other: the same columns by name, type, modifier and order, and the
// same key. Columns that are not chosen are no difference. Nor is it one if more of the old
// row is sent than the key.
func (known chosen) differences(r relationMessage) (found []string) {
	t := known.table
	last := -1
	seen := make([]bool, len(t.Columns))
	for _, c := range r.columns {
		i := columnOf(t, c.name)
		switch {
		case i < 0 && known.wants(c.name):
			found = append(found, fmt.Sprintf("column %q is new", c.name))
		case i < 0 && c.key && r.identity != schema.IdentityFull:
			found = append(found, fmt.Sprintf("column %q joined the key", c.name))
		case i < 0:
		case seen[i]:
			found = append(found, fmt.Sprintf("column %q comes twice", c.name))
		case i < last:
			found = append(found, fmt.Sprintf("column %q stands elsewhere", c.name))
		default:
			last = i
			found = append(found, difference(t, i, c, r.identity)...)
		}
		if i >= 0 {
			seen[i] = true
		}
	}
	for i, c := range t.Columns {
		if !seen[i] {
			found = append(found, fmt.Sprintf("column %q is missing", c.Name))
		}
	}
	return found
}

// difference describes how a column of a relation differs from column i of t.
func difference(t *schema.Table, i int, c relationColumn, identity schema.Identity) (found []string) {
	want := t.Columns[i].Type
	if c.oid != want.OID {
		found = append(found, fmt.Sprintf("column %q has the type with OID %d, which was %d", c.name, c.oid, want.OID))
	} else if c.typmod != typmodSent(want) {
		found = append(found, fmt.Sprintf("column %q has type modifier %d, which was %d", c.name, c.typmod, typmodSent(want)))
	}
	if identity != schema.IdentityFull && c.key != slices.Contains(t.Key, i) {
		found = append(found, fmt.Sprintf("column %q joined or left the key", c.name))
	}
	return found
}

// wants reports whether a column that was not there before would have been chosen. A
// generated column is chosen only by its name, whatever the publication sends.
func (known chosen) wants(name string) bool {
	c := known.choice
	if slices.Contains(known.made, name) {
		return false
	}
	return c.All || c.Exclude != nil && !slices.Contains(c.Exclude, name)
}

// generated returns the names of the generated columns that the stream may have, by the
// OIDs of their tables.
func generated(ctx context.Context, q querier, s server, tables []*schema.Table) (map[uint32][]string, error) {
	made := map[uint32][]string{}
	if s.major() < schema.GeneratedMajor || len(tables) == 0 {
		return made, nil
	}
	var oids []uint32
	for _, t := range tables {
		oids = append(oids, t.OID)
	}
	rows, err := q.Query(ctx, `SELECT attrelid, attname::text FROM pg_attribute WHERE attrelid = ANY ($1::oid[]) AND attnum > 0 AND attgenerated <> ''`, oids)
	if err != nil {
		return nil, fmt.Errorf("postgres: read the generated columns: %w", err)
	}
	var oid uint32
	var name string
	_, err = pgx.ForEachRow(rows, []any{&oid, &name}, func() error {
		made[oid] = append(made[oid], name)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("postgres: read the generated columns: %w", err)
	}
	return made, nil
}

// typmodSent returns the type modifier that a Relation message has for a type: a domain's
// own is not sent.
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

// project turns a row as it was sent into a row of the table. It uses the scratch space if
// columns have to be left out or put in. A nil row stays nil.
func (r *relation) project(scratch, row replicator.Tuple) (used, projected replicator.Tuple) {
	if r.all || row == nil {
		return scratch, row
	}
	scratch = scratch[:0]
	for i, take := range r.take {
		scratch = r.fill(scratch, i)
		start := row
		_, row = row.Next()
		if take {
			scratch = append(scratch, start[:len(start)-len(row)]...)
		}
	}
	scratch = r.fill(scratch, len(r.take))
	return scratch, scratch
}

// fill appends NULL for the columns that the message lacks before its column i.
func (r *relation) fill(scratch replicator.Tuple, i int) replicator.Tuple {
	for range r.nulls[i] {
		scratch = scratch.Append(replicator.Value{Kind: replicator.Null})
	}
	return scratch
}
