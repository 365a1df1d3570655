package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"rowshift/replicator"
	"rowshift/replicator/postgres/render"
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
	columns int    // in the message
	take    []bool // by index in the message: whether the column is one of the table's
	nulls   []int  // by index in the message, and behind its last: how many columns of the table, which were added later, come before
	all     bool   // the message has the table's columns and no others
	key     []int  // indices in the message of Table.Key

	forms []render.Form // by index in the message, of the columns that are taken; nil: values come as text

	unfit error // why its rows cannot be read as the table's
}

// matcher knows the replicated tables by OID and matches Relation messages with
// them.
type matcher struct {
	tables map[uint32]chosen

	looked func(partition, root uint32) bool // tells whether a partition that is not known has been looked into

	astray func(replicator.LSN) // told of a transaction that cannot be read in binary
}

// chosen is a table with the choice that it was made of.
type chosen struct {
	table  *schema.Table
	choice schema.Choice
	past   *replicator.Past // how the log may still tell of it; nil: as it is
	made   []string         // its generated columns, whether chosen or not, where the stream may have them
	major  int              // the server's version, if values come in binary; 0: they come as text
}

// match returns how the relation's rows are read, of a transaction whose commit is at
// that position; nil if it is not replicated. A message that is equal to what is known
// changes nothing, whatever the table's name is. One that differs may be of before an
// alteration that the catalogue has. Rows of any other are unfit, by an Altered: they may
// be rows that nobody needs, since the table is loaded as it is now.
func (m *matcher) match(r relationMessage, at replicator.LSN) *relation {
	known, ok := m.tables[r.oid]
	if !ok {
		return nil
	}
	to := known.match(r, at)
	if errors.Is(to.unfit, errUnrendered) {
		m.astray(at)
	}
	return to
}

// partition takes what was described behind a root, before a row of the root. If that is
// none of its partitions that are known, the row is of one that is newer than the catalogue
// that was read, or is gone by now, without a word: the catalogue has to be read again.
func (m *matcher) partition(r relationMessage, root *relation) {
	if root == nil || !root.table.Partitioned || root.unfit != nil {
		return
	}
	known := slices.ContainsFunc(root.table.Parts, func(p schema.Part) bool { return p.OID == r.oid })
	if !known && !m.looked(r.oid, root.table.OID) {
		root.unfit = &replicator.Altered{Found: fmt.Sprintf("%v is a partition of %v that is not known", r.name, root.table.Name), Cause: errPartitions}
	}
}

// match is of a table that is replicated.
func (known chosen) match(r relationMessage, at replicator.LSN) *relation {
	differences := known.differences(r)
	places := known.places(r)
	if len(differences) > 0 {
		if known.past == nil || at >= known.past.Until || !known.earlier(r, &places) {
			return &relation{table: known.table, unfit: &replicator.Altered{OID: r.oid, Found: fmt.Sprintf(
				"%v has another shape in the stream than in the catalogue that was read: %s", known.table.Name, strings.Join(differences, ", "))}}
		}
	}
	return known.read(r, places)
}

// places returns, by index in the message, the index in the table of the column of that
// name; -1 if there is none.
func (known chosen) places(r relationMessage) []int {
	places := make([]int, len(r.columns))
	for i, c := range r.columns {
		places[i] = columnOf(known.table, c.name)
	}
	return places
}

// read returns how rows are read whose columns have those places in the table.
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

// earlier tells whether the message is of the table as it was or came to be, between the
// past and the catalogue: each of its columns has the name that it had or has, in the
// order of attnums, and a type that it had or has; and what it lacks was added since,
// behind all that it has. It corrects the places of columns that were renamed.
func (known chosen) earlier(r relationMessage, places *[]int) bool {
	t := known.table
	var last int16
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
			is = slices.IndexFunc(t.Columns, func(c schema.Column) bool { return c.Attnum == attnum })
		default:
			attnum = t.Columns[is].Attnum
		}
		if attnum <= last || is >= 0 && !known.typed(c, is, attnum, r.identity) {
			return false
		}
		last, seen[attnum], (*places)[i] = attnum, true, is
	}
	for _, c := range t.Columns {
		older := c.Attnum < last || slices.ContainsFunc(known.past.Shape, func(s schema.Shape) bool { return s.Attnum == c.Attnum })
		if older && !seen[c.Attnum] {
			return false // it was there under a name that it has no more: who knows which of the others it is
		}
	}
	return true
}

// typed tells whether a column of a message has the type that column i of the table has
// or had, and is of the key if that is.
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

// columnOf returns the index of the column of that name; -1 if there is none.
func columnOf(t *schema.Table, name string) int {
	return slices.IndexFunc(t.Columns, func(c schema.Column) bool { return c.Name == name })
}

// differences says how a relation differs from the table, nothing if rows of the one
// are rows of the other: the same columns by name, type, modifier and order, and the
// same key. Columns that are not chosen are no difference, nor is it one that more is
// sent of the old row than the key.
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

// difference says how a column of a relation differs from column i of t.
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

// wants tells whether a column that was not there before would have been chosen. One that
// is generated is only by its name, whatever the publication sends.
func (known chosen) wants(name string) bool {
	c := known.choice
	if slices.Contains(known.made, name) {
		return false
	}
	return c.All || c.Exclude != nil && !slices.Contains(c.Exclude, name)
}

// generatedMajor is the first version whose publications can send generated columns.
// https://www.postgresql.org/docs/18/logical-replication-gencols.html
const generatedMajor = 18

// generated returns the names of generated columns that the stream may have, by the OIDs of
// their tables.
func generated(ctx context.Context, q querier, s server, tables []*schema.Table) (map[uint32][]string, error) {
	made := map[uint32][]string{}
	if s.major() < generatedMajor || len(tables) == 0 {
		return made, nil
	}
	var oids []uint32
	for _, t := range tables {
		oids = append(oids, t.OID)
	}
	rows, err := q.Query(ctx, `SELECT attrelid, attname::text FROM pg_attribute WHERE attrelid = ANY ($1::oid[]) AND attnum > 0 AND attgenerated <> ''`, oids)
	if err != nil {
		return nil, fmt.Errorf("postgres: read the generated columns: %w", bare(err))
	}
	var oid uint32
	var name string
	_, err = pgx.ForEachRow(rows, []any{&oid, &name}, func() error {
		made[oid] = append(made[oid], name)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("postgres: read the generated columns: %w", bare(err))
	}
	return made, nil
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
// space if columns have to be left out or put in. A nil row stays one.
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
