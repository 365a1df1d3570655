package redshifttest

import (
	"slices"
	"strings"
)

// expression reads an expression and writes it for PostgreSQL. Precedence is the
// two dialects' common one, so operators are kept in their order.
func (p *parser) expression() string { return p.or() }

func (p *parser) or() string {
	s := p.and()
	for p.accept("or") {
		s += " OR " + p.and()
	}
	return s
}

func (p *parser) and() string {
	s := p.not()
	for p.accept("and") {
		s += " AND " + p.not()
	}
	return s
}

func (p *parser) not() string {
	if p.accept("not") {
		return "NOT " + p.not()
	}
	return p.comparison()
}

func (p *parser) comparison() string {
	s := p.sum()
	for {
		if op := p.oneOf("=", "<", ">", "<=", ">=", "<>", "!="); op != "" {
			s += " " + op + " " + p.sum()
			continue
		}
		negated := ""
		if p.peek().is("not") && slices.ContainsFunc([]string{"in", "like", "ilike", "between", "similar"}, p.peekAt(1).is) {
			p.at++
			negated = "NOT "
		}
		switch {
		case p.accept("is"):
			s += p.isTest()
		case p.accept("in"):
			s += " " + negated + "IN " + p.inList()
		case p.accept("between"):
			s += " " + negated + "BETWEEN " + p.sum()
			p.want("and")
			s += " AND " + p.sum()
		case p.accept("like"):
			s += " " + negated + "LIKE " + p.sum()
		case p.accept("ilike"):
			s += " " + negated + "ILIKE " + p.sum()
		case p.accept("similar"):
			p.want("to")
			s += " " + negated + "SIMILAR TO " + p.sum()
		default:
			return s
		}
	}
}

// isTest reads what follows IS.
func (p *parser) isTest() string {
	not := ""
	if p.accept("not") {
		not = "NOT "
	}
	if p.peek().is("distinct") {
		p.fail() // IS DISTINCT FROM
	}
	what := p.oneOf("null", "true", "false", "unknown")
	if what == "" {
		p.fail()
	}
	return " IS " + not + strings.ToUpper(what)
}

func (p *parser) inList() string {
	p.want("(")
	if p.peek().is("select") || p.peek().is("with") {
		s := p.selectText()
		p.want(")")
		return "(" + s + ")"
	}
	s := p.list()
	p.want(")")
	return "(" + s + ")"
}

// list reads expressions with commas between them.
func (p *parser) list() string {
	s := p.expression()
	for p.accept(",") {
		s += ", " + p.expression()
	}
	return s
}

func (p *parser) sum() string {
	s := p.product()
	for {
		op := p.oneOf("+", "-", "||")
		if op == "" {
			return s
		}
		s += " " + op + " " + p.product()
	}
}

func (p *parser) product() string {
	s := p.unary()
	for {
		op := p.oneOf("*", "/", "%")
		if op == "" {
			return s
		}
		s += " " + op + " " + p.unary()
	}
}

func (p *parser) unary() string {
	if op := p.oneOf("-", "+"); op != "" {
		return op + " " + p.unary()
	}
	s := p.primary()
	for p.accept("::") {
		s = p.columnType().cast(s)
	}
	return s
}

// primary reads a value that no operator takes apart.
func (p *parser) primary() string {
	t := p.peek()
	switch {
	case t.kind == literalToken:
		p.at++
		return text(t.text)
	case t.kind == numberToken, t.kind == parameterToken:
		p.at++
		return t.raw
	case t.is("("):
		return p.parenthesis()
	case t.is("case"):
		return p.caseWhen()
	case t.is("cast"):
		p.at++
		p.want("(")
		s := p.expression()
		p.want("as")
		s = p.columnType().cast(s)
		p.want(")")
		return s
	case t.is("exists"):
		p.at++
		return "EXISTS " + p.parenthesis()
	case t.is("interval") && p.peekAt(1).kind == literalToken:
		p.at += 2
		return "INTERVAL " + text(p.tokens[p.at-1].text)
	case t.is("true"), t.is("false"), t.is("null"):
		p.at++
		return strings.ToUpper(t.text)
	case t.is("current_user"), t.is("session_user"), t.is("user"):
		p.at++
		return strings.ToUpper(t.text)
	case t.is("current_date"), t.is("current_timestamp"), t.is("localtime"), t.is("localtimestamp"):
		p.at++
		p.leader = append(p.leader, t.text+"()")
		return strings.ToUpper(t.text)
	case t.is("sysdate"):
		p.at++
		return "(transaction_timestamp() AT TIME ZONE 'UTC')"
	case t.is("array"):
		p.refuse("0A000", "[stand-in] ARRAY expressions are not on the list")
	}
	if p.peekAt(1).is("(") {
		return p.call()
	}
	return p.columnPath()
}

// parenthesis reads a subquery or an expression in parentheses.
func (p *parser) parenthesis() string {
	p.want("(")
	var s string
	if p.peek().is("select") || p.peek().is("with") {
		s = p.selectText()
	} else {
		s = p.list()
	}
	p.want(")")
	return "(" + s + ")"
}

func (p *parser) caseWhen() string {
	p.want("case")
	s := "CASE"
	if !p.peek().is("when") {
		s += " " + p.expression()
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
	return s + " END"
}

// columnPath reads a column's name, with up to two names before it.
func (p *parser) columnPath() string {
	s := quote(p.name())
	for n := 0; n < 2 && p.peek().is("."); n++ {
		p.at++
		if p.accept("*") {
			return s + ".*"
		}
		s += "." + quote(p.name())
	}
	return s
}
