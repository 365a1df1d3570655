package redshifttest

import "strings"

// insert reads INSERT INTO. There is no ON CONFLICT and no RETURNING.
// https://docs.aws.amazon.com/redshift/latest/dg/r_INSERT_30.html
func (p *parser) insert() *statement {
	p.want("insert", "into")
	s := "INSERT INTO " + p.table()
	if p.peek().is("(") && !p.peekAt(1).is("select") {
		s += " (" + strings.Join(p.names(p.name), ", ") + ")"
	}
	switch {
	case p.accept("default", "values"):
		s += " DEFAULT VALUES"
	case p.accept("values"):
		var rows []string
		for {
			p.want("(")
			rows = append(rows, "("+p.values()+")")
			p.want(")")
			if !p.accept(",") {
				break
			}
		}
		s += " VALUES " + strings.Join(rows, ", ")
	case p.peek().is("("):
		s += " " + p.parenthesis()
	default:
		s += " " + p.selectText()
	}
	return &statement{class: "INSERT", sql: s}
}

func (p *parser) values() string {
	var list []string
	for {
		if p.accept("default") {
			list = append(list, "DEFAULT")
		} else {
			list = append(list, p.expression())
		}
		if !p.accept(",") {
			return strings.Join(list, ", ")
		}
	}
}

// update reads UPDATE. With FROM, the target must be part of an equality join.
// https://docs.aws.amazon.com/redshift/latest/dg/r_UPDATE.html
func (p *parser) update() *statement {
	p.want("update")
	s := "UPDATE " + p.table()
	if !p.peek().is("set") {
		s += " AS " + p.alias()
	}
	p.want("set")
	var sets []string
	for {
		column := quote(p.name())
		if p.peek().is(".") {
			p.fail()
		}
		p.want("=")
		if p.accept("default") {
			sets = append(sets, column+" = DEFAULT")
		} else {
			sets = append(sets, column+" = "+p.expression())
		}
		if !p.accept(",") {
			break
		}
	}
	s += " SET " + strings.Join(sets, ", ")
	joined := p.accept("from")
	if joined {
		s += " FROM " + p.from()
	}
	if p.accept("where") {
		s += " WHERE " + p.where(joined)
	} else if joined {
		p.refuse("0A000", "Target table must be part of an equijoin predicate")
	}
	return &statement{class: "UPDATE", sql: s}
}

// where reads a condition; one that joins the target must be a chain of AND with
// an equality in it.
func (p *parser) where(joins bool) string {
	start := p.at
	s := p.expression()
	if !joins {
		return s
	}
	depth, equal, or := 0, false, false
	for _, t := range p.tokens[start:p.at] {
		switch {
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		case depth == 0 && t.is("="):
			equal = true
		case depth == 0 && t.is("or"):
			or = true
		}
	}
	if !equal || or {
		p.refuse("0A000", "Target table must be part of an equijoin predicate")
	}
	return s
}

// delete reads DELETE. The target has no alias; FROM may be left out unless there
// is a USING.
// https://docs.aws.amazon.com/redshift/latest/dg/r_DELETE.html
func (p *parser) delete() *statement {
	p.want("delete")
	from := p.accept("from")
	s := "DELETE FROM " + p.table()
	using := false
	switch t := p.peek(); {
	case t.is("using"):
		if !from {
			p.fail()
		}
		p.at++
		using = true
		s += " USING " + p.from()
	case t.kind != endToken && !t.is("where"):
		p.fail() // an alias, or RETURNING
	}
	if p.accept("where") {
		s += " WHERE " + p.where(using)
	}
	return &statement{class: "DELETE", sql: s}
}
