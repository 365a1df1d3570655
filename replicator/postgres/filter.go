package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rowshift/replicator"
	"rowshift/schema"
)

// filters remembers how the server reads the conditions of the config.
type filters struct {
	mu   sync.Mutex
	read map[string]schema.Filter // by the condition, and the columns of its table
}

// readFilters says of each relation how the server reads the condition that is chosen
// for its rows.
func (o *Origin) readFilters(ctx context.Context, q querier, relations relations) error {
	for _, c := range o.options.Choices {
		r := relations.of(c, o.known)
		if c.Where == "" || r == nil {
			continue
		}
		f, err := o.filters.of(ctx, q, *r, c.Where)
		if err != nil {
			return fmt.Errorf("postgres: read the condition of %v: %w", c.Name, err)
		}
		r.Filter = f
	}
	return nil
}

// of returns how the server reads a condition on the rows of r. It is asked once for a
// condition and a table as it is: from then on no transaction is needed for it. One that
// was refused is asked for again where that can be done, for what was lacking may be there.
func (s *filters) of(ctx context.Context, q querier, r schema.Relation, where string) (schema.Filter, error) {
	columns, err := definitions(ctx, q, r)
	if err != nil {
		return schema.Filter{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := columns + "\n" + where
	if f, known := s.read[key]; known && (f.Refused == "" || !idle(q)) {
		return f, nil
	}
	f, err := spell(ctx, q, r, columns, where)
	if err == nil {
		if s.read == nil {
			s.read = map[string]schema.Filter{}
		}
		s.read[key] = f
	}
	return f, err
}

// definitions are the columns of a table as CREATE TABLE takes them.
func definitions(ctx context.Context, q querier, r schema.Relation) (columns string, err error) {
	err = q.QueryRow(ctx, `
		SELECT coalesce(string_agg(quote_ident(attname) || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum), '')
		FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped`, r.OID).Scan(&columns)
	if err != nil {
		return "", bare(err)
	}
	return columns, nil
}

// spell has the server read a condition as the check of a temporary table with the same
// columns, in a transaction that is rolled back. It spells that as it spells the
// condition of a publication, and says which columns it looks at, to whoever may make a
// temporary table.
// https://www.postgresql.org/docs/current/catalog-pg-constraint.html
func spell(ctx context.Context, q querier, r schema.Relation, columns, where string) (f schema.Filter, err error) {
	if _, alone := q.(*pgx.Conn); alone && !idle(q) {
		return f, errors.New("the table was altered meanwhile")
	}
	tx, err := q.Begin(ctx)
	if err != nil {
		return f, bare(err)
	}
	defer func() {
		if back := tx.Rollback(ctx); !errors.Is(back, pgx.ErrTxClosed) {
			err = errors.Join(err, back)
		}
	}()
	_, err = tx.Exec(ctx, "CREATE TEMP TABLE rowshift_filter ("+columns+", CONSTRAINT rowshift_filter CHECK "+condition(where)+")")
	var refused *pgconn.PgError
	switch {
	case codeOf(err) == insufficientRights:
		return withheld(ctx, q, tx, r, err)
	case errors.As(err, &refused) && ofCondition(refused.Code):
		f.Refused, f.Repair = (&fault{code: refused.Code, message: refused.Message}).Error(), "correct tables."+r.Name.String()+".where in the config"
		return f, nil
	case err != nil:
		return f, bare(err)
	}
	var names []string
	err = tx.QueryRow(ctx, `
		SELECT pg_get_expr(c.conbin, c.conrelid),
		       (SELECT coalesce(array_agg(a.attname::text), '{}') FROM pg_attribute a WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey))
		FROM pg_constraint c WHERE c.conname = 'rowshift_filter' AND c.conrelid = to_regclass('pg_temp.rowshift_filter')`).Scan(&f.Text, &names)
	if err != nil {
		return f, bare(err)
	}
	for _, a := range r.Attributes {
		if slices.Contains(names, a.Name) {
			f.Columns = append(f.Columns, a.Attnum)
		}
	}
	return f, nil
}

// idle tells whether q is a session that is in no transaction.
func idle(q querier) bool {
	conn, alone := q.(*pgx.Conn)
	return alone && conn.PgConn().TxStatus() == idleStatus
}

// withheldQuery asks which right to make a table with the columns of another the role
// lacks: temporary tables, or the schemas and the types of the columns.
// https://www.postgresql.org/docs/current/ddl-priv.html
const withheldQuery = `
WITH types AS (
  SELECT n.nspname, n.oid AS schema, coalesce(e.oid, t.oid) AS oid
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type e ON e.typarray = t.oid JOIN pg_namespace n ON n.oid = t.typnamespace
  WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
)
SELECT has_database_privilege(current_database(), 'TEMP'), quote_ident(current_database()), quote_ident(current_user),
       (SELECT string_agg(DISTINCT quote_ident(nspname), ', ') FROM types WHERE NOT has_schema_privilege(schema, 'USAGE')),
       (SELECT string_agg(DISTINCT format_type(oid, NULL), ', ') FROM types WHERE NOT has_type_privilege(oid, 'USAGE'))`

// withheld is the refusal for a condition that cannot be looked at since the role lacks a
// right, with the statements that give it.
func withheld(ctx context.Context, q querier, failed pgx.Tx, r schema.Relation, cause error) (f schema.Filter, err error) {
	if err := failed.Rollback(ctx); err != nil {
		return f, bare(err)
	}
	var temporary bool
	var database, role string
	var schemas, types *string
	if err := q.QueryRow(ctx, withheldQuery, r.OID).Scan(&temporary, &database, &role, &schemas, &types); err != nil {
		return f, bare(err)
	}
	var grants []string
	grant := func(right string) { grants = append(grants, "GRANT "+right+" TO "+role) }
	if !temporary {
		grant("TEMPORARY ON DATABASE " + database)
	}
	if schemas != nil {
		grant("USAGE ON SCHEMA " + *schemas)
	}
	if types != nil {
		grant("USAGE ON TYPE " + *types)
	}
	if grants == nil { // it is of something that the condition names
		grants = []string{"grant the role what it says, or correct tables." + r.Name.String() + ".where in the config"}
	}
	f.Refused = "to look at it takes a temporary table: " + bare(cause).Error()
	f.Repair = strings.Join(grants, "; ") + "; then rowshift resync " + r.Name.String() // the catalogue of tables does not tell of all of these
	return f, nil
}

// ofCondition tells whether an error is of the condition as it is written. One of its
// constants may be no value of its column's type: what the server quotes of that is the
// config's own text, since the table that it looks at has no rows.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
func ofCondition(code string) bool {
	return strings.HasPrefix(code, "42") || strings.HasPrefix(code, "22") || code == notSupported
}

// notSupported is what PostgreSQL says of a condition that it could take elsewhere.
const notSupported = "0A000"

// unpublishable is the Halt for a condition that is one, but not of a publication, which
// takes few of all expressions. What the server says of it quotes no row.
// https://www.postgresql.org/docs/current/logical-replication-row-filter.html#LOGICAL-REPLICATION-ROW-FILTER-RESTRICTIONS
func (o *Origin) unpublishable(err error) error {
	var conditions []string
	for _, c := range o.options.Choices {
		if c.Where != "" {
			conditions = append(conditions, fmt.Sprintf("tables.%v.where", c.Name))
		}
	}
	found := bare(err).Error()
	var p *pgconn.PgError
	if errors.As(err, &p) && p.Detail != "" {
		found += ": " + p.Detail
	}
	return &replicator.Halt{
		Reason: replicator.PublicationDiffers,
		Found:  "PostgreSQL refuses what the config wants of the publication: " + found,
		Means:  "a publication takes simple conditions only",
		Repair: "write it in another way, with casts of the constants if need be: " + strings.Join(conditions, ", ") + " in the config",
		Cause:  bare(err),
	}
}

// condition puts an operator's expression in brackets, whatever it ends with.
func condition(where string) string {
	if strings.Contains(where, "--") { // a comment would take the bracket in
		where += "\n"
	}
	return "(" + where + ")"
}
