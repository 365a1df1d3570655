package redshifttest

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// createTableAs reads what follows the name in CREATE TABLE AS. The table gets the
// query's columns, without their NOT NULL, defaults and keys.
// https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_AS.html
func (p *parser) createTableAs(d *tableDefinition) *statement {
	columns := p.columnNames()
	p.tableAttributes(d)
	p.want("as")
	p.makes = true
	from := len(p.named)
	query := p.selection(p.scope)
	if p.peek().is("with") {
		p.fail() // WITH DATA or WITH NO DATA
	}
	reads := p.named[from:]
	if len(d.sortKeys) == 0 && !d.set["sortkey"] {
		d.SortStyle = "AUTO"
	}
	return d.asQuery(reads, query, columns)
}

// asQuery returns a statement that makes a table from a query that reads the given
// tables.
func (d *tableDefinition) asQuery(reads []relationName, query selected, columns []string) *statement {
	made := d.prefix + d.name.sql() + listed(columns) + " AS " + query.sql
	return &statement{class: "CREATE TABLE", tag: "SELECT", sql: made, own: func(ctx context.Context, c *session) error {
		return c.reading(ctx, reads, func() error { return d.fromQuery(ctx, c, made, query, columns) })
	}}
}

// carried returns the type with its length, or its precision and scale, as PostgreSQL
// writes it, and an empty string for types that have none.
func (c columnType) carried() string {
	switch {
	case c.sql == "varchar":
		return fmt.Sprintf("character varying(%d)", c.bytes)
	case strings.Contains(c.sql, "("):
		return c.sql
	}
	return ""
}

// carried gives literal strings their lengths, and refuses computed columns: Redshift
// gives those a length, or a precision and a scale, that PostgreSQL does not know.
// https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_AS.html
func (d *tableDefinition) carried(query selected) error {
	plain := query.outputs
	if slices.ContainsFunc(plain, func(o output) bool { return o.star }) {
		plain = nil
	}
	for i := range d.Columns {
		column := &d.Columns[i]
		kind := &column.kind
		if kind.sql != "varchar" && kind.sql != "numeric" && !kind.ascii {
			continue
		}
		if kind.sql != "varchar" || i >= len(plain) || plain[i].alone.kind != literalToken {
			return ruled("R-424", unknown("the type of the computed column %q is not known in full: cast it, as in CAST(... AS VARCHAR(20)) or DECIMAL(20,4)", column.Name))
		}
		kind.bytes = max(1, len(plain[i].alone.text))
	}
	return nil
}

// columnNames reads a list of names for new columns, if one comes.
func (p *parser) columnNames() []string {
	if !p.peek().is("(") {
		return nil
	}
	p.want("(")
	list := []string{p.columnName()}
	for p.accept(",") {
		list = append(list, p.columnName())
	}
	p.want(")")
	return list
}

func listed(names []string) string {
	if len(names) == 0 {
		return ""
	}
	var quoted []string
	for _, n := range names {
		quoted = append(quoted, quote(n))
	}
	return " (" + strings.Join(quoted, ", ") + ")"
}

// fromQuery makes a table from a query. Columns that the query reads keep their declared
// types.
func (d *tableDefinition) fromQuery(ctx context.Context, c *session, made string, query selected, columns []string) (err error) {
	if d.Columns, err = c.outputs(ctx, query.sql, columns); err != nil {
		return err
	}
	if err := d.carried(query); err != nil {
		return err
	}
	if _, err := c.ask(ctx, made); err != nil {
		return err
	}
	if err := caught(d.settle); err != nil {
		return err
	}
	table, err := c.value(ctx, "SELECT "+d.made())
	if err != nil {
		return err
	}
	got, err := c.ask(ctx, "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 ORDER BY attnum", table)
	if err != nil {
		return err
	}
	for n, column := range d.Columns {
		if to := column.kind.carried(); to != "" && got[n][0] != to { // PostgreSQL folds a cast of a constant, and its length is lost
			if _, err := c.ask(ctx, fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s TYPE %s", table, quote(column.Name), to)); err != nil {
				return err
			}
		}
		if check := column.kind.check(column.Name); check != "" {
			if _, err := c.ask(ctx, "ALTER TABLE "+table+" ADD"+check); err != nil {
				return err
			}
		}
	}
	return d.remember(ctx, c)
}

// caught runs check and returns the refusal with which it panics, if it does.
func caught(check func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			refusal, ok := r.(*Refusal)
			if !ok {
				panic(r)
			}
			err = refusal
		}
	}()
	check()
	return nil
}

// outputQuery returns what is known of an output of a query: its type and, if it is a
// plain column, the column's declared type and collation.
const outputQuery = `SELECT format_type($3::text::oid, $4::text::int), coalesce(a.declared, ''), coalesce(a.insensitive, false)
	FROM (VALUES (1)) AS one LEFT JOIN ` + catalogueSchema + `.attribute a ON a.relation = $1::text::oid AND a.attnum = $2::text::int`

// outputs returns the columns of a query. A string without a length gets the greatest
// one.
func (c *session) outputs(ctx context.Context, query string, names []string) ([]columnDefinition, error) {
	described, err := c.backing.Prepare(ctx, "", query, nil)
	if err != nil {
		return nil, err
	}
	var columns []columnDefinition
	for n, f := range described.Fields {
		found, err := c.ask(ctx, outputQuery, fmt.Sprint(f.TableOID), fmt.Sprint(f.TableAttributeNumber), fmt.Sprint(f.DataTypeOID), fmt.Sprint(f.TypeModifier))
		if err != nil {
			return nil, err
		}
		column := columnDefinition{Name: f.Name, Type: found[0][1], Insensitive: found[0][2] == "t"}
		if n < len(names) {
			column.Name = names[n]
		}
		column.kind = outputType(found[0][0])
		if column.kind.binary {
			if column.Type == "" {
				column.Type = "binary varying(1024000)"
			}
			_, _ = fmt.Sscanf(column.Type, "binary varying(%d)", &column.kind.bytes)
		}
		columns = append(columns, column)
	}
	return columns, nil
}

// outputType returns a type by PostgreSQL's name for it.
func outputType(name string) columnType {
	switch name {
	case "text", "character varying", "unknown", "name":
		return columnType{sql: "varchar"}
	case "bytea":
		return columnType{sql: "bytea", binary: true}
	case "jsonb": // PostgreSQL describes an output of a domain by the domain's base type
		return types["super"]
	case "timestamp without time zone":
		return types["timestamp"]
	case "timestamp with time zone":
		return types["timestamptz"]
	}
	if t, ok := types[name]; ok {
		return t
	}
	return columnType{sql: name}
}

// createView reads CREATE VIEW.
// https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_VIEW.html
func (p *parser) createView(replace bool) *statement {
	d := &tableDefinition{DistStyle: "", SortStyle: "", set: map[string]bool{}}
	d.temp = p.peek().kind == wordToken && strings.HasPrefix(p.peek().text, "#")
	d.name = p.newName(d.temp)
	columns := p.columnNames()
	p.want("as")
	start, from := p.at, len(p.named)
	query := p.selectText()
	reads, source := p.named[from:], joined(p.tokens[start:p.at])
	late := p.accept("with", "no", "schema", "binding")
	if late {
		p.lateText(reads)
		d.Late = source
	}
	return &statement{class: "CREATE VIEW", tag: "CREATE VIEW", own: func(ctx context.Context, c *session) error {
		if late {
			return d.makeLate(ctx, c, columns, replace, reads)
		}
		return d.makeBound(ctx, c, query, columns, replace, reads)
	}}
}

// lateText refuses what a view that is bound late cannot contain: names without a schema,
// and recursion.
func (p *parser) lateText(reads []relationName) {
	for _, n := range reads {
		if n.schema == "" {
			panic(notInGrammar("R-452", "WITH NO SCHEMA BINDING needs names with a schema, unlike %q", n.table))
		}
	}
	if p.recursive {
		panic(notInGrammar("R-452", "a view without schema binding holds no WITH RECURSIVE"))
	}
}

// makeBound makes a view that is bound to the tables that it reads.
func (d *tableDefinition) makeBound(ctx context.Context, c *session, query string, columns []string, replace bool, reads []relationName) error {
	known, err := c.relations(ctx, reads)
	if err != nil {
		return err
	}
	for _, r := range known {
		if r.late != "" {
			return unknown("a bound view over the late-binding view %q is not on the list", r.name.table)
		}
	}
	if d.Columns, err = c.outputs(ctx, query, columns); err != nil {
		return err
	}
	create := "CREATE "
	if replace {
		create = "CREATE OR REPLACE "
		if err := d.sameColumns(ctx, c); err != nil {
			return err
		}
	}
	if d.temp {
		create += "TEMP "
	}
	if _, err := c.ask(ctx, create+"VIEW "+d.name.sql()+listed(columns)+" AS "+query); err != nil {
		return err
	}
	return d.remember(ctx, c)
}

// sameColumns refuses to replace a view by one with other columns, since PostgreSQL alone
// would take additional columns at the end.
func (d *tableDefinition) sameColumns(ctx context.Context, c *session) error {
	old, err := c.value(ctx, "SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0 HAVING count(*) > 0", d.name.sql())
	if err == nil && old != "" && old != fmt.Sprint(len(d.Columns)) {
		return &Refusal{Code: "42P16", Message: "cannot change number of columns in view", Rule: "R-451"}
	}
	return err
}
