package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"rowshift/replicator"
	"rowshift/schema"
)

// relationsQuery reads tables by name. An index is an identity only if it is valid
// and checked at once: a deferrable primary key identifies nothing. Columns that an
// index only includes are none of its key.
// https://www.postgresql.org/docs/current/catalog-pg-index.html
const relationsQuery = `
WITH keys AS (
  SELECT indrelid, indisprimary, indisreplident, (indkey::int2[])[0:indnkeyatts - 1] AS attnums
  FROM pg_index WHERE indimmediate AND indisvalid AND (indisprimary OR indisreplident)
)
SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text, c.relpersistence::text, c.relreplident::text,
       coalesce((SELECT attnums FROM keys WHERE indrelid = c.oid AND indisprimary), '{}'),
       coalesce((SELECT attnums FROM keys WHERE indrelid = c.oid AND indisreplident), '{}')
FROM unnest($1::text[], $2::text[]) AS w(nspname, relname)
JOIN pg_namespace n ON n.nspname = w.nspname
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.relname`

// readRelations describes those of the chosen tables that are there.
func readRelations(ctx context.Context, q querier, choices []schema.Choice) (map[schema.Name]schema.Relation, error) {
	var schemas, names []string
	for _, c := range choices {
		schemas = append(schemas, c.Name.Schema)
		names = append(names, c.Name.Table)
	}
	rows, err := q.Query(ctx, relationsQuery, schemas, names)
	if err != nil {
		return nil, fmt.Errorf("postgres: read the catalogue: %w", bare(err))
	}
	found, err := pgx.CollectRows(rows, scanRelation)
	if err != nil {
		return nil, fmt.Errorf("postgres: read the catalogue: %w", bare(err))
	}
	columns, err := readAttributes(ctx, q, found)
	if err != nil {
		return nil, err
	}
	parts, err := readParts(ctx, q, found)
	if err != nil {
		return nil, err
	}
	relations := map[schema.Name]schema.Relation{}
	for _, r := range found {
		r.Attributes, r.Parts = columns[r.OID], parts[r.OID]
		relations[r.Name] = r
	}
	return relations, nil
}

func scanRelation(row pgx.CollectableRow) (r schema.Relation, err error) {
	var kind, persistence, identity string
	var index []int16
	err = row.Scan(&r.OID, &r.Name.Schema, &r.Name.Table, &kind, &persistence, &identity, &r.Primary, &index)
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

// attributesQuery reads the live columns of tables, each with its type below all
// domains: a domain's type modifier is in pg_type only. A value may lie out of line by
// what its column allows now or, written before ALTER COLUMN SET STORAGE, by what its
// type does.
// https://www.postgresql.org/docs/current/catalog-pg-attribute.html
// https://www.postgresql.org/docs/current/catalog-pg-type.html
const attributesQuery = `
WITH RECURSIVE below AS (
    SELECT a.attrelid, a.attnum, a.atttypid AS oid, a.atttypmod AS typmod
    FROM pg_attribute a WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
    SELECT b.attrelid, b.attnum, t.typbasetype, CASE WHEN b.typmod = -1 THEN t.typtypmod ELSE b.typmod END
    FROM below b JOIN pg_type t ON t.oid = b.oid AND t.typtype = 'd'
)
SELECT a.attrelid, a.attnum, a.attname::text, a.atttypid, t.oid, b.typmod, t.typname::text, t.typcategory::text,
       a.attnotnull, a.attgenerated <> '', a.attgenerated = 'v', a.attlen = -1 AND (a.attstorage <> 'p' OR t.typstorage <> 'p')
FROM pg_attribute a
JOIN below b ON b.attrelid = a.attrelid AND b.attnum = a.attnum
JOIN pg_type t ON t.oid = b.oid AND t.typtype <> 'd'
ORDER BY a.attrelid, a.attnum`

// readAttributes returns the columns of tables by the tables' OIDs.
func readAttributes(ctx context.Context, q querier, relations []schema.Relation) (map[uint32][]schema.Attribute, error) {
	oids := make([]uint32, len(relations))
	for i, r := range relations {
		oids[i] = r.OID
	}
	rows, err := q.Query(ctx, attributesQuery, oids)
	if err != nil {
		return nil, fmt.Errorf("postgres: read the catalogue's columns: %w", bare(err))
	}
	columns := map[uint32][]schema.Attribute{}
	var oid uint32
	var a schema.Attribute
	var category string
	_, err = pgx.ForEachRow(rows, []any{
		&oid, &a.Attnum, &a.Name, &a.Type.OID, &a.Type.Base, &a.Type.Typmod, &a.Type.Name, &category, &a.NotNull, &a.Generated, &a.Virtual, &a.Toastable,
	}, func() error {
		a.Type.Category = category[0]
		columns[oid] = append(columns[oid], a)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("postgres: read the catalogue's columns: %w", bare(err))
	}
	return columns, nil
}

// relations describes those of the chosen tables that are there, and how the server
// reads the conditions on their rows.
func (o *Origin) relations(ctx context.Context, q querier) (map[schema.Name]schema.Relation, error) {
	relations, err := readRelations(ctx, q, o.options.Choices)
	if err != nil {
		return nil, err
	}
	return relations, o.readFilters(ctx, q, relations)
}

// tables makes the chosen tables of the catalogue as it is, by OID. The error is a
// *replicator.Halt that tells all that is wrong with any of them.
func (o *Origin) tables(ctx context.Context, q querier, s server) ([]*schema.Table, error) {
	relations, err := o.relations(ctx, q)
	if err != nil {
		return nil, err
	}
	tables, faults := resolve(relations, o.options.Choices, s.major())
	if faults != nil {
		return nil, unfitTables(faults)
	}
	slices.SortFunc(tables, func(a, b *schema.Table) int { return int(int64(a.OID) - int64(b.OID)) })
	return tables, nil
}

// resolve makes the tables that the choices want, in their order. The error joins one
// *schema.Fault for each thing that is wrong; tables without a fault come beside it.
func resolve(relations map[schema.Name]schema.Relation, choices []schema.Choice, major int) (tables []*schema.Table, err error) {
	var faults []error
	for _, c := range choices {
		r, found := relations[c.Name]
		if !found {
			faults = append(faults, &schema.Fault{
				Table:  c.Name,
				Found:  "there is no such table in the source",
				Repair: fmt.Sprintf("correct tables.%v in the config, upper and lower case included", c.Name),
			})
			continue
		}
		t, err := c.Resolve(r, major)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		tables = append(tables, t)
	}
	faults = append(faults, twice(tables)...)
	return tables, errors.Join(append(faults, schema.Together(tables))...)
}

// unfitTables is the Halt for faults of tables.
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

// again resolves tables once more, as they are under a lock. The error says so if one
// of them is not what it was when the stream was opened, which then has to be opened
// again.
func (o *Origin) again(ctx context.Context, conn *pgx.Conn, before []*schema.Table) ([]*schema.Table, error) {
	s, err := serverOf(ctx, conn)
	if err != nil {
		return nil, err
	}
	now, err := o.tables(ctx, conn, s)
	if err != nil {
		return nil, err
	}
	after := make([]*schema.Table, len(before))
	for i, t := range before {
		at := slices.IndexFunc(now, func(n *schema.Table) bool { return n.OID == t.OID })
		if at < 0 || !alike(t, now[at]) {
			return nil, fmt.Errorf("postgres: %v was altered or made anew while its load began", t.Name)
		}
		after[i] = t
	}
	return after, nil
}

// alike tells whether rows of one table read as rows of the other.
func alike(a, b *schema.Table) bool {
	return a.Name == b.Name && slices.Equal(a.Key, b.Key) && slices.Equal(a.Shape(), b.Shape())
}

// Tables returns the chosen tables as the source has them now, by OID. The error is
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
	return o.tables(ctx, conn, s)
}
