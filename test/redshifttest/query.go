package redshifttest

import (
	"fmt"
	"strings"
)

func (p *parser) query() *statement {
	return &statement{class: "SELECT", sql: p.selectText(), tag: "SELECT"}
}

// selectText reads a SELECT with all that may follow it.
func (p *parser) selectText() string {
	s := ""
	if p.accept("with") {
		s = "WITH " + p.commonTable()
		for p.accept(",") {
			s += ", " + p.commonTable()
		}
		s += " "
	}
	s += p.selectCore()
	for {
		op := p.oneOf("union", "intersect", "except", "minus")
		if op == "" {
			break
		}
		if op == "minus" {
			op = "except"
		}
		s += " " + strings.ToUpper(op)
		if p.accept("all") {
			s += " ALL"
		}
		s += " " + p.selectCore()
	}
	if p.accept("order", "by") {
		s += " ORDER BY " + p.orderList()
	}
	if p.accept("limit") {
		s += " LIMIT " + p.limit()
	}
	if p.accept("offset") {
		s += " OFFSET " + p.limit()
	}
	return s
}

func (p *parser) limit() string {
	if p.accept("all") {
		return "ALL"
	}
	return fmt.Sprint(p.integer())
}

func (p *parser) commonTable() string {
	name := quote(p.name())
	if p.peek().is("(") {
		name += " (" + strings.Join(p.names(p.name), ", ") + ")"
	}
	p.want("as", "(")
	if p.peek().is("with") || !p.peek().is("select") {
		p.fail() // a WITH in a WITH, or one that changes rows
	}
	s := name + " AS (" + p.selectText() + ")"
	p.want(")")
	return s
}

func (p *parser) selectCore() string {
	if p.peek().is("(") {
		p.at++
		s := p.selectText()
		p.want(")")
		return "(" + s + ")"
	}
	p.want("select")
	s := "SELECT "
	if p.accept("distinct") {
		if p.peek().is("on") {
			p.fail()
		}
		s += "DISTINCT "
	}
	p.accept("all")
	top := ""
	if p.accept("top") {
		top = fmt.Sprint(" LIMIT ", p.integer())
	}
	s += p.outputs()
	if p.peek().is("into") {
		panic(unknown("SELECT INTO is not on the list"))
	}
	if p.accept("from") {
		s += " FROM " + p.from()
	}
	if p.accept("where") {
		s += " WHERE " + p.expression()
	}
	if p.accept("group", "by") {
		s += " GROUP BY " + p.list()
	}
	if p.accept("having") {
		s += " HAVING " + p.expression()
	}
	if p.peek().is("qualify") {
		panic(unknown("QUALIFY is not on the list"))
	}
	return s + top
}

func (p *parser) outputs() string {
	s := p.output()
	for p.accept(",") {
		s += ", " + p.output()
	}
	return s
}

func (p *parser) output() string {
	if p.accept("*") {
		return "*"
	}
	s := p.expression()
	if p.accept("as") {
		t := p.take()
		if t.kind != wordToken && t.kind != quotedToken {
			p.at--
			p.fail()
		}
		return s + " AS " + quote(t.text)
	}
	if t := p.peek(); t.kind == quotedToken || t.kind == wordToken && !reserved[t.text] && !stops[t.text] {
		p.at++
		return s + " AS " + quote(t.text)
	}
	return s
}

// stops are words that end a table or an output, though they are not reserved.
var stops = map[string]bool{
	"set": true, "qualify": true, "returning": true, "fetch": true, "window": true, "values": true, "at": true,
}

// from reads the tables of a FROM clause.
func (p *parser) from() string {
	s := p.source()
	for {
		switch {
		case p.accept(","):
			s += ", " + p.source()
		case p.accept("cross", "join"):
			s += " CROSS JOIN " + p.source()
		default:
			join := p.join()
			if join == "" {
				return s
			}
			s += join + p.source()
			if p.accept("using") {
				s += " USING (" + strings.Join(p.names(p.name), ", ") + ")"
			} else {
				p.want("on")
				s += " ON " + p.expression()
			}
		}
	}
}

// join reads the words of a join that has a condition.
func (p *parser) join() string {
	switch {
	case p.accept("join"), p.accept("inner", "join"):
		return " JOIN "
	case p.accept("left", "join"), p.accept("left", "outer", "join"):
		return " LEFT JOIN "
	case p.accept("right", "join"), p.accept("right", "outer", "join"):
		return " RIGHT JOIN "
	case p.accept("full", "join"), p.accept("full", "outer", "join"):
		return " FULL JOIN "
	}
	return ""
}

// source reads one table or subquery with its alias.
func (p *parser) source() string {
	var s string
	if p.peek().is("lateral") {
		p.fail()
	}
	if p.peek().is("(") {
		if p.peekAt(1).is("values") {
			p.at++
			p.fail()
		}
		s = p.parenthesis()
	} else {
		s = p.table()
		if p.peek().is("(") {
			panic(unknown("a function in FROM is not on the list"))
		}
	}
	if alias := p.alias(); alias != "" {
		s += " AS " + alias
	}
	return s
}

// alias reads an alias, if one comes.
func (p *parser) alias() string {
	if p.accept("as") {
		return quote(p.name())
	}
	if t := p.peek(); t.kind == quotedToken || t.kind == wordToken && !reserved[t.text] && !stops[t.text] {
		p.at++
		return quote(t.text)
	}
	return ""
}

func (p *parser) orderList() string {
	var list []string
	for {
		s := p.expression()
		if way := p.oneOf("asc", "desc"); way != "" {
			s += " " + strings.ToUpper(way)
		}
		if p.accept("nulls", "first") {
			s += " NULLS FIRST"
		} else if p.accept("nulls", "last") {
			s += " NULLS LAST"
		}
		list = append(list, s)
		if !p.accept(",") {
			return strings.Join(list, ", ")
		}
	}
}
