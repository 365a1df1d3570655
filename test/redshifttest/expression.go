package redshifttest

import (
	"slices"
	"strings"
)

// node is an expression: its text for PostgreSQL, and as much of its shape as the rules
// ask for.
type node struct {
	sql    string
	shape  shape
	parts  []node   // the terms of an AND, the sides of an equality
	table  string   // of a column: the table before its name, as it was written
	name   string   // of a column; for anything else the name of an output of it
	outer  []string // the tables that (+) marks in a term of an AND
	alone  token    // the literal or parameter, if the expression is nothing else
	around bool     // of a column: it belongs to an outer query
}

// shape is the outermost form of an expression.
type shape int

const (
	otherShape shape = iota
	andShape
	equalShape
	columnShape
	literalShape
	superShape // a path into a SUPER
	rowShape   // several values in parentheses
)

// conjuncts returns the terms of an AND, including those of ANDs within it, or the node
// itself if it is no AND.
func (n node) conjuncts() []node {
	if n.shape != andShape {
		return []node{n}
	}
	var all []node
	for _, part := range n.parts {
		all = append(all, part.conjuncts()...)
	}
	return all
}

// expression reads an expression and writes it for PostgreSQL. Both dialects have the
// same precedence, so operators keep their order.
func (p *parser) expression() string { return p.node().sql }

func (p *parser) node() node {
	marks := p.marks()
	n := p.and()
	if !p.peek().is("or") {
		return n
	}
	for p.accept("or") {
		n = node{sql: n.sql + " OR " + p.and().sql}
	}
	p.unmarked(marks, "OR")
	return n
}

func (p *parser) and() node {
	term := func() node {
		marks := p.marks()
		n := p.not()
		if p.marks() > marks && len(n.outer) == 0 {
			n.outer = slices.Clone(p.scope.marks[marks:])
		}
		return n
	}
	n := term()
	if !p.peek().is("and") {
		return n
	}
	all := node{sql: n.sql, shape: andShape, parts: []node{n}}
	for p.accept("and") {
		n = term()
		all.sql += " AND " + n.sql
		all.parts = append(all.parts, n)
	}
	return all
}

func (p *parser) not() node {
	if p.accept("not") {
		return node{sql: "NOT " + p.not().sql}
	}
	return p.comparison()
}

func (p *parser) comparison() node {
	n := p.sum()
	for {
		if op := p.oneOf("=", "<", ">", "<=", ">=", "<>", "!="); op != "" {
			n = p.compared(n, op)
			continue
		}
		negated := ""
		if p.peek().is("not") && slices.ContainsFunc([]string{"in", "like", "ilike", "between", "similar"}, p.peekAt(1).is) {
			p.at++
			negated = "NOT "
		}
		switch {
		case p.accept("is"):
			n = node{sql: n.sql + p.isTest()}
		case p.accept("isnull"):
			n = node{sql: n.sql + " IS NULL"}
		case p.accept("notnull"):
			n = node{sql: n.sql + " IS NOT NULL"}
		case p.accept("in"):
			n = node{sql: n.sql + " " + negated + "IN " + p.inList()}
		case p.accept("between"):
			s := n.sql + " " + negated + "BETWEEN " + p.sum().sql
			p.want("and")
			n = node{sql: s + " AND " + p.sum().sql}
		case p.peek().is("like"), p.peek().is("ilike"), p.peek().is("similar"):
			n = node{sql: n.sql + " " + negated + p.pattern()}
		case p.peek().is("~"), p.peek().is("!~"):
			n = node{sql: n.sql + " " + p.take().text + " " + p.sum().sql}
		default:
			return n
		}
	}
}

// compared reads the right side of a comparison.
func (p *parser) compared(left node, op string) node {
	if word := p.peek(); (word.is("any") || word.is("some") || word.is("all")) && p.peekAt(1).is("(") {
		p.at++
		return node{sql: left.sql + " " + op + " " + strings.ToUpper(word.text) + " " + p.subquery(anyPlace).sql}
	}
	right := p.sum()
	if left.shape == superShape || right.shape == superShape {
		return node{sql: superComparison(left, op, right)}
	}
	n := node{sql: left.sql + " " + op + " " + right.sql}
	if op == "=" {
		n.shape, n.parts = equalShape, []node{left, right}
	}
	return n
}

// pattern reads LIKE, ILIKE or SIMILAR TO with what follows.
func (p *parser) pattern() string {
	s := strings.ToUpper(p.take().text)
	if s == "SIMILAR" {
		p.want("to")
		s += " TO"
	}
	s += " " + p.sum().sql
	if p.accept("escape") {
		s += " ESCAPE " + text(p.literal())
	}
	return s
}

// isTest reads what follows IS.
func (p *parser) isTest() string {
	not := ""
	if p.accept("not") {
		not = "NOT "
	}
	if p.peek().is("distinct") {
		p.failBy("R-240") // IS DISTINCT FROM
	}
	what := p.oneOf("null", "true", "false", "unknown")
	if what == "" {
		p.fail()
	}
	return " IS " + not + strings.ToUpper(what)
}

func (p *parser) inList() string {
	marks := p.marks()
	defer p.unmarked(marks, "IN")
	if next := p.peekAt(1); next.is("select") || next.is("with") {
		return p.subquery(inPlace).sql
	}
	p.want("(")
	s := p.list()
	p.want(")")
	return "(" + s + ")"
}

// list reads expressions that are separated by commas.
func (p *parser) list() string {
	s := p.expression()
	for p.accept(",") {
		s += ", " + p.expression()
	}
	return s
}

func (p *parser) sum() node {
	n := p.product()
	for {
		op := p.oneOf("+", "-", "||")
		if op == "" {
			return n
		}
		n = node{sql: n.sql + " " + op + " " + p.product().sql}
	}
}

func (p *parser) product() node {
	n := p.unary()
	for {
		op := p.oneOf("*", "/", "%", "^")
		if op == "" {
			return n
		}
		n = node{sql: n.sql + " " + op + " " + p.unary().sql}
	}
}

func (p *parser) unary() node {
	if op := p.oneOf("-", "+"); op != "" {
		return node{sql: op + " " + p.unary().sql}
	}
	n := p.primary()
	for {
		switch {
		case p.accept("::"):
			n = node{sql: p.columnType().cast(n.sql), name: n.name}
		case p.accept("at", "time", "zone"):
			if n.shape == literalShape {
				n.sql += "::timestamp"
			}
			n = node{sql: "(" + n.sql + " AT TIME ZONE " + p.primary().sql + ")", name: "timezone"}
		case p.peek().is("collate"):
			panic(ruled("R-241", unknown("COLLATE in an expression")))
		default:
			return n
		}
	}
}
