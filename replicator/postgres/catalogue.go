package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"rowshift/replicator"
	"rowshift/schema"
)

// relationsQuery reads tables by name or OID. An index counts as a key only if it is valid
// and checked immediately: a deferrable primary key identifies nothing. Columns that an
// index only includes are not part of its key. With NOT MATERIALIZED the server looks up
// each table's keys by an index; a list of all keys, made first, would be scanned once for
// each of thousands of tables.
// https://www.postgresql.org/docs/current/catalog-pg-index.html
const relationsQuery = `
WITH keys AS NOT MATERIALIZED (
  SELECT indrelid, indisprimary, indisreplident, (indkey::int2[])[0:indnkeyatts - 1] AS attnums
  FROM pg_index WHERE indimmediate AND indisvalid AND (indisprimary OR indisreplident)
)
SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text, c.relpersistence::text, c.relreplident::text,
       coalesce((SELECT attnums FROM keys WHERE indrelid = c.oid AND indisprimary), '{}'),
       coalesce((SELECT attnums FROM keys WHERE indrelid = c.oid AND indisreplident), '{}'),
       c.relfilenode, c.relnatts, (SELECT array_agg(attnum ORDER BY attnum) FROM pg_attribute WHERE attrelid = c.oid AND attisdropped)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = ANY ($3::oid[]) OR (n.nspname, c.relname) IN (SELECT * FROM unnest($1::text[], $2::text[]))`

// relations are tables of the source. There may be thousands, so they are found by maps.
type relations struct {
	all    []schema.Relation
	byName map[schema.Name]int
	byOID  map[uint32]int
	seen   *replicator.Visibility // what the catalogue saw; nil: they were not read as of one moment
}

func newRelations(all []schema.Relation) relations {
	rs := relations{all: all, byName: make(map[schema.Name]int, len(all)), byOID: make(map[uint32]int, len(all))}
	for i, r := range all {
		rs.byName[r.Name], rs.byOID[r.OID] = i, i
	}
	return rs
}

// of returns the table for a choice, nil if there is none: the table that has the choice's
// name or, if no table has it, the one that had it when the warehouse last knew it.
func (rs relations) of(c schema.Choice, known map[schema.Name]replicator.TableState) *schema.Relation {
	at, there := rs.byName[c.Name]
	if k, ok := known[c.Name]; ok && !there {
		at, there = rs.byOID[k.OID]
	}
	if !there {
		return nil
	}
	return &rs.all[at]
}

// byOID maps tables by their OIDs.
func byOID(tables []*schema.Table) map[uint32]*schema.Table {
	m := make(map[uint32]*schema.Table, len(tables))
	for _, t := range tables {
		m[t.OID] = t
	}
	return m
}

// readRelations describes those of the chosen tables that exist. Tables that are known are
// found under whatever name they have now. Everything is read as of one moment, because a
// table's file and columns are remembered together: they tell which columns the rows were
// written with.
func readRelations(ctx context.Context, q querier, choices []schema.Choice, known map[schema.Name]replicator.TableState) (found relations, err error) {
	if !idle(q) { // the locks of its transaction keep the tables as they are
		return readRelationsIn(ctx, q, choices, known)
	}
	err = pgx.BeginTxFunc(ctx, q.(*session), pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) (err error) {
		if found, err = readRelationsIn(ctx, tx, choices, known); err != nil {
			return err
		}
		found.seen, err = readVisibility(ctx, tx)
		return err
	})
	return found, err
}

// readRelationsIn does the work of readRelations by several queries, in the session's
// transaction.
func readRelationsIn(ctx context.Context, q querier, choices []schema.Choice, known map[schema.Name]replicator.TableState) (rs relations, err error) {
	var schemas, names []string
	for _, c := range choices {
		schemas = append(schemas, c.Name.Schema)
		names = append(names, c.Name.Table)
	}
	oids := []uint32{}
	for _, k := range known {
		oids = append(oids, k.OID)
	}
	rows, err := q.Query(ctx, relationsQuery, schemas, names, oids)
	if err != nil {
		return rs, fmt.Errorf("postgres: read the catalogue: %w", err)
	}
	found, err := pgx.CollectRows(rows, scanRelation)
	if err != nil {
		return rs, fmt.Errorf("postgres: read the catalogue: %w", err)
	}
	columns, err := readAttributes(ctx, q, found)
	if err != nil {
		return rs, err
	}
	if err := readContents(ctx, q, columns); err != nil {
		return rs, err
	}
	parts, err := readParts(ctx, q, found)
	if err != nil {
		return rs, err
	}
	run := ""
	if slices.ContainsFunc(found, func(r schema.Relation) bool { return r.Kind == 'p' }) {
		if run, err = readRun(ctx, q); err != nil {
			return rs, err
		}
	}
	for i := range found {
		found[i].Attributes, found[i].Parts = columns[found[i].OID], parts[found[i].OID]
		if found[i].Kind == 'p' {
			found[i].Run = run
		}
	}
	return newRelations(found), nil
}

func scanRelation(row pgx.CollectableRow) (r schema.Relation, err error) {
	var kind, persistence, identity string
	var index []int16
	err = row.Scan(&r.OID, &r.Name.Schema, &r.Name.Table, &kind, &persistence, &identity, &r.Primary, &index,
		&r.Heap.File, &r.Heap.Last, &r.Heap.Dropped)
	if err != nil {
		return r, err
	}
	r.Kind, r.Persistence, r.Identity = kind[0], persistence[0], schema.Identity(identity[0])
	r.Replica = r.Primary
	if r.Identity == schema.IdentityIndex {
		r.Replica = index
	}
	return r, nil
}

// attributesQuery reads the live columns of tables, each with the type below all its
// domains: a domain's type modifier is only in pg_type. A value may be stored out of line
// if its column's storage allows that now or, for a value from before ALTER COLUMN SET
// STORAGE, if its type's does. A partitioned table has no rows itself. The value that older
// rows have in a column that was added later is therefore recorded only with its
// partitions, where the column is found by its name. The partitions are looked up as in
// partsQuery, without a lock. From 18 on a column is marked NOT NULL as soon as it has such a
// constraint, though older rows may have NULL in it until the constraint is validated.
// https://www.postgresql.org/docs/current/catalog-pg-attribute.html
// https://www.postgresql.org/docs/current/catalog-pg-constraint.html
// https://www.postgresql.org/docs/current/catalog-pg-type.html
const attributesQuery = `
WITH RECURSIVE below AS (
    SELECT a.attrelid, a.attnum, a.atttypid AS oid, a.atttypmod AS typmod
    FROM pg_attribute a WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
    SELECT b.attrelid, b.attnum, t.typbasetype, CASE WHEN b.typmod = -1 THEN t.typtypmod ELSE b.typmod END
    FROM below b JOIN pg_type t ON t.oid = b.oid AND t.typtype = 'd'
), tree AS (
    SELECT c.oid AS root, c.oid AS relid FROM pg_class c WHERE c.oid = ANY ($1::oid[]) AND c.relkind = 'p'
  UNION ALL
    SELECT t.root, i.inhrelid FROM tree t JOIN pg_inherits i ON i.inhparent = t.relid AND NOT i.inhdetachpending
), filled AS (
    SELECT DISTINCT t.root, a.attname FROM tree t JOIN pg_attribute a ON a.attrelid = t.relid AND a.attnum > 0 AND a.atthasmissing
)
SELECT a.attrelid, a.attnum, a.attname::text, a.atttypid, t.oid, b.typmod, t.typname::text, t.typcategory::text,
       a.xmin::text::bigint, a.atthasmissing OR f.root IS NOT NULL,
       a.attnotnull AND n.oid IS NULL, a.attgenerated <> '', a.attgenerated = 'v', a.attlen = -1 AND (a.attstorage <> 'p' OR t.typstorage <> 'p')
FROM pg_attribute a
JOIN below b ON b.attrelid = a.attrelid AND b.attnum = a.attnum
JOIN pg_type t ON t.oid = b.oid AND t.typtype <> 'd'
LEFT JOIN filled f ON f.root = a.attrelid AND f.attname = a.attname
LEFT JOIN pg_constraint n ON n.conrelid = a.attrelid AND n.contype = 'n' AND NOT n.convalidated AND n.conkey[1] = a.attnum
ORDER BY a.attrelid, a.attnum`

// readAttributes returns the columns of tables, by the OIDs of the tables.
func readAttributes(ctx context.Context, q querier, relations []schema.Relation) (map[uint32][]schema.Attribute, error) {
	oids := make([]uint32, len(relations))
	for i, r := range relations {
		oids[i] = r.OID
	}
	rows, err := q.Query(ctx, attributesQuery, oids)
	if err != nil {
		return nil, fmt.Errorf("postgres: read the catalogue's columns: %w", err)
	}
	columns := map[uint32][]schema.Attribute{}
	var oid uint32
	var a schema.Attribute
	var category string
	var xmin int64
	_, err = pgx.ForEachRow(rows, []any{
		&oid, &a.Attnum, &a.Name, &a.Type.OID, &a.Type.Base, &a.Type.Typmod, &a.Type.Name, &category, &xmin, &a.Missing, &a.NotNull, &a.Generated, &a.Virtual, &a.Toastable,
	}, func() error {
		a.Type.Category, a.XMin = category[0], uint32(xmin)
		columns[oid] = append(columns[oid], a)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("postgres: read the catalogue's columns: %w", err)
	}
	return columns, nil
}

// relations describes those of the chosen tables that exist, and how the server reads the
// conditions on their rows.
func (o *Origin) relations(ctx context.Context, q querier) (relations, error) {
	relations, err := readRelations(ctx, q, o.options.Choices, o.known)
	if err != nil {
		return relations, err
	}
	return relations, o.readFilters(ctx, q, relations)
}

// tables returns the chosen tables as the catalogue has them now, sorted by OID. The error
// is a *replicator.Halt that names everything that is wrong with any of them.
func (o *Origin) tables(ctx context.Context, q querier, s server) ([]*schema.Table, error) {
	tables, faults, err := o.fit(ctx, q, s)
	if err == nil && faults != nil {
		err = unfitTables(faults)
	}
	return tables, err
}

// fit returns those of the chosen tables that can be replicated, sorted by OID, and what is
// wrong with the others.
func (o *Origin) fit(ctx context.Context, q querier, s server) (tables []*schema.Table, faults, err error) {
	relations, err := o.relations(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	tables, faults = o.fitOf(relations, s)
	return tables, faults, nil
}

// fitOf returns those of the chosen tables that can be replicated by what was read of them,
// sorted by OID, and what is wrong with the others.
func (o *Origin) fitOf(relations relations, s server) (tables []*schema.Table, faults error) {
	tables, faults = resolve(relations, o.options.Choices, o.known, s.major())
	slices.SortFunc(tables, func(a, b *schema.Table) int { return cmp.Compare(a.OID, b.OID) })
	return tables, faults
}

// resolve makes the tables that the choices ask for, in the order of the choices. It
// returns the tables without a fault. The error joins one *schema.Fault for each thing that
// is wrong with the others.
func resolve(relations relations, choices []schema.Choice, known map[schema.Name]replicator.TableState, major int) (tables []*schema.Table, err error) {
	var faults []error
	taken := map[uint32]schema.Name{}
	for _, c := range choices {
		r := relations.of(c, known)
		if r == nil {
			faults = append(faults, missingTable(c.Name, known))
			continue
		}
		if other, twice := taken[r.OID]; twice {
			faults = append(faults, &schema.Fault{
				Table: c.Name, Found: fmt.Sprintf("goes by the name of %v now, which the config names too", other),
				Repair: fmt.Sprintf("take one of them out of the config: tables.%v", c.Name),
			})
			continue
		}
		taken[r.OID] = c.Name
		if was, ok := known[c.Name]; ok && was.OID == r.OID { // else it remembers the columns of another table
			c = c.Follow(was.Shape, *r)
		}
		t, err := c.Resolve(*r, major)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		tables = append(tables, t)
	}
	beside := errors.Join(append(chosenTwice(tables), schema.Together(tables))...)
	for _, f := range schema.Faults(beside) {
		tables = slices.DeleteFunc(tables, func(t *schema.Table) bool { return t.Configured == f.Table })
	}
	return tables, errors.Join(append(faults, beside)...)
}

// missingTable returns the fault of a chosen table that does not exist.
func missingTable(n schema.Name, known map[schema.Name]replicator.TableState) *schema.Fault {
	f := &schema.Fault{
		Table:  n,
		Found:  "there is no such table in the source",
		Repair: fmt.Sprintf("correct tables.%v in the config, upper and lower case included", n),
	}
	if _, ok := known[n]; ok {
		f.Found = "the table was dropped from the source"
		f.Repair = fmt.Sprintf("make it again, or take tables.%v out of the config; its target stays as it is", n)
	}
	return f
}

// unfits returns the tables that have faults, one entry for each name, with a Halt that
// names all of the table's faults.
func (o *Origin) unfits(faults error) (unfit []replicator.Unfit) {
	var names []schema.Name
	byName := map[schema.Name][]error{}
	for _, f := range schema.Faults(faults) {
		if byName[f.Table] == nil {
			names = append(names, f.Table)
		}
		byName[f.Table] = append(byName[f.Table], f)
	}
	for _, n := range names {
		unfit = append(unfit, replicator.Unfit{OID: o.known[n].OID, Name: n, Why: unfitTables(errors.Join(byName[n]...))})
	}
	return unfit
}

// unfitTables returns the Halt for faults of tables.
func unfitTables(err error) *replicator.Halt {
	var found, repairs []string
	for _, f := range schema.Faults(err) {
		found = append(found, f.Table.String()+": "+f.Found)
		repairs = append(repairs, f.Table.String()+": "+f.Repair)
	}
	return &replicator.Halt{
		Reason: replicator.TableUnfit,
		Found:  strings.Join(found, "; "),
		Means:  "such a table cannot be replicated",
		Repair: strings.Join(repairs, "; "),
		Cause:  err,
	}
}

// resolveAgain resolves tables once more, as they are under a lock. If one of them is not
// what it was when the stream was opened, it returns a *replicator.Altered: the stream has
// to be opened again.
func (o *Origin) resolveAgain(ctx context.Context, conn *session, before []*schema.Table) ([]*schema.Table, error) {
	s, err := serverOf(ctx, conn)
	if err != nil {
		return nil, err
	}
	now, _, err := o.fit(ctx, conn, s)
	if err != nil {
		return nil, err
	}
	after := make([]*schema.Table, len(before))
	is := byOID(now)
	for i, t := range before {
		after[i] = is[t.OID]
		if after[i] == nil || !alike(t, after[i]) {
			return nil, &replicator.Altered{Found: fmt.Sprintf("%v was altered or made anew while its load began", t.Name)}
		}
	}
	return after, nil
}

// alike reports whether rows of one table read as rows of the other, the same statement
// reads both, and both have the same partitions. A snapshot of other partitions than the
// stream was opened with could have rows of one that is detached again before the watcher
// looks.
func alike(a, b *schema.Table) bool {
	return a.Name == b.Name && schema.Compare(a.Shape(), a.Heap, b).Empty() && alikeParts(a.Parts, b.Parts)
}

// Tables returns the chosen tables as the source has them now, sorted by OID. The error is
// a *replicator.Halt if one of them cannot be replicated.
func (o *Origin) Tables(ctx context.Context) ([]*schema.Table, error) {
	conn, err := o.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer shut(conn)
	s, err := serverOf(ctx, conn)
	if err != nil {
		return nil, err
	}
	if _, err := o.recognise(ctx, s); err != nil {
		return nil, err
	}
	return o.tables(ctx, conn, s)
}
