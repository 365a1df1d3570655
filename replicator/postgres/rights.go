package postgres

import (
	"context"

	"rowshift/schema"
)

// rights are what a role may do with one table.
type rights struct {
	usage, ctid, policies bool
	columns               []string // those that a load reads and the role may not
}

const rightsQuery = `
SELECT has_schema_privilege(c.relnamespace, 'USAGE'), has_column_privilege(c.oid, 'ctid', 'SELECT'),
       row_security_active(c.oid),
       coalesce((SELECT array_agg(n ORDER BY n) FROM unnest($2::text[]) n WHERE NOT has_column_privilege(c.oid, n, 'SELECT')), '{}')
FROM pg_class c WHERE c.oid = $1`

// rightsOn returns the rights of the session's role on a table, of whose columns a load
// reads those.
func rightsOn(ctx context.Context, q querier, t *schema.Table, columns []string) (r rights, err error) {
	err = q.QueryRow(ctx, rightsQuery, t.OID, columns).Scan(&r.usage, &r.ctid, &r.policies, &r.columns)
	return r, err
}

// loaded returns the names of the columns that a load of t reads: the chosen ones, and
// those that the condition on its rows looks at.
func loaded(ctx context.Context, q querier, t *schema.Table) (names []string, err error) {
	names = columnNames(t)
	err = q.QueryRow(ctx, `SELECT $2::text[] || coalesce((SELECT array_agg(attname::text) FROM pg_attribute WHERE attrelid = $1 AND attnum = ANY ($3::int2[]) AND attname <> ALL ($2::text[])), '{}')`,
		t.OID, names, t.Filter.Columns).Scan(&names)
	return names, err
}
