package redshifttest

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// alter reads ALTER and dispatches by the kind of object.
func (p *parser) alter() *statement {
	p.want("alter")
	switch p.oneOf("table", "user", "group", "role", "schema", "database", "default", "view", "materialized") {
	case "table":
		return p.alterTable()
	case "user":
		return p.alterUser()
	case "group":
		return p.alterGroup()
	case "role":
		return p.alterRole()
	case "schema":
		return p.alterSchema()
	case "database":
		return p.alterDatabase()
	case "default":
		p.want("privileges")
		return p.defaultPrivileges()
	case "materialized":
		p.want("view")
		return p.alterMaterialized()
	case "view":
		panic(ruled("R-443", unknown("ALTER VIEW is not on the list: ALTER TABLE renames a view")))
	}
	p.fail()
	return nil
}

// alterSchema reads ALTER SCHEMA.
// https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_SCHEMA.html
func (p *parser) alterSchema() *statement {
	s := "ALTER SCHEMA " + quote(p.name())
	switch {
	case p.accept("rename", "to"):
		s += " RENAME TO " + quote(p.name())
	case p.accept("owner", "to"):
		s += " OWNER TO " + quote(p.account())
	case p.accept("quota"):
		panic(ruled("R-406", unknown("quotas are not on the list")))
	default:
		p.fail()
	}
	return &statement{class: "ALTER SCHEMA", sql: s}
}

// alteration is an ALTER TABLE.
type alteration struct {
	p     *parser
	table relationName
	s     *statement
}

// alterTable reads ALTER TABLE: one change, of those that Redshift has.
// https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html
func (p *parser) alterTable() *statement {
	p.table()
	a := &alteration{p: p, table: p.named[len(p.named)-1], s: &statement{class: "ALTER TABLE", tag: "ALTER TABLE"}}
	switch {
	case p.accept("add"):
		a.add()
	case p.accept("drop"):
		a.drop()
	case p.accept("rename"):
		a.rename()
	case p.accept("owner", "to"):
		a.plain(" OWNER TO " + quote(p.account()))
	case p.accept("append", "from"):
		p.table()
		a.append()
	case p.accept("alter"):
		a.alter()
	case p.peek().is("row"):
		panic(ruled("R-443", unknown("row-level security is not on the list")))
	default:
		p.fail()
	}
	return a.s
}

// plain sets a change of which the catalogue need not know.
func (a *alteration) plain(change string) {
	a.then(func(context.Context, *session, string) error { return nil }, change)
}

// then sets a change, and note, which writes to the catalogue what the change means.
// Somebody who was granted ALTER need not own the table.
func (a *alteration) then(note func(ctx context.Context, c *session, oid string) error, change string) {
	a.s.own = func(ctx context.Context, c *session) error {
		oid, err := c.oid(ctx, a.table)
		if err != nil {
			return err
		}
		granted, err := c.value(ctx, "SELECT "+catalogueSchema+".granted_all(ARRAY[$1::text::oid], 'ALTER')", oid)
		if err != nil {
			return err
		}
		if change == "" {
			err = c.lockTable(ctx, oid, a.table, granted == "t")
		} else {
			err = c.asOwner(ctx, granted == "t", "ALTER TABLE "+a.table.sql()+change)
		}
		if err != nil {
			return err
		}
		return note(ctx, c, oid)
	}
}

// lockTable takes the lock that ALTER TABLE takes, for a change that is made in the
// catalogue alone. It refuses views.
func (c *session) lockTable(ctx context.Context, oid string, table relationName, granted bool) error {
	kind, err := c.value(ctx, "SELECT relkind FROM pg_class WHERE oid = $1::text::oid", oid)
	if err != nil {
		return err
	}
	if kind != "r" {
		return &Refusal{Code: "42809", Message: fmt.Sprintf("%q is not a table", table.table), Rule: "R-430"}
	}
	if !granted {
		if err := c.mustOwn(ctx, oid, table.table); err != nil {
			return err
		}
	}
	return c.asOwner(ctx, granted, "LOCK TABLE "+table.sql()+" IN ACCESS EXCLUSIVE MODE")
}

// mustOwn refuses users who do not own the relation.
func (c *session) mustOwn(ctx context.Context, oid, table string) error {
	owns, err := c.value(ctx, "SELECT pg_has_role(relowner, 'MEMBER') FROM pg_class WHERE oid = $1::text::oid", oid)
	if err == nil && owns != "t" {
		return &Refusal{Code: "42501", Message: "must be owner of relation " + table, Rule: "R-470"}
	}
	return err
}

// add reads ADD of a key or of one column.
func (a *alteration) add() {
	p := a.p
	if k := p.key(); k != nil {
		a.addKey(k)
		return
	}
	p.accept("column")
	if p.peek().is("if") {
		p.fail()
	}
	p.defining = a.table.table
	column := p.columnDefinition()
	if column.DistKey || column.sorted || column.unique || column.primary || column.foreign != nil || column.Identity != "" || column.Insensitive {
		panic(notInGrammar("R-431", "ADD COLUMN takes DEFAULT, ENCODE, NOT NULL and NULL only"))
	}
	if column.notNull && (column.fallback == "" || column.fallback == "NULL") {
		panic(&Refusal{Code: "0A000", Message: "ALTER TABLE ADD COLUMN defined as NOT NULL must have a non-null default expression", Rule: "R-431"})
	}
	a.then(func(ctx context.Context, c *session, oid string) error {
		_, err := c.ask(ctx, "SELECT "+catalogueSchema+".remember_column($1::text::oid, "+asJSON(column)+")", oid)
		return err
	}, " ADD COLUMN "+column.sql())
}

// addKey adds a key to the catalogue; nothing enforces it.
func (a *alteration) addKey(k *keyDefinition) {
	a.then(func(ctx context.Context, c *session, oid string) error {
		if err := k.resolve(ctx, c, a.table); err != nil {
			return err
		}
		if k.Kind == "p" {
			open, err := c.value(ctx, "SELECT count(*) FROM pg_attribute WHERE attrelid = $1::text::oid AND attname = ANY ($2::text[]) AND NOT attnotnull", oid, textArray(k.Columns))
			if err != nil {
				return err
			}
			if open != "0" {
				return ruled("R-436", unknown("a primary key cannot be added to a column that may be NULL"))
			}
		}
		_, err := c.ask(ctx, "SELECT "+catalogueSchema+".remember_key($1::text::oid, "+asJSON(k)+")", oid)
		return err
	}, "")
}

// textArray writes strings as PostgreSQL's text[].
func textArray(values []string) string {
	var quoted []string
	for _, v := range values {
		quoted = append(quoted, `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v)+`"`)
	}
	return "{" + strings.Join(quoted, ",") + "}"
}

// drop reads DROP of a constraint or of one column.
func (a *alteration) drop() {
	p := a.p
	if p.accept("constraint") {
		name := p.name()
		cascade := p.oneOf("restrict", "cascade") == "cascade"
		a.then(func(ctx context.Context, c *session, oid string) error {
			found, err := c.value(ctx, "SELECT "+catalogueSchema+".forget_key($1::text::oid, $2, $3::text::boolean)", oid, name, yesNo(cascade))
			if err == nil && found != "t" {
				return &Refusal{Code: "42704", Message: fmt.Sprintf("constraint %q does not exist", name), Rule: "R-436"}
			}
			return err
		}, "")
		return
	}
	p.accept("column")
	if p.peek().is("if") {
		p.fail()
	}
	name := p.name()
	change := " DROP COLUMN " + quote(name)
	if way := p.oneOf("restrict", "cascade"); way != "" {
		change += " " + strings.ToUpper(way)
	}
	a.then(func(context.Context, *session, string) error { return nil }, change)
	run := a.s.own
	a.s.own = func(ctx context.Context, c *session) error {
		if err := c.droppable(ctx, a.table, name); err != nil {
			return err
		}
		return run(ctx, c)
	}
}

// droppable refuses to drop a column that is part of the distribution or sort key, and a
// table's last column.
func (c *session) droppable(ctx context.Context, table relationName, column string) error {
	found, err := c.ask(ctx, `SELECT a.attname, coalesce(r.distkey, false), coalesce(r.sortkey, 0) FROM pg_attribute a
		LEFT JOIN `+catalogueSchema+`.attribute r ON r.relation = a.attrelid AND r.attnum = a.attnum
		WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped`, table.sql())
	if err != nil {
		return err
	}
	for _, f := range found {
		switch {
		case f[0] != column:
		case f[1] == "t":
			return ruled("R-432", unknown("the distribution key %q cannot be dropped", column))
		case f[2] != "0":
			return ruled("R-432", unknown("%q is of the sort key and cannot be dropped", column))
		case len(found) == 1:
			return ruled("R-432", unknown("%q is the last column and cannot be dropped", column))
		}
	}
	return nil
}

// rename reads RENAME TO and RENAME COLUMN. A column's CHECK is named after it, so it is
// renamed too.
func (a *alteration) rename() {
	p := a.p
	if p.accept("to") {
		if strings.HasPrefix(p.peek().text, "#") {
			panic(notInGrammar("R-433", "a table cannot be renamed to a temporary name"))
		}
		a.plain(" RENAME TO " + quote(p.name()))
		return
	}
	p.want("column")
	from := p.name()
	p.want("to")
	to := p.columnName()
	a.then(func(ctx context.Context, c *session, oid string) error {
		_, err := c.ask(ctx, "SELECT "+catalogueSchema+".rename_check($1::text::oid, $2, $3)", oid, checkPrefix+from, checkPrefix+to)
		return err
	}, " RENAME COLUMN "+quote(from)+" TO "+quote(to))
}

// alter reads what follows a second ALTER.
func (a *alteration) alter() {
	p := a.p
	switch {
	case p.accept("column"):
		a.alterColumn()
	case p.accept("encode", "auto"):
		a.note("amend", `{"encodeauto": true}`)
	case p.accept("sortkey", "auto"):
		a.note("amend", `{"sortstyle": "AUTO"}`)
	case p.accept("sortkey", "none"):
		a.layout(nil, "", []string{})
	default:
		a.alterLayout()
	}
}

// note sets a change that is made in the catalogue alone.
func (a *alteration) note(function, change string) {
	a.then(func(ctx context.Context, c *session, oid string) error {
		_, err := c.ask(ctx, "SELECT "+catalogueSchema+"."+function+"($1::text::oid, $2::text::jsonb)", oid, change)
		return err
	}, "")
}

// alterLayout reads DISTSTYLE, DISTKEY and SORTKEY. One statement may change the sort key
// together with the distribution.
func (a *alteration) alterLayout() {
	p := a.p
	style, key := "", ""
	var sort []string
	for {
		switch {
		case style == "" && p.accept("diststyle", "key", "distkey"), style == "" && p.accept("distkey"):
			style, key = "KEY", p.name()
		case style == "" && p.accept("diststyle"):
			style = strings.ToUpper(p.must("all", "even", "auto"))
		case sort == nil && p.accept("compound", "sortkey"), sort == nil && p.accept("sortkey"):
			sort = p.plainNames()
		default:
			p.fail()
		}
		if !p.accept(",") {
			break
		}
		p.want("alter")
	}
	if len(sort) > maxSortKeys {
		panic(notInGrammar("R-435", "a sort key has at most %d columns", maxSortKeys))
	}
	if sort != nil && (style == "EVEN" || style == "AUTO") {
		panic(notInGrammar("R-435", "DISTSTYLE %s does not go with SORTKEY", style))
	}
	a.layout(&style, key, sort)
}

// layout sets the distribution style and the keys; nil leaves one as it is.
func (a *alteration) layout(style *string, key string, sort []string) {
	a.then(func(ctx context.Context, c *session, oid string) error {
		is, err := c.ask(ctx, `SELECT r.sortstyle, c.relpersistence FROM `+catalogueSchema+`.relation r JOIN pg_class c ON c.oid = r.relation WHERE r.relation = $1::text::oid`, oid)
		if err != nil || len(is) == 0 {
			return err
		}
		if err := c.mayBeKeys(ctx, oid, append([]string{key}, sort...)); err != nil {
			return err
		}
		if style != nil && *style != "" {
			if is[0][0] == "INTERLEAVED" || is[0][1] == "t" && *style != "KEY" {
				return ruled("R-435", unknown("the distribution of a temporary table, or of one with an interleaved sort key, cannot be changed"))
			}
			if err := c.redistribute(ctx, oid, *style, key); err != nil {
				return err
			}
		}
		if sort == nil {
			return nil
		}
		kind := "COMPOUND"
		if len(sort) == 0 {
			kind = "NONE"
		}
		_, err = c.ask(ctx, "SELECT "+catalogueSchema+".sort($1::text::oid, $2::text[]), "+catalogueSchema+".amend($1::text::oid, $3::text::jsonb)",
			oid, textArray(sort), `{"sortstyle": "`+kind+`"}`)
		return err
	}, "")
}

func (c *session) redistribute(ctx context.Context, oid, style, key string) error {
	by := "NULL"
	if key != "" {
		by = text(key)
	}
	_, err := c.ask(ctx, "SELECT "+catalogueSchema+".distribute($1::text::oid, "+by+"), "+catalogueSchema+".amend($1::text::oid, $2::text::jsonb)",
		oid, `{"diststyle": "`+style+`"}`)
	return err
}

// alterColumn reads ALTER COLUMN, which can change only the size of a VARCHAR and
// encodings.
func (a *alteration) alterColumn() {
	p := a.p
	name := p.name()
	switch {
	case p.accept("set", "not", "null"):
		panic(&Refusal{Code: "0A000", Message: "ALTER COLUMN SET NOT NULL is not supported", Rule: "R-438"})
	case p.accept("drop", "not", "null"):
		panic(&Refusal{Code: "0A000", Message: "ALTER COLUMN DROP NOT NULL is not supported", Rule: "R-438"})
	case p.accept("set", "default"), p.accept("drop", "default"):
		panic(&Refusal{Code: "0A000", Message: "ALTER COLUMN SET/DROP DEFAULT is not supported", Rule: "R-438"})
	case p.accept("encode"):
		a.encode(name)
		return
	}
	p.want("type")
	to := p.columnType()
	if p.peek().is("using") {
		panic(&Refusal{Code: "0A000", Message: "ALTER TABLE ALTER COLUMN does not support USING expression", Rule: "R-434"})
	}
	if to.bytes == 0 || to.ascii || to.binary {
		panic(ruled("R-434", unknown("ALTER COLUMN TYPE is for VARCHAR only")))
	}
	a.s.alone = "ALTER TABLE ALTER COLUMN"
	a.resize(name, to)
}

// encode reads the encodings of one or more columns.
func (a *alteration) encode(name string) {
	p := a.p
	type encoded struct{ column, encoding string }
	var all []encoded
	for {
		if slices.ContainsFunc(all, func(e encoded) bool { return e.column == name }) {
			panic(notInGrammar("R-437", "%q is encoded twice", name))
		}
		all = append(all, encoded{name, p.encoding(columnType{}, name)})
		if !p.accept(",") {
			break
		}
		p.want("alter", "column")
		name = p.name()
		p.want("encode")
	}
	a.then(func(ctx context.Context, c *session, oid string) error {
		for _, e := range all {
			is, err := c.ask(ctx, "SELECT encoding, sortstyle FROM "+catalogueSchema+".attribute a JOIN "+catalogueSchema+`.relation r USING (relation)
				WHERE a.relation = $1::text::oid AND a.attnum = `+catalogueSchema+".attnum($1::text::oid, $2)", oid, e.column)
			if err != nil {
				return err
			}
			if len(is) > 0 && (is[0][0] == e.encoding || is[0][1] == "INTERLEAVED") {
				return ruled("R-437", unknown("%q is encoded so already, or its table has an interleaved sort key", e.column))
			}
			if _, err := c.ask(ctx, "SELECT "+catalogueSchema+".amend_column($1::text::oid, $2, $3::text::jsonb)", oid, e.column, `{"encoding": "`+e.encoding+`"}`); err != nil {
				return err
			}
		}
		_, err := c.ask(ctx, "SELECT "+catalogueSchema+`.amend($1::text::oid, '{"encodeauto": false}')`, oid)
		return err
	}, "")
}
