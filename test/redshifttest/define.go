package redshifttest

import "strings"

func (p *parser) create() *statement {
	p.want("create")
	switch {
	case p.accept("schema"):
		return p.createSchema()
	case p.accept("or", "replace", "view"), p.accept("view"):
		return p.createView()
	case p.accept("user"), p.accept("group"):
		panic(unknown("users and groups are made by the stand-in's options"))
	}
	temporary := p.oneOf("temp", "temporary", "local") != ""
	if temporary {
		p.oneOf("temp", "temporary")
	}
	if !p.accept("table") {
		p.fail()
	}
	return p.createTable(temporary)
}

func (p *parser) createSchema() *statement {
	s := "CREATE SCHEMA "
	if p.accept("if", "not", "exists") {
		s += "IF NOT EXISTS "
	}
	s += quote(p.name())
	if p.accept("authorization") {
		s += " AUTHORIZATION " + quote(p.name())
	}
	return &statement{class: "CREATE SCHEMA", sql: s}
}

// createView reads CREATE VIEW. One that is bound late is checked when it is read
// in Redshift; here it is bound.
func (p *parser) createView() *statement {
	s := "CREATE OR REPLACE VIEW " + p.table()
	if p.peek().is("(") {
		s += " (" + strings.Join(p.names(p.columnName), ", ") + ")"
	}
	p.want("as")
	s += " AS " + p.selectText()
	p.accept("with", "no", "schema", "binding")
	return &statement{class: "CREATE VIEW", sql: s, tag: "CREATE VIEW"}
}

// createTable reads CREATE TABLE. Keys are declared to the planner only, so they
// are left out.
// https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html
func (p *parser) createTable(temporary bool) *statement {
	s := "CREATE TABLE "
	if temporary {
		s = "CREATE TEMP TABLE "
	}
	if p.accept("if", "not", "exists") {
		s += "IF NOT EXISTS "
	}
	if p.peek().kind == wordToken && strings.HasPrefix(p.peek().text, "#") {
		s = strings.Replace(s, "CREATE TABLE", "CREATE TEMP TABLE", 1)
	}
	s += p.table()
	if !p.peek().is("(") {
		p.tableAttributes()
		p.want("as")
		return &statement{class: "CREATE TABLE", sql: s + " AS " + p.selectText(), tag: "SELECT"}
	}
	p.want("(")
	var parts []string
	for {
		if part := p.tablePart(); part != "" {
			parts = append(parts, part)
		}
		if !p.accept(",") {
			break
		}
	}
	p.want(")")
	p.tableAttributes()
	return &statement{class: "CREATE TABLE", sql: s + " (" + strings.Join(parts, ", ") + ")"}
}

// tablePart reads a column, a LIKE or a key.
func (p *parser) tablePart() string {
	switch {
	case p.accept("like"):
		s := "LIKE " + p.table() + " INCLUDING CONSTRAINTS"
		if p.accept("including", "defaults") {
			s += " INCLUDING DEFAULTS"
		} else {
			p.accept("excluding", "defaults")
		}
		return s
	case p.accept("primary", "key"), p.accept("unique"):
		p.names(p.name)
		return ""
	case p.accept("foreign", "key"):
		p.names(p.name)
		p.want("references")
		p.table()
		p.names(p.name)
		return ""
	}
	return p.columnDefinition()
}

// columnDefinition reads a column with its attributes.
func (p *parser) columnDefinition() string {
	name := p.columnName()
	t := p.columnType()
	s := quote(name) + " " + t.sql
	for {
		switch {
		case p.accept("not", "null"):
			s += " NOT NULL"
		case p.accept("null"):
		case p.accept("default"):
			s += " DEFAULT " + p.expression()
		case p.accept("encode"):
			p.take()
		case p.accept("distkey"), p.accept("sortkey"), p.accept("primary", "key"), p.accept("unique"):
		case p.accept("collate"):
			if p.oneOf("case_sensitive", "case_insensitive") == "" {
				p.fail()
			}
		default:
			return s + t.check(name)
		}
	}
}

// tableAttributes reads what follows the columns, which PostgreSQL has no use for.
func (p *parser) tableAttributes() {
	for {
		switch {
		case p.accept("backup"):
			if p.oneOf("yes", "no") == "" {
				p.fail()
			}
		case p.accept("diststyle"):
			if p.oneOf("auto", "even", "key", "all") == "" {
				p.fail()
			}
		case p.accept("distkey"):
			p.want("(")
			p.name()
			p.want(")")
		case p.accept("sortkey", "auto"), p.accept("encode", "auto"):
		case p.accept("compound", "sortkey"), p.accept("interleaved", "sortkey"), p.accept("sortkey"):
			p.names(p.name)
		default:
			return
		}
	}
}

// alter reads ALTER TABLE: one change, of those that Redshift has.
// https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html
func (p *parser) alter() *statement {
	p.want("alter", "table")
	s := &statement{class: "ALTER TABLE", sql: "ALTER TABLE " + p.table()}
	switch {
	case p.accept("add", "column"), p.peek().is("add") && !p.peekAt(1).is("constraint") && p.accept("add"):
		if p.peek().is("if") {
			p.fail()
		}
		s.sql += " ADD COLUMN " + p.addedColumn()
	case p.accept("drop", "column"):
		if p.peek().is("if") {
			p.fail()
		}
		s.sql += " DROP COLUMN " + quote(p.name())
		if way := p.oneOf("restrict", "cascade"); way != "" {
			s.sql += " " + strings.ToUpper(way)
		}
	case p.accept("rename", "column"):
		s.sql += " RENAME COLUMN " + quote(p.name())
		p.want("to")
		s.sql += " TO " + quote(p.columnName())
	case p.accept("rename", "to"):
		s.sql += " RENAME TO " + quote(p.name())
	case p.accept("owner", "to"):
		s.sql += " OWNER TO " + quote(p.name())
	case p.accept("alter", "column"):
		p.alterColumn(s)
	default:
		p.fail()
	}
	return s
}

// addedColumn reads a column that is added. One that is NOT NULL needs a default.
func (p *parser) addedColumn() string {
	start := p.at
	s := p.columnDefinition()
	words := joined(p.tokens[start:p.at])
	if strings.Contains(strings.ToLower(words), "not null") && !strings.Contains(strings.ToLower(words), "default") {
		p.refuse("0A000", "ALTER TABLE ADD COLUMN defined as NOT NULL must have a non-null default expression")
	}
	return s
}

// alterColumn reads ALTER COLUMN: a VARCHAR's size is all that can change, and not
// in a transaction.
func (p *parser) alterColumn(s *statement) {
	name := p.name()
	switch {
	case p.accept("set", "not", "null"), p.accept("drop", "not", "null"):
		p.refuse("0A000", "ALTER COLUMN SET NOT NULL is not supported")
	case p.accept("set", "default"), p.accept("drop", "default"):
		p.refuse("0A000", "ALTER COLUMN SET/DROP DEFAULT is not supported")
	}
	p.want("type")
	t := p.columnType()
	if t.bytes == 0 || t.ascii || t.binary {
		p.refuse("0A000", "ALTER COLUMN TYPE is supported for VARCHAR only")
	}
	if p.peek().is("using") {
		p.refuse("0A000", "ALTER TABLE ALTER COLUMN does not support USING expression")
	}
	s.alone = "ALTER TABLE ALTER COLUMN"
	s.sql += " ALTER COLUMN " + quote(name) + " TYPE " + t.sql
}

func (p *parser) drop() *statement {
	p.want("drop")
	what := p.oneOf("table", "view", "schema")
	if what == "" {
		p.fail()
	}
	s := "DROP " + strings.ToUpper(what) + " "
	if p.accept("if", "exists") {
		s += "IF EXISTS "
	}
	read := p.table
	if what == "schema" {
		read = func() string { return quote(p.name()) }
	}
	s += read()
	for p.accept(",") {
		s += ", " + read()
	}
	if way := p.oneOf("cascade", "restrict"); way != "" {
		s += " " + strings.ToUpper(way)
	}
	return &statement{class: "DROP", sql: s}
}

// grant reads GRANT and REVOKE on tables, schemas and databases.
func (p *parser) grant() *statement {
	verb := p.oneOf("grant", "revoke")
	s := strings.ToUpper(verb) + " "
	for {
		right := p.oneOf("select", "insert", "update", "delete", "usage", "create", "temp", "temporary", "all", "drop", "references")
		if right == "" {
			panic(unknown("the right %q", p.peek().raw))
		}
		if right == "all" {
			p.accept("privileges")
		}
		if right != "drop" {
			s += strings.ToUpper(right)
		}
		if !p.accept(",") {
			break
		}
		s += ", "
	}
	p.want("on")
	switch {
	case p.accept("schema"):
		s += " ON SCHEMA " + quote(p.name())
	case p.accept("database"):
		s += " ON DATABASE " + quote(p.name())
	case p.accept("all", "tables", "in", "schema"):
		s += " ON ALL TABLES IN SCHEMA " + quote(p.name())
	default:
		p.accept("table")
		s += " ON " + p.table()
	}
	direction := map[string]string{"grant": "to", "revoke": "from"}[verb]
	p.want(direction)
	var who []string
	for {
		p.oneOf("group", "role")
		if p.accept("public") {
			who = append(who, "PUBLIC")
		} else {
			who = append(who, quote(p.name()))
		}
		if !p.accept(",") {
			break
		}
	}
	return &statement{class: strings.ToUpper(verb), sql: s + " " + strings.ToUpper(direction) + " " + strings.Join(who, ", ")}
}
