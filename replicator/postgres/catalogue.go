package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"rowshift/replicator"
	"rowshift/schema"

	"github.com/jackc/pgx/v5"
)

// server is what is known of a server once a session is open.
type server struct {
	version  int // server_version_num
	recovery bool
	database string
}

// major is the major version: 15.
func (s server) major() int { return s.version / 10000 }

func serverOf(ctx context.Context, conn *pgx.Conn) (s server, err error) {
	err = conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, pg_is_in_recovery(), current_database()::text`).
		Scan(&s.version, &s.recovery, &s.database)
	if err != nil {
		return s, fmt.Errorf("postgres: ask for the version: %w", bare(err))
	}
	return s, nil
}

// relationQuery reads the tables by name.
// https://www.postgresql.org/docs/current/catalog-pg-class.html
const relationQuery = `
SELECT c.oid, c.relkind::text, c.relpersistence::text, c.relreplident::text,
       coalesce((SELECT i.indkey::int2[] FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND i.indimmediate AND i.indisvalid), '{}'),
       coalesce((SELECT i.indkey::int2[] FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident AND i.indimmediate AND i.indisvalid), '{}')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2`

// attributeQuery reads the live columns of a table, each with its type below all
// domains, and the type modifier of the outermost level that has one.
const attributeQuery = `
WITH RECURSIVE base AS (
    SELECT a.attnum, a.atttypid AS oid, a.atttypmod AS typmod, t.typtype, t.typbasetype, t.typtypmod
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
    SELECT b.attnum, t.oid, CASE WHEN b.typmod = -1 THEN b.typtypmod ELSE b.typmod END, t.typtype, t.typbasetype, t.typtypmod
    FROM base b JOIN pg_type t ON t.oid = b.typbasetype
    WHERE b.typtype = 'd'
)
SELECT a.attnum, a.attname::text, a.atttypid, t.oid, b.typmod, t.typname::text, t.typcategory::text,
       a.attnotnull, a.attgenerated <> '', t.typlen = -1 AND a.attstorage <> 'p'
FROM pg_attribute a
JOIN base b ON b.attnum = a.attnum AND b.typtype <> 'd'
JOIN pg_type t ON t.oid = b.oid
WHERE a.attrelid = $1
ORDER BY a.attnum`

// readRelation reads a table from the catalogue; false if there is none of that
// name.
func readRelation(ctx context.Context, conn *pgx.Conn, name schema.Name) (r schema.Relation, found bool, err error) {
	r.Name = name
	var kind, persistence, identity string
	var index []int16
	err = conn.QueryRow(ctx, relationQuery, name.Schema, name.Table).Scan(&r.OID, &kind, &persistence, &identity, &r.Primary, &index)
	if errors.Is(err, pgx.ErrNoRows) {
		return r, false, nil
	}
	if err != nil {
		return r, false, fmt.Errorf("postgres: read the catalogue of %v: %w", name, bare(err))
	}
	r.Kind, r.Persistence, r.Identity = kind[0], persistence[0], schema.Identity(identity[0])
	r.Replica = r.Primary
	if r.Identity == schema.IdentityIndex {
		r.Replica = index
	}
	rows, err := conn.Query(ctx, attributeQuery, r.OID)
	if err != nil {
		return r, false, fmt.Errorf("postgres: read the columns of %v: %w", name, bare(err))
	}
	r.Attributes, err = pgx.CollectRows(rows, scanAttribute)
	if err != nil {
		return r, false, fmt.Errorf("postgres: read the columns of %v: %w", name, bare(err))
	}
	return r, true, nil
}

func scanAttribute(row pgx.CollectableRow) (a schema.Attribute, err error) {
	var category string
	err = row.Scan(&a.Attnum, &a.Name, &a.Type.OID, &a.Type.Base, &a.Type.Typmod, &a.Type.Name, &category,
		&a.NotNull, &a.Generated, &a.Toastable)
	if category != "" {
		a.Type.Category = category[0]
	}
	return a, err
}

// tables resolves the chosen tables by the catalogue as it is. The error is a
// *replicator.Halt that tells all that is wrong with them.
func (o *Origin) tables(ctx context.Context, conn *pgx.Conn, s server) ([]*schema.Table, error) {
	var tables []*schema.Table
	var faults []error
	for _, choice := range o.options.Choices {
		r, found, err := readRelation(ctx, conn, choice.Name)
		if err != nil {
			return nil, err
		}
		if !found {
			faults = append(faults, &schema.Fault{Table: choice.Name, Found: "there is no such table in the source", Repair: "correct its name under tables: or grant USAGE on its schema"})
			continue
		}
		t, err := choice.Resolve(r, s.major())
		if err != nil {
			faults = append(faults, err)
			continue
		}
		tables = append(tables, t)
	}
	if err := schema.Together(tables); err != nil {
		faults = append(faults, err)
	}
	if len(faults) > 0 {
		return nil, unfit(errors.Join(faults...))
	}
	slices.SortFunc(tables, func(a, b *schema.Table) int { return int(a.OID) - int(b.OID) })
	return tables, nil
}

func unfit(err error) error {
	return &replicator.Halt{
		Reason: replicator.TableUnfit,
		Found:  err.Error(),
		Means:  "what is not understood is not replicated",
		Repair: "mend what is named, then start again; rowshift check looks at all tables",
		Cause:  err,
	}
}

// again resolves tables once more, as they are under a lock.
func (o *Origin) again(ctx context.Context, conn *pgx.Conn, tables []*schema.Table) ([]*schema.Table, error) {
	s, err := serverOf(ctx, conn)
	if err != nil {
		return nil, err
	}
	now, err := o.tables(ctx, conn, s)
	if err != nil {
		return nil, err
	}
	var same []*schema.Table
	for _, t := range tables {
		i := slices.IndexFunc(now, func(n *schema.Table) bool { return n.OID == t.OID })
		if i < 0 || !slices.Equal(now[i].Shape(), t.Shape()) {
			return nil, fmt.Errorf("postgres: %v changed while its load began", t.Name)
		}
		same = append(same, t)
	}
	return same, nil
}

// Tables returns the chosen tables as the source has them now.
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
