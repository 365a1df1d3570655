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
	read map[string]reading // by the condition, and the columns of its table
}

// reading is how the server reads a condition, on whichever table has those columns. They
// go by name, since each table has its own attnums for them.
type reading struct {
	text    string
	columns []string // that it looks at
	refused string   // why it is no condition on rows of such a table; else empty
	repair  func(schema.Name) string
}

// of is the reading for one of those tables, which the config has by a name.
func (s reading) of(r schema.Relation, name schema.Name) schema.Filter {
	f := schema.Filter{Text: s.text, Refused: s.refused}
	for _, a := range r.Attributes {
		if slices.Contains(s.columns, a.Name) {
			f.Columns = append(f.Columns, a.Attnum)
		}
	}
	if s.refused != "" {
		f.Repair = s.repair(name)
	}
	return f
}

// correct is the repair of a condition that is none.
func correct(n schema.Name) string { return "correct tables." + n.String() + ".where in the config" }

// readFilters says of each relation how the server reads the condition that is chosen
// for its rows.
func (o *Origin) readFilters(ctx context.Context, q querier, relations relations) error {
	for _, c := range o.options.Choices {
		r := relations.of(c, o.known)
		if c.Where == "" || r == nil {
			continue
		}
		is, err := o.filters.of(ctx, q, *r, c.Where)
		if err != nil {
			return fmt.Errorf("postgres: read the condition of %v: %w", c.Name, err)
		}
		r.Filter = is.of(*r, c.Name)
	}
	return nil
}

// of returns how the server reads a condition on the rows of r. It is asked once for a
// condition and a table as it is: from then on no transaction is needed for it. One that
// was refused is asked for again where that can be done, for what was lacking may be there.
func (s *filters) of(ctx context.Context, q querier, r schema.Relation, where string) (reading, error) {
	columns, err := definitions(ctx, q, r)
	if err != nil {
		return reading{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := columns + "\n" + where
	if is, known := s.read[key]; known && (is.refused == "" || !idle(q)) {
		return is, nil
	}
	is, err := spell(ctx, q, r, columns, where)
	if err == nil {
		if s.read == nil {
			s.read = map[string]reading{}
		}
		s.read[key] = is
	}
	return is, err
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
func spell(ctx context.Context, q querier, r schema.Relation, columns, where string) (is reading, err error) {
	if _, alone := q.(*pgx.Conn); alone && !idle(q) {
		return is, errors.New("the table was altered meanwhile")
	}
	tx, err := q.Begin(ctx)
	if err != nil {
		return is, bare(err)
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
		is.refused, is.repair = (&fault{code: refused.Code, message: refused.Message}).Error(), correct
		return is, nil
	case err != nil:
		return is, bare(err)
	}
	err = tx.QueryRow(ctx, `
		SELECT pg_get_expr(c.conbin, c.conrelid),
		       (SELECT coalesce(array_agg(a.attname::text), '{}') FROM pg_attribute a WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey))
		FROM pg_constraint c WHERE c.conname = 'rowshift_filter' AND c.conrelid = to_regclass('pg_temp.rowshift_filter')`).Scan(&is.text, &is.columns)
	return is, bare(err)
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
func withheld(ctx context.Context, q querier, failed pgx.Tx, r schema.Relation, cause error) (is reading, err error) {
	if err := failed.Rollback(ctx); err != nil {
		return is, bare(err)
	}
	var temporary bool
	var database, role string
	var schemas, types *string
	if err := q.QueryRow(ctx, withheldQuery, r.OID).Scan(&temporary, &database, &role, &schemas, &types); err != nil {
		return is, bare(err)
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
	is.refused = "to look at it takes a temporary table: " + bare(cause).Error()
	is.repair = func(n schema.Name) string {
		repair := strings.Join(grants, "; ")
		if grants == nil { // it is of something that the condition names
			repair = "grant the role what it says, or " + correct(n)
		}
		return repair + "; then rowshift resync " + n.String() // the catalogue of tables does not tell of all of these
	}
	return is, nil
}

// ofCondition tells whether an error is of the condition as it is written. One of its
// constants may be no value of its column's type: what the server quotes of that is the
// config's own text, since the table that it looks at has no rows.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
func ofCondition(code string) bool {
	return strings.HasPrefix(code, "42") || strings.HasPrefix(code, dataException) || code == notSupported
}

// notSupported is what PostgreSQL says of a condition that it could take elsewhere.
const notSupported = "0A000"

// unpublishable is the Halt for a condition that is one, but not of a publication, which
// takes few of all expressions. What the server says of it quotes no row.
// https://www.postgresql.org/docs/current/logical-replication-row-filter.html#LOGICAL-REPLICATION-ROW-FILTER-RESTRICTIONS
func (o *Origin) unpublishable(err error) error {
	found := bare(err).Error()
	var p *pgconn.PgError
	if errors.As(err, &p) && p.Detail != "" {
		found += ": " + p.Detail
	}
	return &replicator.Halt{
		Reason: replicator.PublicationDiffers,
		Found:  "PostgreSQL refuses what the config wants of the publication: " + found,
		Means:  "a publication takes simple conditions only",
		Repair: "write it in another way, with casts of the constants if need be: " + strings.Join(o.conditions(), ", ") + " in the config",
		Cause:  bare(err),
	}
}

// conditions are where the config has them.
func (o *Origin) conditions() (paths []string) {
	for _, c := range o.options.Choices {
		if c.Where != "" {
			paths = append(paths, fmt.Sprintf("tables.%v.where", c.Name))
		}
	}
	return paths
}

// condition puts an operator's expression in brackets, whatever it ends with.
func condition(where string) string {
	if strings.Contains(where, "--") { // a comment would take the bracket in
		where += "\n"
	}
	return "(" + where + ")"
}
