package redshifttest

import (
	"fmt"
	"slices"
	"strings"
)

// primary reads an operand: a value that contains no operator outside of parentheses.
func (p *parser) primary() node {
	t := p.peek()
	switch {
	case t.kind == literalToken:
		p.at++
		return node{sql: text(t.text), shape: literalShape, name: "?column?", alone: t}
	case t.kind == numberToken, t.kind == parameterToken:
		p.at++
		return node{sql: t.raw, name: "?column?", alone: t}
	case t.is("("):
		return p.parenthesis()
	case t.kind != wordToken:
		return p.columnPath()
	case p.peekAt(1).kind == literalToken && typedLiterals[t.text] != "":
		p.at++
		return node{sql: p.typedLiteral(t.text), name: t.text}
	}
	if read, ok := primaries[t.text]; ok {
		return read(p)
	}
	if p.peekAt(1).is("(") {
		return p.call()
	}
	return p.columnPath()
}

// typedLiterals are the types that may stand before a literal.
var typedLiterals = map[string]string{
	"date": "date", "time": "time", "timetz": "timetz", "timestamp": "timestamp", "timestamptz": "timestamptz", "interval": "interval",
}

// typedLiteral reads a literal behind its type. The unit of an interval may follow.
func (p *parser) typedLiteral(name string) string {
	value := p.literal()
	if name == "interval" {
		if unit := p.oneOf("year", "month", "day", "hour", "minute", "second"); unit != "" {
			value += " " + unit
		}
	}
	if name != "interval" {
		checkMoment(text(value))
	}
	return text(value) + "::" + typedLiterals[name]
}

// primaries are the words that begin a value and are not names.
var primaries map[string]func(*parser) node

func init() {
	constant := func(p *parser) node {
		word := strings.ToUpper(p.take().text)
		return node{sql: word, name: "?column?"}
	}
	leader := func(p *parser) node {
		word := p.take().text
		p.leaderOnly(word)
		return node{sql: strings.ToUpper(word), name: word}
	}
	user := func(p *parser) node {
		return node{sql: strings.ToUpper(p.take().text) + "::text", name: "current_user"}
	}
	primaries = map[string]func(*parser) node{
		"true": constant, "false": constant, "null": constant,
		"current_user": user, "session_user": user, "user": user,
		"current_timestamp": leader, "current_time": leader, "localtime": leader, "localtimestamp": leader,
		"case": (*parser).caseWhen, "cast": (*parser).cast, "array": (*parser).array, "approximate": approximate,
		"exists": func(p *parser) node {
			p.at++
			return node{sql: "EXISTS " + p.subquery(existsPlace).sql, name: "?column?"}
		},
		"current_date": func(p *parser) node { p.at++; return node{sql: "CURRENT_DATE", name: "date"} },
		"sysdate": func(p *parser) node {
			p.at++
			return node{sql: "(transaction_timestamp() AT TIME ZONE 'UTC')", name: "sysdate"}
		},
	}
}

// leaderOnly notes a function that may not be in one statement with a user's table.
func (p *parser) leaderOnly(name string) {
	p.leader = append(p.leader, `Function "`+name+`()" not supported.`)
}

func (p *parser) cast() node {
	p.want("cast", "(")
	n := p.node()
	p.want("as")
	n = node{sql: p.columnType().cast(n.sql), name: n.name}
	p.want(")")
	return n
}

// array reads ARRAY(...), which makes a SUPER. Redshift has no arrays like PostgreSQL's.
// https://github.com/jOOQ/jOOQ/issues/18350
func (p *parser) array() node {
	p.want("array")
	if p.peek().is("[") {
		p.failBy("R-242")
	}
	p.want("(")
	if p.peek().is("select") || p.peek().is("with") {
		panic(&Refusal{Code: "0A000", Rule: "R-242", Message: "ARRAY expressions cannot take a subquery as input."})
	}
	list := ""
	if !p.peek().is(")") {
		list = p.list()
	}
	p.want(")")
	return node{sql: "jsonb_build_array(" + list + ")", shape: superShape, name: "array"}
}

// parenthesis reads a subquery or an expression in parentheses.
func (p *parser) parenthesis() node {
	if next := p.peekAt(1); next.is("select") || next.is("with") {
		return p.subquery(valuePlace)
	}
	p.want("(")
	n := p.node()
	if p.peek().is(",") {
		p.at++
		n = node{sql: n.sql + ", " + p.list(), shape: rowShape}
	}
	p.want(")")
	n.sql = "(" + n.sql + ")"
	return n
}

func (p *parser) caseWhen() node {
	p.want("case")
	s := "CASE"
	if !p.peek().is("when") {
		s += " " + p.expression()
	}
	if !p.peek().is("when") {
		p.fail()
	}
	for p.accept("when") {
		s += " WHEN " + p.expression()
		p.want("then")
		s += " THEN " + p.expression()
	}
	if p.accept("else") {
		s += " ELSE " + p.expression()
	}
	p.want("end")
	return node{sql: s + " END", name: "case"}
}

// columnPath reads a column's name with its qualifiers. If the column is a SUPER, a path
// into it may follow, which needs the table's name or alias in front.
// https://docs.aws.amazon.com/redshift/latest/dg/query-super.html
func (p *parser) columnPath() node {
	names := []string{p.name()}
	for p.accept(".") {
		names = append(names, p.name())
	}
	outers := p.outers()
	before := p.owner(names)
	if len(names) <= before || before == 0 && (len(names) > 3 || p.peek().is("[")) {
		p.fail()
	}
	if before == 0 {
		before = len(names) - 1
	}
	column := names[before]
	p.noSystemColumn(column)
	n := node{shape: columnShape, table: strings.Join(names[:before], "."), name: column}
	if before == 2 && p.late != nil {
		names = names[1:] // a view that is bound late goes by its plain name
		before, column = 1, names[1]
	}
	for _, name := range names[:before] {
		n.sql += quote(strings.TrimPrefix(name, "#")) + "."
	}
	n.sql += quote(column)
	if before == 0 && p.scope != nil {
		n.sql = p.aliased(column, n.sql)
		if p.scope.outer != nil {
			p.nearest(column)
		}
		p.noRow(column)
	}
	n.around = p.outers() > outers
	if len(names) > before+1 || p.peek().is("[") {
		return p.superPath(n, names[before+1:])
	}
	if p.accept("(+)") {
		p.mark(n)
	}
	return n
}

// noSystemColumn refuses PostgreSQL's own columns. noRow refuses a table's name as a
// value, which is a row in PostgreSQL only.
func (p *parser) noSystemColumn(column string) {
	if slices.Contains([]string{"ctid", "tableoid", "xmin", "cmin", "xmax", "cmax"}, column) {
		panic(ruled("R-250", unknown("the system column %s", column)))
	}
}

func (p *parser) noRow(name string) {
	c, depth := p.scope.find(name)
	if depth >= 0 && !slices.Contains(c.columns(), name) {
		panic(&Refusal{Code: "42703", Rule: "R-250", Message: fmt.Sprintf("column %q does not exist", name)})
	}
}

// superPath reads the rest of a path into a SUPER. A path that leads nowhere is NULL.
func (p *parser) superPath(n node, rest []string) node {
	for _, name := range rest {
		n.sql, n.name = n.sql+" -> "+text(name), name
	}
	for {
		switch {
		case p.accept("["):
			n.sql += " -> " + p.index()
			p.want("]")
		case p.accept("."):
			n.name = p.name()
			n.sql += " -> " + text(n.name)
		default:
			p.paths++
			return node{sql: "nullif(" + n.sql + ", 'null'::jsonb)", shape: superShape, name: n.name}
		}
	}
}

// index reads a whole number in brackets.
func (p *parser) index() string {
	if p.peek().kind != numberToken {
		panic(ruled("R-230", unknown("an index that is not a number")))
	}
	t := p.take()
	return t.raw
}

// superComparison compares a value in a SUPER with another. Values of different types are
// neither equal nor unequal.
// https://docs.aws.amazon.com/redshift/latest/dg/query-super.html
func superComparison(left node, op string, right node) string {
	side := func(n node) string {
		switch n.shape {
		case superShape:
			return n.sql
		case literalShape:
			return "to_jsonb(" + n.sql + "::text)"
		}
		return "to_jsonb(" + n.sql + ")"
	}
	l, r := side(left), side(right)
	return "(CASE WHEN jsonb_typeof(" + l + ") = jsonb_typeof(" + r + ") THEN " + l + " " + op + " " + r + " END)"
}
