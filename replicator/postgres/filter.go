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
	read map[string]reading // by the condition and the columns of its table
}

// reading is how the server reads a condition, on any table that has the same columns. The
// columns go by name, since each table has its own attnums for them.
type reading struct {
	text    string
	columns []string // those that the condition looks at
	refused string   // why the condition cannot be used on such a table; else empty
	repair  func(schema.Name) string
}

// of returns the reading as the filter of r, which the config has by a name.
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

// correct returns the repair for a condition that is not valid.
func correct(n schema.Name) string { return "correct tables." + n.String() + ".where in the config" }

// readFilters sets the Filter of each relation whose choice has a condition.
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

// of returns how the server reads a condition on the rows of r. The server is asked once
// for each condition and set of columns; from then on no transaction is needed. A condition
// that was refused is asked for again wherever that is possible, because what it lacked may
// be there by now.
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

// definitions returns the columns of a table as CREATE TABLE takes them.
func definitions(ctx context.Context, q querier, r schema.Relation) (columns string, err error) {
	err = q.QueryRow(ctx, `
		SELECT coalesce(string_agg(quote_ident(attname) || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum), '')
		FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped`, r.OID).Scan(&columns)
	if err != nil {
		return "", err
	}
	return columns, nil
}

// spell has the server read a condition as the check of a temporary table with the same
// columns, in a transaction that is rolled back. The server spells the check as it spells
// the condition of a publication, and says which columns it looks at. Any role that may
// make a temporary table can ask in this way.
// https://www.postgresql.org/docs/current/catalog-pg-constraint.html
func spell(ctx context.Context, q querier, r schema.Relation, columns, where string) (is reading, err error) {
	if _, alone := q.(*session); alone && !idle(q) {
		return is, errors.New("the table was altered meanwhile")
	}
	tx, err := q.Begin(ctx)
	if err != nil {
		return is, err
	}
	defer func() {
		if back := tx.Rollback(ctx); !errors.Is(back, pgx.ErrTxClosed) {
			err = errors.Join(err, back)
		}
	}()
	// By Conn the error comes as it is: what it quotes can only be the condition.
	_, err = tx.Conn().Exec(ctx, "CREATE TEMP TABLE rowshift_filter ("+columns+", CONSTRAINT rowshift_filter CHECK "+condition(where)+")")
	refused, answered := errors.AsType[*pgconn.PgError](err)
	switch {
	case codeOf(err) == insufficientRights:
		return withheld(ctx, q, tx, r, bare(err))
	case answered && ofCondition(refused.Code):
		is.refused, is.repair = (&fault{code: refused.Code, message: refused.Message}).Error(), correct
		return is, nil
	case err != nil:
		return is, bare(err)
	}
	err = tx.QueryRow(ctx, `
		SELECT pg_get_expr(c.conbin, c.conrelid),
		       (SELECT coalesce(array_agg(a.attname::text), '{}') FROM pg_attribute a WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey))
		FROM pg_constraint c WHERE c.conname = 'rowshift_filter' AND c.conrelid = to_regclass('pg_temp.rowshift_filter')`).Scan(&is.text, &is.columns)
	return is, err
}

// withheldQuery asks which right the role lacks to make a table with the columns of
// another: to make temporary tables, or to use the schemas and the types of the columns.
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

// withheld returns the refusal of a condition that cannot be read because the role lacks a
// right. Its repair has the statements that grant the right.
func withheld(ctx context.Context, q querier, failed pgx.Tx, r schema.Relation, cause error) (is reading, err error) {
	if err := failed.Rollback(ctx); err != nil {
		return is, err
	}
	var temporary bool
	var database, role string
	var schemas, types *string
	if err := q.QueryRow(ctx, withheldQuery, r.OID).Scan(&temporary, &database, &role, &schemas, &types); err != nil {
		return is, err
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
	is.refused = "to look at it takes a temporary table: " + cause.Error()
	is.repair = func(n schema.Name) string {
		repair := strings.Join(grants, "; ")
		if grants == nil { // the right is on something that the condition names
			repair = "grant the role what it says, or " + correct(n)
		}
		return repair + "; then rowshift resync " + n.String() // not all of these grants are noticed in the catalogue
	}
	return is, nil
}

// ofCondition reports whether an error is about the condition as it is written. One of its
// constants may not be a value of its column's type: what the server quotes then is the
// config's own text, since the temporary table has no rows.
func ofCondition(code string) bool {
	return ofClass(code, syntaxOrAccess, dataException) || code == notSupported
}

// unpublishableHalt returns the Halt for a valid condition that a publication does not
// take: it takes only few kinds of expressions. What the server says of it quotes no row.
// https://www.postgresql.org/docs/current/logical-replication-row-filter.html#LOGICAL-REPLICATION-ROW-FILTER-RESTRICTIONS
func (o *Origin) unpublishableHalt(err error) error {
	found := bare(err).Error()
	if p, ok := errors.AsType[*pgconn.PgError](err); ok && p.Detail != "" {
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

// conditions returns where in the config the conditions are.
func (o *Origin) conditions() (paths []string) {
	for _, c := range o.options.Choices {
		if c.Where != "" {
			paths = append(paths, fmt.Sprintf("tables.%v.where", c.Name))
		}
	}
	return paths
}
