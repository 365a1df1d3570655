package redshifttest

import (
	"context"
	"strings"
)

// create reads CREATE and dispatches by the kind of object.
// https://docs.aws.amazon.com/redshift/latest/dg/c_SQL_commands.html
func (p *parser) create() *statement {
	p.want("create")
	switch {
	case p.accept("schema"):
		return p.createSchema()
	case p.accept("or", "replace", "view"):
		return p.createView(true)
	case p.accept("view"):
		return p.createView(false)
	case p.accept("materialized", "view"):
		return p.createMaterialized()
	case p.accept("user"):
		return p.createUser()
	case p.accept("group"):
		return p.createGroup()
	case p.accept("role"):
		return p.createRole()
	case p.accept("database"):
		return p.createDatabase()
	case p.peek().is("external") || p.peek().is("library") || p.peek().is("model") || p.peek().is("datashare") || p.peek().is("procedure"),
		p.peek().is("function") || p.peek().is("or"), p.peek().is("rls") || p.peek().is("masking") || p.peek().is("identity"):
		panic(ruled("R-404", unknown("CREATE %s is not on the list", strings.ToUpper(p.peek().text))))
	}
	temporary := p.accept("local")
	if p.oneOf("temp", "temporary") != "" {
		temporary = true
	} else if temporary {
		p.fail()
	}
	if !p.peek().is("table") {
		p.failOn("R-403", notMade...)
	}
	p.at++
	return p.createTable(temporary)
}

// createSchema reads CREATE SCHEMA. A quota may be given, but has no effect.
// https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_SCHEMA.html
func (p *parser) createSchema() *statement {
	s := "CREATE SCHEMA "
	if p.accept("if", "not", "exists") {
		s += "IF NOT EXISTS "
	}
	if !p.peek().is("authorization") {
		s += quote(p.name())
	}
	if p.accept("authorization") {
		s += " AUTHORIZATION " + quote(p.account())
	}
	if p.accept("quota") && !p.accept("unlimited") {
		p.integer()
		p.oneOf("mb", "gb", "tb")
	}
	return &statement{class: "CREATE SCHEMA", sql: s}
}

// createDatabase reads CREATE DATABASE. The new database is known by its name and level
// only.
// https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_DATABASE.html
func (p *parser) createDatabase() *statement {
	name, level := p.name(), ""
	p.accept("with")
	for p.peek().kind != endToken {
		switch {
		case p.accept("owner"):
			p.accept("=")
			p.account()
		case p.accept("connection", "limit"):
			if !p.accept("unlimited") {
				p.integer()
			}
		case p.accept("collate"):
			p.must("case_sensitive", "case_insensitive")
		case p.accept("isolation", "level"):
			level = p.must("serializable", "snapshot")
		default:
			p.fail()
		}
	}
	return p.database("CREATE DATABASE", "create_database", name, level)
}

// alterDatabase reads ALTER DATABASE ... ISOLATION LEVEL and its other forms.
// https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_DATABASE.html
func (p *parser) alterDatabase() *statement {
	name := p.name()
	if !p.accept("isolation", "level") {
		panic(ruled("R-405", unknown("of ALTER DATABASE only ISOLATION LEVEL is on the list")))
	}
	return p.database("ALTER DATABASE", "alter_database", name, p.must("serializable", "snapshot"))
}

// database returns the statement that notes a database. The stand-in serves one database
// and knows others by name and level only.
func (p *parser) database(verb, function, name, level string) *statement {
	return &statement{class: verb, alone: verb, tag: verb, own: func(ctx context.Context, c *session) error {
		_, err := c.ask(ctx, "SELECT "+catalogueSchema+"."+function+"($1, $2)", name, level)
		return err
	}}
}

// drop reads DROP and dispatches by the kind of object.
func (p *parser) drop() *statement {
	p.want("drop")
	switch what := p.oneOf("table", "view", "schema", "materialized", "user", "group", "role", "database"); what {
	case "table", "view", "schema":
		return p.dropObjects(what)
	case "materialized":
		p.want("view")
		return p.dropObjects("materialized view")
	case "user":
		return p.dropUser()
	case "group":
		return p.dropGroup()
	case "role":
		return p.dropRole()
	case "database":
		return p.database("DROP DATABASE", "drop_database", p.name(), "")
	}
	switch w := p.peek(); {
	case w.is("external"), w.is("library"), w.is("model"), w.is("datashare"), w.is("procedure"), w.is("function"), w.is("rls"):
		panic(ruled("R-404", unknown("DROP %s is not on the list", strings.ToUpper(w.text))))
	}
	p.failOn("R-403", notMade...)
	return nil
}

// notMade are kinds of objects that Redshift does not have.
// https://docs.aws.amazon.com/redshift/latest/dg/c_unsupported-postgresql-features.html
var notMade = []string{"sequence", "index", "trigger", "type", "domain", "extension", "unlogged"}

// dropObjects reads DROP of tables, views or schemas.
// https://docs.aws.amazon.com/redshift/latest/dg/r_DROP_TABLE.html
func (p *parser) dropObjects(what string) *statement {
	s := "DROP " + strings.ToUpper(what) + " "
	if p.accept("if", "exists") {
		s += "IF EXISTS "
	}
	read := p.table
	if what == "schema" {
		read = func() string {
			n := relationName{schema: p.name()}
			n.refuseOwn()
			return quote(n.schema)
		}
	}
	names := []string{read()}
	for p.accept(",") {
		if what == "materialized view" {
			p.at--
			p.fail()
		}
		names = append(names, read())
	}
	way := p.oneOf("cascade", "restrict")
	s += strings.Join(names, ", ") + " " + strings.ToUpper(way)
	if what != "table" {
		return &statement{class: "DROP", sql: strings.TrimSpace(s)}
	}
	return p.dropTables(strings.TrimSpace(s), way == "cascade")
}

// dropTables returns a statement that drops tables, for their owner or somebody who was
// granted DROP. It fails, without CASCADE, if a foreign key of another table references
// one.
func (p *parser) dropTables(sql string, cascade bool) *statement {
	names := p.named
	return &statement{class: "DROP", tag: "DROP TABLE", own: func(ctx context.Context, c *session) error {
		known, err := c.relations(ctx, names)
		if err != nil {
			return err
		}
		var oids []string
		for _, r := range known {
			oids = append(oids, r.oid)
		}
		list := "{" + strings.Join(oids, ",") + "}"
		if _, err := c.ask(ctx, "SELECT "+catalogueSchema+".release($1::text::oid[], $2::text::boolean)", list, yesNo(cascade)); err != nil {
			return err
		}
		granted, err := c.value(ctx, "SELECT "+catalogueSchema+".granted_all($1::text::oid[], 'DROP')", list)
		if err != nil {
			return err
		}
		return c.asOwner(ctx, granted == "t", sql)
	}}
}

// asOwner runs a definition with the server's rights if the user may do it without being
// the owner, and with the user's own rights otherwise.
func (c *session) asOwner(ctx context.Context, allowed bool, sql string) error {
	if allowed {
		_, err := c.ask(ctx, "SELECT "+catalogueSchema+".run_definition($1)", sql)
		return err
	}
	_, err := c.ask(ctx, sql)
	return err
}

func yesNo(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

// comment reads COMMENT ON.
// https://docs.aws.amazon.com/redshift/latest/dg/r_COMMENT.html
func (p *parser) comment() *statement {
	p.want("comment", "on")
	what := p.must("table", "view", "column", "database", "constraint")
	var s string
	switch what {
	case "table", "view":
		s = p.table()
	case "column":
		s = p.commentedColumn()
	case "database":
		s = quote(p.name())
	case "constraint":
		panic(ruled("R-407", unknown("COMMENT ON CONSTRAINT is not on the list: keys are notes here")))
	}
	p.want("is")
	value := "NULL"
	if !p.accept("null") {
		value = text(p.literal())
	}
	return &statement{class: "COMMENT", sql: "COMMENT ON " + strings.ToUpper(what) + " " + s + " IS " + value}
}

// commentedColumn reads table.column or schema.table.column.
func (p *parser) commentedColumn() string {
	first := p.name()
	p.want(".")
	second := p.name()
	n, column := relationName{table: first}, second
	if p.accept(".") {
		n, column = relationName{schema: first, table: second}, p.name()
	}
	return p.userTable(n) + "." + quote(column)
}
