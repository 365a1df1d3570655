package redshifttest

import (
	"slices"
	"strings"
)

// target reads the table that a statement changes, and opens a scope with it. The
// catalogue cannot be changed.
func (p *parser) target() source {
	p.scope = &scope{}
	start := p.at
	tables := p.tables
	c := source{sql: p.table()}
	if p.tables == tables {
		panic(&Refusal{Code: "42501", Rule: "R-304", Message: "permission denied: \"" + p.tokens[p.at-1].text + "\" is a system catalog"})
	}
	c.relation = relationName{table: p.tokens[start].text}
	if p.at > start+1 {
		c.relation = relationName{schema: c.relation.table, table: p.tokens[p.at-1].text}
	}
	c.alias = c.relation.table
	last := len(p.named) - 1
	c.columns = p.tableColumns(p.named[last])
	p.named = append([]relationName{p.named[last]}, p.named[:last]...) // the target comes before the tables of WITH
	p.scope.sources = []source{c}
	return c
}

// insert reads INSERT INTO. There is no ON CONFLICT and no RETURNING.
// https://docs.aws.amazon.com/redshift/latest/dg/r_INSERT_30.html
func (p *parser) insert() *statement {
	p.want("insert", "into")
	s := "INSERT INTO " + p.target().sql
	p.scope = nil
	var names []string
	if p.peek().is("(") && !p.peekAt(1).is("select") && !p.peekAt(1).is("with") {
		var list string
		list, names = p.insertColumns()
		s += list
	}
	switch {
	case p.accept("default", "values"):
		s += " DEFAULT VALUES"
	case p.accept("values"):
		s += " VALUES " + p.rows(names)
	case p.peek().is("select"), p.peek().is("with"), p.peek().is("("):
		q := p.selection(nil)
		p.putOutputs(q, names)
		s += " " + q.sql
	default:
		p.failOn("R-301", "overriding")
	}
	if p.peek().kind != endToken {
		p.failOn("R-301", "on", "returning")
	}
	return &statement{class: "INSERT", sql: s}
}

// insertColumns reads the columns that an INSERT fills, in parentheses.
func (p *parser) insertColumns() (list string, names []string) {
	quoted := p.names(func() string { names = append(names, p.name()); return names[len(names)-1] })
	return " (" + strings.Join(quoted, ", ") + ")", names
}

// rows reads the rows of VALUES. If there are several, they may not contain subqueries.
func (p *parser) rows(names []string) string {
	var rows []string
	for {
		p.want("(")
		rows = append(rows, "("+p.values(names)+")")
		p.want(")")
		if !p.accept(",") {
			break
		}
	}
	if len(rows) > 1 && p.subqueries > 0 {
		panic(ruled("R-302", unknown("a subquery in a VALUES list of several rows")))
	}
	return strings.Join(rows, ", ")
}

func (p *parser) values(names []string) string {
	var list []string
	for {
		if p.accept("default") {
			list = append(list, "DEFAULT")
		} else {
			n := p.node()
			p.put(n, len(list), names)
			list = append(list, n.sql)
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
	target := p.target()
	if p.accept("as") || !p.peek().is("set") {
		target.alias = p.name()
		target.relation = relationName{}
		target.sql += " AS " + quote(target.alias)
		p.scope.sources[0] = target
	}
	p.want("set")
	start := p.at
	p.at = p.fromAtOrWhere()
	from := ""
	if p.accept("from") {
		from = p.from()
	}
	where := p.joinedWhere(target, from != "")
	end := p.at
	p.at = start
	sets := p.sets()
	if !p.peek().is("from") && !p.peek().is("where") && p.peek().kind != endToken {
		p.failOn("R-301", "returning")
	}
	p.at = end
	if p.peek().kind != endToken {
		p.failOn("R-301", "returning")
	}
	s := "UPDATE " + target.sql + " SET " + sets
	if from != "" {
		s += " FROM " + from
	}
	if where != "" {
		s += " WHERE " + where
	}
	if from != "" {
		s += " AND " + deterministic(target.sql, target.alias, from, where)
	}
	return &statement{class: "UPDATE", sql: s}
}

// deterministic returns a condition that fails if a row of the target has several matches
// and error_on_nondeterministic_update is on, and that is true otherwise.
// https://docs.aws.amazon.com/redshift/latest/dg/r_error_on_nondeterministic_update.html
func deterministic(target, alias, from, where string) string {
	row := quote(strings.TrimPrefix(alias, "#")) + ".ctid"
	return "CASE WHEN " + catalogueSchema + ".tells_matches() THEN NOT EXISTS (SELECT 1 FROM " + target + ", " + from + " WHERE " + where +
		" GROUP BY " + row + " HAVING " + catalogueSchema + ".many_matches(count(*))) ELSE true END"
}

// fromAtOrWhere returns where the list of columns that an UPDATE sets ends.
func (p *parser) fromAtOrWhere() int {
	if from := p.fromAt(); from >= 0 {
		return from
	}
	depth := 0
	for i := p.at; i < len(p.tokens); i++ {
		switch t := p.tokens[i]; {
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		case depth == 0 && t.is("where"):
			return i
		}
	}
	return len(p.tokens)
}

// sets reads the columns that an UPDATE sets, which are written without their table.
func (p *parser) sets() string {
	var sets []string
	for {
		name := p.name()
		column := quote(name)
		if p.peek().is(".") {
			p.failBy("R-306")
		}
		p.want("=")
		if p.accept("default") {
			sets = append(sets, column+" = DEFAULT")
		} else {
			n := p.node()
			p.put(n, 0, []string{name})
			sets = append(sets, column+" = "+n.sql)
		}
		if !p.accept(",") {
			return strings.Join(sets, ", ")
		}
	}
}

// joinedWhere reads the WHERE of an UPDATE or DELETE. If the statement joins the target
// with other tables, one condition must be an equality of a column of the target and one
// of another table.
func (p *parser) joinedWhere(target source, joins bool) string {
	var n node
	if p.accept("where") {
		n = p.node()
	}
	if joins && !slices.ContainsFunc(n.conjuncts(), func(n node) bool { return p.joinsTarget(n, target) }) {
		panic(&Refusal{Code: "0A000", Rule: "R-305", Message: "Target table must be part of an equijoin predicate"})
	}
	if joins {
		p.seekBy(n, target)
	}
	return n.sql
}

// joinsTarget reports whether a condition is an equality of a column of the target and a
// column of another table.
func (p *parser) joinsTarget(n node, target source) bool { return p.soughtColumn(n, target) != "" }

// soughtColumn returns the column of the target that a condition holds equal to a column
// of another table, and an empty string for any other condition.
func (p *parser) soughtColumn(n node, target source) string {
	if n.shape != equalShape || n.parts[0].shape != columnShape || n.parts[1].shape != columnShape {
		return ""
	}
	of := func(n node) bool {
		table := p.columnSource(n)
		return table == target.alias || table == target.relation.schema+"."+target.relation.table
	}
	switch first, second := of(n.parts[0]), of(n.parts[1]); {
	case first == second:
		return ""
	case first:
		return n.parts[0].name
	}
	return n.parts[1].name
}

// seekBy notes the columns by which a condition finds the target's rows.
func (p *parser) seekBy(n node, target source) {
	for _, term := range n.conjuncts() {
		if column := p.soughtColumn(term, target); column != "" {
			p.sought = append(p.sought, column)
		}
	}
}

// delete reads DELETE. The target has no alias. FROM may be left out unless there is a
// USING.
// https://docs.aws.amazon.com/redshift/latest/dg/r_DELETE.html
func (p *parser) delete() *statement {
	p.want("delete")
	from := p.accept("from")
	target := p.target()
	s := "DELETE FROM " + target.sql
	using := false
	switch t := p.peek(); {
	case t.is("using"):
		if !from {
			p.failBy("R-307")
		}
		p.at++
		using = true
		s += " USING " + p.from()
		if p.scope.joined || slices.ContainsFunc(p.scope.sources, func(c source) bool { return strings.HasPrefix(c.sql, "(") }) {
			panic(ruled("R-307", unknown("a join or a subquery in USING: AWS's grammar has tables only")))
		}
	case t.kind != endToken && !t.is("where"):
		if t.kind == wordToken && (!reserved[t.text] || t.is("as")) {
			p.failBy("R-307") // there is an alias or RETURNING
		}
		p.fail()
	}
	if where := p.joinedWhere(target, using); where != "" {
		s += " WHERE " + where
	}
	if p.peek().kind != endToken {
		p.failOn("R-301", "returning")
	}
	return &statement{class: "DELETE", sql: s}
}
