package redshifttest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"rowshift/test/redshifttest/copyload"
)

// target is the table that a COPY fills.
type target struct {
	oid     string
	user    string // the OID of the user who loads
	columns []copyload.Column

	temporary bool
}

// targetColumn is a column of the target.
type targetColumn struct {
	copyload.Column
	generated bool // an IDENTITY, of either kind
}

// tableQuery returns what COPY needs to know of its table: what it is, and what the user
// may do with it.
const tableQuery = `SELECT c.oid, c.relkind, pg_has_role(c.relowner, 'USAGE'), has_table_privilege(c.oid, 'INSERT'), c.relpersistence = 't',
	(SELECT u.usesysid FROM pg_catalog.pg_user u WHERE u.usename = current_user) FROM pg_class c WHERE c.oid = to_regclass($1::text)`

// columnsQuery reads the columns of a table.
const columnsQuery = `SELECT a.attname, format_type(a.atttypid, NULL), coalesce(` + catalogueSchema + `.bytes(a.attrelid, a.attname), 0), (a.atttypmod - 4) >> 16, (a.atttypmod - 4) & 2047,
	a.attnotnull, a.attidentity, pg_get_expr(d.adbin, d.adrelid)
	FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
	WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`

// target returns the table of a COPY and the columns that it fills, in the order of the
// COPY.
func (c *session) target(ctx context.Context, copying *copying) (target, error) {
	found, err := c.rows(ctx, tableQuery, copying.table)
	switch {
	case err != nil:
		return target{}, err
	case len(found) == 0:
		// https://github.com/estuary/connectors/pull/918
		return target{}, &Refusal{Code: "XX000", Rule: "R-640", Message: "Cannot COPY into nonexistent table " + copying.shown}
	case string(found[0][1]) != "r":
		return target{}, &Refusal{Code: "42809", Rule: "R-640", Message: fmt.Sprintf("cannot copy to view %q", copying.shown)}
	case string(found[0][3]) != "t":
		return target{}, &Refusal{Code: "42501", Rule: "R-640", Message: "permission denied for relation " + copying.shown}
	case copying.owner && string(found[0][2]) != "t":
		return target{}, &Refusal{Code: "42501", Rule: "R-647", Message: "must be owner of relation " + copying.shown}
	}
	t := target{oid: string(found[0][0]), user: string(found[0][5]), temporary: string(found[0][4]) == "t"}
	all, err := c.columns(ctx, t.oid)
	if err != nil {
		return t, err
	}
	t.columns, err = copying.chosen(all)
	return t, err
}

// columns returns the columns of a table.
func (c *session) columns(ctx context.Context, oid string) ([]targetColumn, error) {
	rows, err := c.rows(ctx, columnsQuery, oid)
	if err != nil {
		return nil, err
	}
	var all []targetColumn
	for _, r := range rows {
		column := targetColumn{generated: string(r[6]) != "", Column: copyload.Column{
			Name: string(r[0]), Type: loadType(string(r[1]), string(r[2])+" "+string(r[3])+" "+string(r[4])),
			NotNull: string(r[5]) == "t", Identity: string(r[6]) == "a",
		}}
		if column.NotNull && r[7] != nil {
			value, err := c.rows(ctx, "SELECT ("+string(r[7])+")::text")
			if err != nil {
				return nil, err
			}
			column.HasDefault, column.Default = value[0][0] != nil, string(value[0][0])
		}
		all = append(all, column)
	}
	return all, nil
}

// chosen returns the columns of the statement's list. Without a list it returns all,
// except IDENTITY columns if there is no EXPLICIT_IDS.
// https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-column-mapping.html
func (c *copying) chosen(all []targetColumn) ([]copyload.Column, error) {
	if len(c.columns) == 0 {
		var filled []copyload.Column
		for _, column := range all {
			if !column.Identity || c.spec.ExplicitIDs {
				filled = append(filled, column.Column)
			}
		}
		return filled, nil
	}
	for _, column := range all {
		if column.NotNull && !column.HasDefault && !column.generated && !slices.Contains(c.columns, quote(column.Name)) {
			return nil, ruled("R-646", unknown("the column %q is NOT NULL, has no DEFAULT and is not in the list of columns", column.Name))
		}
	}
	var chosen []copyload.Column
	identity := !c.spec.ExplicitIDs
	for i, name := range c.columns {
		if slices.Contains(c.columns[:i], name) {
			return nil, &Refusal{Code: "42701", Rule: "R-640", Message: fmt.Sprintf("column %s specified more than once", name)}
		}
		n := len(chosen)
		for _, column := range all {
			if quote(column.Name) == name {
				chosen = append(chosen, column.Column)
				identity = identity || column.Identity
			}
		}
		if len(chosen) == n {
			return nil, &Refusal{Code: "42703", Rule: "R-640", Message: fmt.Sprintf("column %s of relation %q does not exist", name, c.shown)}
		}
	}
	if !identity {
		return nil, &Refusal{Code: "42601", Rule: "R-674", Message: "[stand-in] EXPLICIT_IDS needs the IDENTITY column in the list of columns"}
	}
	return chosen, nil
}

// loadType returns the type of a column for the engine, from PostgreSQL's name for it and
// its length in bytes, precision and scale.
func loadType(name, numbers string) copyload.Type {
	var t copyload.Type
	_, _ = fmt.Sscan(numbers, &t.Length, &t.Precision, &t.Scale)
	t.Kind = loadKinds[strings.TrimPrefix(name, catalogueSchema+".")]
	if t.Kind == 0 {
		t.Kind = copyload.Varchar
	}
	if t.Kind != copyload.Decimal {
		t.Precision, t.Scale = 0, 0
	}
	if t.Kind == copyload.Varchar && t.Length == 0 {
		t.Length = maxVarchar
	}
	return t
}

var loadKinds = map[string]copyload.Kind{
	"smallint": copyload.SmallInt, "integer": copyload.Integer, "bigint": copyload.BigInt, "real": copyload.Real,
	"double precision": copyload.Double, "boolean": copyload.Boolean, "character varying": copyload.Varchar, "character": copyload.Char,
	"date": copyload.Date, "time without time zone": copyload.Time, "time with time zone": copyload.TimeTZ, "bytea": copyload.Varbyte,
	"timestamp without time zone": copyload.Timestamp, "timestamp with time zone": copyload.TimestampTZ, "numeric": copyload.Decimal,
	"super": copyload.Super, "jsonb": copyload.Super,
}
