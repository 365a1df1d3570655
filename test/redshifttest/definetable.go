package redshifttest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// maxSortKeys and maxInterleaved are the most columns that a sort key and an interleaved
// sort key may have.
// https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html
const (
	maxSortKeys    = 400
	maxInterleaved = 8
)

// tableDefinition is what CREATE TABLE says: its text for PostgreSQL and, for the
// catalogue, what PostgreSQL does not hold.
type tableDefinition struct {
	DistStyle  string             `json:"diststyle"`
	SortStyle  string             `json:"sortstyle"`
	Backup     bool               `json:"backup"`
	EncodeAuto bool               `json:"encodeauto"`
	Columns    []columnDefinition `json:"columns"`
	Keys       []keyDefinition    `json:"keys"`
	Likes      []string           `json:"likes"` // OIDs
	Late       string             `json:"late,omitempty"`
	LateNow    []lateColumn       `json:"latecolumns,omitempty"`

	name     relationName
	prefix   string // CREATE TABLE and what else precedes the name
	temp     bool
	likes    []relationName
	distKey  string
	sortKeys []string
	set      map[string]bool // the attributes that were given for the whole table
	parts    []string        // columns and keys as PostgreSQL writes them
}

// columnDefinition is a column of a table that is made.
type columnDefinition struct {
	Name        string `json:"name"`
	Type        string `json:"type,omitempty"` // empty if PostgreSQL's own spelling is right
	Encoding    string `json:"encoding,omitempty"`
	DistKey     bool   `json:"distkey"`
	SortKey     int    `json:"sortkey"`            // its place in the key, negative in an interleaved one's even places
	Identity    string `json:"identity,omitempty"` // as SHOW TABLE writes it
	Insensitive bool   `json:"insensitive"`

	kind     columnType
	notNull  bool
	fallback string // DEFAULT
	unique   bool
	primary  bool
	sorted   bool
	foreign  *keyDefinition
}

// keyDefinition is a key. Nothing enforces it, but Redshift's planner relies on it.
// https://docs.aws.amazon.com/redshift/latest/dg/t_Defining_constraints.html
type keyDefinition struct {
	Name       string   `json:"name,omitempty"`
	Kind       string   `json:"kind"` // p, u or f
	Columns    []string `json:"columns"`
	References string   `json:"references,omitempty"` // an OID
	Referenced []string `json:"referenced,omitempty"`

	other relationName
}

// declared returns the type as Redshift's catalogue spells it, if PostgreSQL's type does
// not tell.
func (c columnType) declared() string {
	if c.binary {
		return fmt.Sprintf("binary varying(%d)", c.bytes)
	}
	return ""
}

// createTable reads CREATE TABLE.
// https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html
func (p *parser) createTable(temporary bool) *statement {
	absent := p.accept("if", "not", "exists")
	d := p.newTable(temporary)
	if !p.peek().is("(") || p.peekAt(2).is(",") || p.peekAt(2).is(")") {
		if absent {
			panic(notInGrammar("R-424", "CREATE TABLE AS has no IF NOT EXISTS"))
		}
		return p.createTableAs(d)
	}
	if absent {
		d.prefix += "IF NOT EXISTS "
	}
	p.want("(")
	p.tablePart(d)
	for p.accept(",") {
		p.tablePart(d)
	}
	p.want(")")
	p.tableAttributes(d)
	d.settle()
	sql := d.prefix + d.name.sql() + " (" + strings.Join(d.parts, ", ") + ")"
	return &statement{class: "CREATE TABLE", tag: "CREATE TABLE", sql: sql, own: func(ctx context.Context, c *session) error {
		if _, err := c.ask(ctx, sql); err != nil {
			return err
		}
		return d.remember(ctx, c)
	}}
}

// newTable reads the name of a table to be made.
func (p *parser) newTable(temporary bool) *tableDefinition {
	d := &tableDefinition{DistStyle: "AUTO", SortStyle: "AUTO", Backup: true, EncodeAuto: true, set: map[string]bool{}}
	d.temp = temporary || p.peek().kind == wordToken && strings.HasPrefix(p.peek().text, "#")
	d.name = p.newName(d.temp)
	d.prefix = "CREATE TABLE "
	if d.temp {
		d.prefix = "CREATE TEMP TABLE "
	}
	return d
}

// newName reads the name of a table or view to be made.
func (p *parser) newName(temporary bool) relationName {
	n := relationName{table: strings.TrimPrefix(p.name(), "#")}
	if p.accept(".") {
		if temporary {
			panic(notInGrammar("R-420", "a temporary table's name takes no schema"))
		}
		n = relationName{schema: n.table, table: p.name()}
	}
	if strings.HasPrefix(n.schema, "pg_temp") || strings.HasPrefix(n.schema, "pg_toast") {
		panic(notInGrammar("R-420", "the schema %q", n.schema))
	}
	n.refuseOwn()
	return n
}

// notInGrammar returns the refusal of a form that AWS's grammar does not have, where
// nobody has recorded Redshift's own words.
func notInGrammar(rule, format string, args ...any) *Refusal {
	r := unknown(format, args...)
	r.Code, r.Rule = "42601", rule
	return r
}

// tablePart reads a column, a LIKE or a key.
func (p *parser) tablePart(d *tableDefinition) {
	if p.accept("like") {
		parent := p.table()
		d.likes = append(d.likes, p.named[len(p.named)-1])
		s := "LIKE " + parent + " INCLUDING CONSTRAINTS"
		if p.accept("including", "defaults") {
			s += " INCLUDING DEFAULTS"
		} else {
			p.accept("excluding", "defaults")
		}
		d.parts = append(d.parts, s)
		return
	}
	if key := p.key(); key != nil {
		d.Keys = append(d.Keys, *key)
		return
	}
	p.defining = d.name.table
	c := p.columnDefinition()
	p.defining = ""
	if c.Identity != "" && slices.ContainsFunc(d.Columns, func(other columnDefinition) bool { return other.Identity != "" }) {
		panic(notInGrammar("R-414", "a table has one identity column"))
	}
	d.Columns = append(d.Columns, c)
	d.parts = append(d.parts, c.sql())
}

// key reads a key of a table, if one comes. Redshift has neither CHECK nor EXCLUDE.
func (p *parser) key() *keyDefinition {
	k := &keyDefinition{}
	if p.accept("constraint") {
		k.Name = p.name()
	}
	switch {
	case p.accept("primary", "key"):
		k.Kind = "p"
	case p.accept("unique"):
		k.Kind = "u"
	case p.accept("foreign", "key"):
		k.Kind = "f"
	case k.Name != "" || p.peek().is("check") || p.peek().is("exclude"):
		p.fail()
	default:
		return nil
	}
	k.Columns = p.plainNames()
	if k.Kind == "f" {
		p.want("references")
		p.references(k)
	}
	return k
}

func (p *parser) references(k *keyDefinition) {
	p.table()
	k.other = p.named[len(p.named)-1]
	if p.peek().is("(") {
		k.Referenced = p.plainNames()
	}
}

// plainNames reads a list of names in parentheses and returns them unquoted.
func (p *parser) plainNames() []string {
	p.want("(")
	list := []string{p.name()}
	for p.accept(",") {
		list = append(list, p.name())
	}
	p.want(")")
	return list
}

// columnDefinition reads a column with its attributes, which come in any order.
func (p *parser) columnDefinition() columnDefinition {
	c := columnDefinition{Name: p.columnName()}
	if p.defining != "" {
		p.defining += "." + c.Name
	}
	c.kind = p.columnType()
	c.Type = c.kind.declared()
	p.columnAttributes(&c)
	c.check()
	return c
}

// columnAttributes reads a column's attributes, each once.
func (p *parser) columnAttributes(c *columnDefinition) {
	given := map[string]bool{}
	for {
		what := p.columnAttribute(c)
		switch {
		case what == "":
			return
		case given[what]:
			panic(notInGrammar("R-426", "%s is given twice for %q", what, c.Name))
		}
		given[what] = true
		if given["NULL"] && (given["NOT NULL"] || given["PRIMARY KEY"]) {
			panic(notInGrammar("R-426", "NULL and NOT NULL for %q", c.Name))
		}
	}
}

// columnAttribute reads one attribute of a column and returns its kind, or an empty
// string if none comes.
func (p *parser) columnAttribute(c *columnDefinition) string {
	switch {
	case p.accept("not", "null"):
		c.notNull = true
		return "NOT NULL"
	case p.accept("null"):
		return "NULL"
	case p.accept("default"):
		c.fallback = p.defaultValue(c)
		return "DEFAULT"
	case p.accept("encode"):
		c.Encoding = p.encoding(c.kind, c.Name)
		return "ENCODE"
	case p.accept("distkey"):
		c.DistKey = true
		return "DISTKEY"
	case p.accept("sortkey"):
		c.sorted = true
		return "SORTKEY"
	case p.accept("primary", "key"):
		c.primary, c.notNull = true, true
		return "PRIMARY KEY"
	case p.accept("unique"):
		c.unique = true
		return "UNIQUE"
	case p.accept("references"):
		c.foreign = &keyDefinition{Kind: "f", Columns: []string{c.Name}}
		p.references(c.foreign)
		return "REFERENCES"
	case p.accept("collate"):
		way := p.oneOf("case_sensitive", "case_insensitive")
		if way == "" || c.kind.bytes == 0 || c.kind.binary {
			p.fail()
		}
		c.Insensitive = way == "case_insensitive"
		return "COLLATE"
	case p.accept("identity"):
		p.identity(c, "IDENTITY", "ALWAYS")
		return "IDENTITY"
	case p.accept("generated", "by", "default", "as", "identity"):
		p.identity(c, "GENERATED BY DEFAULT AS IDENTITY", "BY DEFAULT")
		return "IDENTITY"
	}
	return ""
}

// defaultValue reads the value of DEFAULT, which may name no column and no function of
// the leader node.
func (p *parser) defaultValue(c *columnDefinition) string {
	tables, leader := len(p.named), len(p.leader)
	n := p.node()
	if len(p.leader) > leader {
		panic(ruled("R-418", unknown("a function of the leader node in DEFAULT")))
	}
	if c.kind.sql == superType && n.alone.kind == literalToken {
		panic(unparsedString(c.Name))
	}
	s := n.sql
	if len(p.named) > tables {
		panic(&Refusal{Code: "0A000", Message: "cannot use subquery in DEFAULT expression", Rule: "R-418"})
	}
	return s
}

// identity reads the seed and the step of an identity column. Both must be given.
func (p *parser) identity(c *columnDefinition, words, when string) {
	p.want("(")
	seed := p.signed()
	p.want(",")
	step := p.signed()
	p.want(")")
	if !slices.Contains([]string{"integer", "bigint"}, c.kind.sql) {
		panic(notInGrammar("R-414", "an identity column is an INT or a BIGINT"))
	}
	if step == 0 {
		panic(notInGrammar("R-414", "the step of an identity column is not 0"))
	}
	limits := map[string]string{"integer": "MINVALUE -2147483648 MAXVALUE 2147483647", "bigint": "MINVALUE -9223372036854775808 MAXVALUE 9223372036854775807"}
	c.Identity = fmt.Sprintf("%s(%d,%d)", words, seed, step)
	c.fallback = fmt.Sprintf("GENERATED %s AS IDENTITY (START WITH %d INCREMENT BY %d %s)", when, seed, step, limits[c.kind.sql])
}

// signed reads a whole number, which may be negative.
func (p *parser) signed() int {
	if p.accept("-") {
		return -p.integer()
	}
	return p.integer()
}

// check refuses attributes that contradict each other.
func (c *columnDefinition) check() {
	if c.DistKey || c.sorted {
		refuseAsKey(c.kind)
	}
	if c.Identity != "" && !strings.HasPrefix(c.fallback, "GENERATED") {
		panic(notInGrammar("R-414", "an identity column has no DEFAULT"))
	}
}

// superType is PostgreSQL's type for SUPER.
const superType = catalogueSchema + ".super"

// sql returns the column as PostgreSQL writes it.
func (c columnDefinition) sql() string {
	s := quote(c.Name) + " " + c.kind.sql
	if c.Insensitive {
		s += " COLLATE " + catalogueSchema + ".case_insensitive"
	}
	switch {
	case c.Identity != "":
		s += " " + c.fallback
	case c.fallback != "":
		s += " DEFAULT " + c.fallback
	}
	if c.notNull {
		s += " NOT NULL"
	}
	return s + c.kind.check(c.Name)
}

// tableAttributes reads the attributes behind the columns, each at most once.
func (p *parser) tableAttributes(d *tableDefinition) {
	for {
		word := p.peek().text
		if word == "compound" || word == "interleaved" {
			word = "sortkey"
		}
		if !p.tableAttribute(d) {
			return
		}
		if d.set[word] {
			panic(notInGrammar("R-411", "%s is given twice", strings.ToUpper(word)))
		}
		d.set[word] = true
	}
}

func (p *parser) tableAttribute(d *tableDefinition) bool {
	switch {
	case p.accept("backup"):
		d.Backup = p.must("yes", "no") == "yes"
	case p.accept("diststyle"):
		d.DistStyle = strings.ToUpper(p.must("auto", "even", "key", "all"))
	case p.accept("distkey"):
		p.want("(")
		d.distKey = p.name()
		p.want(")")
	case p.accept("sortkey", "auto"), p.accept("encode", "auto"):
	case p.accept("interleaved", "sortkey"):
		d.SortStyle, d.sortKeys = "INTERLEAVED", p.plainNames()
	case p.accept("compound", "sortkey"), p.accept("sortkey"):
		d.SortStyle, d.sortKeys = "COMPOUND", p.plainNames()
	default:
		return false
	}
	return true
}

// must reads one of the words, and refuses anything else.
func (p *parser) must(words ...string) string {
	w := p.oneOf(words...)
	if w == "" {
		p.fail()
	}
	return w
}

// made returns an expression for the table that was just made, as a regclass.
func (d *tableDefinition) made() string {
	switch {
	case d.temp:
		return "(" + text("pg_temp."+quote(d.name.table)) + "::regclass)"
	case d.name.schema == "":
		return "((quote_ident(current_schema()) || " + text("."+quote(d.name.table)) + ")::regclass)"
	}
	return "(" + text(d.name.sql()) + "::regclass)"
}

// remember writes the definition to the catalogue.
func (d *tableDefinition) remember(ctx context.Context, c *session) error {
	for _, like := range d.likes {
		oid, err := c.oid(ctx, like)
		if err != nil {
			return err
		}
		d.Likes = append(d.Likes, oid)
	}
	for n := range d.Keys {
		if err := d.Keys[n].resolve(ctx, c, d.name); err != nil {
			return err
		}
	}
	found, err := c.ask(ctx, "SELECT "+catalogueSchema+".remember("+d.made()+", "+asJSON(d)+"), "+d.made())
	if err != nil || found[0][0] == "f" {
		return err // IF NOT EXISTS found the table, so nothing was made
	}
	return d.primaryNotNull(ctx, c, found[0][1])
}

// primaryNotNull makes the columns of a primary key NOT NULL. That is the only part of a
// primary key that is enforced.
func (d *tableDefinition) primaryNotNull(ctx context.Context, c *session, table string) error {
	for _, k := range d.Keys {
		if k.Kind != "p" {
			continue
		}
		for _, name := range k.Columns {
			if _, err := c.ask(ctx, "ALTER TABLE "+table+" ALTER COLUMN "+quote(name)+" SET NOT NULL"); err != nil {
				return err
			}
		}
	}
	return nil
}

// resolve finds the table that a foreign key references.
func (k *keyDefinition) resolve(ctx context.Context, c *session, own relationName) (err error) {
	if k.Kind != "f" {
		return nil
	}
	if k.other == own {
		return unknown("a foreign key to its own table is not on the list")
	}
	k.References, err = c.oid(ctx, k.other)
	return err
}

// asJSON returns a value as a literal of PostgreSQL's jsonb.
func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // cannot happen: the values are made of strings, numbers and lists of them
	}
	return text(string(b)) + "::jsonb"
}
