package redshifttest

import (
	"slices"
	"strings"
)

// stops are words that end a table or an output although they are not reserved.
var stops = map[string]bool{
	"set": true, "returning": true, "fetch": true, "window": true, "values": true, "at": true, "exclude": true, "tablesample": true, "natural": true,
}

// from reads the tables of a FROM clause.
func (p *parser) from() string {
	s := p.source()
	for {
		switch {
		case p.accept(","):
			s += ", " + p.source()
		case p.accept("cross", "join"):
			p.scope.joined = true
			s += " CROSS JOIN " + p.source()
		default:
			join := p.join()
			if join == "" {
				return s
			}
			p.scope.joined = true
			s += join + p.source()
			if !strings.HasPrefix(join, " NATURAL") {
				s += p.joinCondition(join)
			}
		}
	}
}

// joinCondition reads USING or ON. A FULL JOIN needs equalities.
func (p *parser) joinCondition(join string) string {
	if p.accept("using") {
		p.scope.using = true
		return " USING (" + strings.Join(p.names(p.name), ", ") + ")"
	}
	p.want("on")
	p.scope.on, p.scope.outerJoin = true, join != " JOIN "
	n := p.node()
	p.scope.on, p.scope.outerJoin = false, false
	unequal := func(n node) bool { return n.shape != equalShape }
	if join == " FULL JOIN " && slices.ContainsFunc(n.conjuncts(), unequal) {
		panic(&Refusal{Code: "0A000", Rule: "R-216", Message: "FULL JOIN is only supported with merge-joinable join conditions"})
	}
	return " ON " + n.sql
}

// join reads the words of a join that takes a condition.
func (p *parser) join() string {
	natural := ""
	if p.accept("natural") {
		natural, p.scope.using = " NATURAL", true
	}
	for _, kind := range []string{"left", "right", "full"} {
		if p.accept(kind, "join") || p.accept(kind, "outer", "join") {
			return natural + " " + strings.ToUpper(kind) + " JOIN "
		}
	}
	if p.accept("join") || p.accept("inner", "join") {
		return natural + " JOIN "
	}
	if natural != "" {
		p.fail()
	}
	return ""
}

// source reads one table or subquery with its alias, and notes it in the scope.
func (p *parser) source() string {
	if p.peek().is("lateral") {
		p.failBy("R-243")
	}
	var c source
	switch {
	case p.peek().is("("):
		c = p.derived()
	default:
		c = p.namedSource()
	}
	if p.peek().is("pivot") || p.peek().is("unpivot") {
		c = p.turned(c)
	}
	if p.peek().is("tablesample") {
		p.failBy("R-244")
	}
	if alias, ok := p.aliasName(); ok {
		c.alias, c.relation = alias, relationName{}
		c.sql += " AS " + quote(alias)
		c = p.columnAliases(c)
	} else if strings.HasPrefix(c.sql, catalogueSchema+".") {
		c.sql += " AS " + quote(c.alias)
	} else if c.alias == "" {
		panic(&Refusal{Code: "42601", Rule: "R-215", Message: "subquery in FROM must have an alias"})
	}
	if slices.ContainsFunc(p.scope.sources, func(other source) bool { return other.alias == c.alias && other.relation == c.relation }) {
		panic(&Refusal{Code: "42712", Rule: "R-215", Message: "table name \"" + c.alias + "\" specified more than once"})
	}
	p.scope.sources = append(p.scope.sources, c)
	return c.sql
}

// derived reads a subquery in FROM, which does not see the tables beside it.
func (p *parser) derived() source {
	if p.peekAt(1).is("values") {
		p.at++
		p.failBy("R-243")
	}
	if next := p.peekAt(1); !next.is("select") && !next.is("with") && !next.is("(") {
		p.at++
		p.fail()
	}
	p.want("(")
	var outer *scope
	if p.scope.outer != nil {
		outer = &scope{outer: p.scope.outer}
	}
	q := p.selection(outer)
	p.want(")")
	return source{sql: "(" + q.sql + ")", columns: q.columns}
}

// namedSource reads a table, a view or a common table.
func (p *parser) namedSource() source {
	name := p.peek().text
	if i := slices.IndexFunc(p.common, func(c commonTable) bool { return c.name == name }); i >= 0 && !p.peekAt(1).is(".") {
		p.name()
		return source{sql: quote(name), alias: name, columns: p.common[i].columns}
	}
	if p.peekAt(1).is("(") {
		panic(ruled("R-245", unknown("a function in FROM is not on the list")))
	}
	start := p.at
	c := source{sql: p.table()}
	n := relationName{table: p.tokens[start].text}
	if p.at > start+1 {
		n = relationName{schema: n.table, table: p.tokens[p.at-1].text}
	}
	c.alias, c.relation = n.table, n
	n.table = strings.TrimPrefix(n.table, "#")
	c.columns = p.tableColumns(n)
	if own, ok := strings.CutPrefix(c.sql, catalogueSchema+"."); ok {
		n = relationName{schema: catalogueSchema, table: strings.Trim(own, `"`)}
		c.columns = p.tableColumns(n)
	}
	p.noteCatalogue(c)
	return c
}

// noteCatalogue notes a table of the catalogue. PostgreSQL's own tables, and the views
// over them, are on the leader node; the system's own tables are where users' tables are.
// https://docs.aws.amazon.com/redshift/latest/dg/c_SQL_functions_leader_node_only.html
func (p *parser) noteCatalogue(c source) {
	switch {
	case onLeader(c.relation):
		p.catalogued = append(p.catalogued, `[stand-in] Relation "`+c.relation.table+`" is on the leader node.`)
	case strings.HasPrefix(c.sql, catalogueSchema+"."):
		p.systems++
		p.shared = p.shared || c.relation.table == sharedColumns
	}
}

// onLeader reports whether a relation is in PostgreSQL's catalogue or is a view over it.
func onLeader(n relationName) bool {
	return n.schema == "information_schema" || n.schema == "pg_catalog" || n.schema == "" && strings.HasPrefix(n.table, "pg_") || n.table == "svv_columns" || n.table == "svv_tables"
}

// sharedColumns is the view that also lists the columns of other databases.
const sharedColumns = "svv_redshift_columns"

// sharedWithLeader returns the refusal of sharedColumns beside something on the leader
// node.
// https://github.com/dbt-labs/dbt-redshift/issues/641
func sharedWithLeader() *Refusal {
	return ruled("R-718", unknown("%s in one query with a table of PostgreSQL's catalogue", sharedColumns))
}

// isAlias reports whether a token can be an alias without AS.
func (p *parser) isAlias(t token) bool {
	if t.is("start") && p.peekAt(1).is("with") {
		return false // CONNECT BY
	}
	return t.kind == quotedToken || t.kind == wordToken && !reserved[t.text] && !stops[t.text]
}

// aliasName reads an alias, if one comes.
func (p *parser) aliasName() (string, bool) {
	if p.accept("as") || p.isAlias(p.peek()) {
		return p.name(), true
	}
	return "", false
}

// columnAliases reads new names for a source's columns.
func (p *parser) columnAliases(c source) source {
	if !p.peek().is("(") {
		return c
	}
	var names []string
	list := p.names(func() string { names = append(names, p.name()); return names[len(names)-1] })
	c.sql += " (" + strings.Join(list, ", ") + ")"
	old := c.columns
	c.columns = func() []string { return append(slices.Clone(names), old()[min(len(names), len(old())):]...) }
	return c
}
