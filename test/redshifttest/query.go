package redshifttest

import (
	"fmt"
	"slices"
	"strings"
)

// query reads a query, or a WITH that precedes an UPDATE or a DELETE.
func (p *parser) query() *statement {
	if start := p.at; p.peek().is("with") {
		with := p.withClause(nil)
		switch {
		case p.peek().is("update"):
			return p.update().after(with)
		case p.peek().is("delete"):
			return p.delete().after(with)
		}
		p.at, p.named, p.tables, p.common = start, nil, 0, nil
		p.subqueries, p.systems, p.leader, p.catalogued, p.shared = 0, 0, nil, nil, false
	}
	q := p.selection(nil)
	if p.into != nil {
		return p.into.asQuery(p.named, q, nil)
	}
	return &statement{class: "SELECT", sql: q.sql, tag: "SELECT"}
}

// after puts a WITH clause before a statement.
func (s *statement) after(with string) *statement {
	s.sql = with + s.sql
	return s
}

// selected is a query that was read.
type selected struct {
	sql     string
	columns func() []string
	scope   *scope   // of its last SELECT
	outputs []output // if it is one SELECT
}

// selectText reads a SELECT with all that may follow it.
func (p *parser) selectText() string { return p.selection(p.scope).sql }

// selection reads a SELECT with all that may follow it. outer is the scope of the query
// around it.
func (p *parser) selection(outer *scope) selected {
	restore, tables := p.scope, len(p.common)
	defer func() { p.scope, p.common = restore, p.common[:tables] }()
	sql := p.withClause(outer)
	q := p.core(outer)
	first := q
	for {
		op := p.setOperation()
		if op == "" {
			break
		}
		next := p.core(outer)
		q.sql = first.arm() + op + next.arm()
		first = selectCore{selected: selected{sql: q.sql, columns: q.columns, scope: next.scope}}
		q.top, q.outputs = "", nil
		next.scope.correlated = next.scope.correlated || q.scope.correlated
		q.scope = next.scope
		q.scope.beyond = "with a set operation"
	}
	p.scope = q.scope
	sql += q.sql
	if t := p.peek(); q.top != "" || t.is("order") || t.is("limit") || t.is("offset") {
		q.scope.beyond, p.limited = "with ORDER BY, LIMIT or TOP", true
	}
	if p.accept("order", "by") {
		sql += " ORDER BY " + p.orderList()
	}
	sql += q.top
	if p.accept("limit") {
		if q.top != "" {
			panic(ruled("R-201", unknown("TOP and LIMIT in one query")))
		}
		sql += " LIMIT " + p.limit()
	}
	if p.accept("offset") {
		sql += " OFFSET " + p.limit()
	}
	return selected{sql: sql, columns: q.columns, scope: q.scope, outputs: q.outputs}
}

// setOperation reads UNION, INTERSECT, EXCEPT or MINUS; only UNION has ALL.
// https://docs.aws.amazon.com/redshift/latest/dg/r_UNION.html
func (p *parser) setOperation() string {
	op := p.oneOf("union", "intersect", "except", "minus")
	switch op {
	case "":
		return ""
	case "minus":
		op = "except"
	case "union":
		if p.accept("all") {
			return " UNION ALL "
		}
	}
	if p.peek().is("all") {
		p.failBy("R-205")
	}
	return " " + strings.ToUpper(op) + " "
}

// limit reads a count of rows. A bound value comes as a BIGINT, which LIMIT does not
// take: https://github.com/launchbadge/sqlx/issues/956
func (p *parser) limit() string {
	if p.peek().kind == parameterToken {
		panic(&Refusal{Code: "0A000", Rule: "R-206", Message: "Not implemented"})
	}
	if p.accept("all") {
		return "ALL"
	}
	return fmt.Sprint(p.integer())
}

// withClause reads WITH. Its queries may not have a WITH themselves.
// https://docs.aws.amazon.com/redshift/latest/dg/r_WITH_clause.html
func (p *parser) withClause(outer *scope) string {
	if !p.peek().is("with") {
		return ""
	}
	if p.inWith {
		p.failBy("R-207")
	}
	p.at++
	p.inWith = true
	defer func() { p.inWith = false }()
	s := "WITH "
	recursive := p.accept("recursive")
	if recursive {
		s, p.recursive = "WITH RECURSIVE ", true
	}
	for {
		s += p.commonTable(outer, recursive)
		if !p.accept(",") {
			return s + " "
		}
		s += ", "
	}
}

func (p *parser) commonTable(outer *scope, recursive bool) string {
	c := commonTable{name: p.name()}
	s := quote(c.name)
	var names []string
	if p.peek().is("(") {
		list := p.names(func() string { names = append(names, p.name()); return names[len(names)-1] })
		s += " (" + strings.Join(list, ", ") + ")"
		c.columns = fixed(names)
	}
	if recursive {
		if names == nil {
			p.failBy("R-208") // its columns must be named
		}
		p.common = append(p.common, c)
	}
	p.want("as", "(")
	if !p.peek().is("select") && !p.peek().is("(") {
		p.failOn("R-207", "with", "insert", "update", "delete") // a nested WITH, or one that changes rows
	}
	kept := p.common
	q := p.selection(outer)
	p.common = kept
	p.want(")")
	if !recursive {
		if c.columns == nil {
			c.columns = q.columns
		}
		p.common = append(p.common, c)
	}
	return s + " AS (" + q.sql + ")"
}

// selectCore is one SELECT without ORDER BY and LIMIT.
type selectCore struct {
	selected
	top string
}

// arm writes a SELECT as an operand of a set operation.
func (c selectCore) arm() string {
	if c.top == "" {
		return c.sql
	}
	return "(" + c.sql + c.top + ")"
}

// core reads one SELECT. It reads the tables before the outputs, which name them.
func (p *parser) core(outer *scope) selectCore {
	if p.peek().is("(") {
		p.at++
		q := p.selection(outer)
		p.want(")")
		q.sql = "(" + q.sql + ")"
		return selectCore{selected: q}
	}
	p.want("select")
	p.scope = &scope{outer: outer, aliases: map[string]string{}}
	r := &reading{distinct: p.distinct(), top: p.top()}
	start, from := p.at, p.fromAt()
	if from >= 0 {
		p.at = from + 1
		r.from = p.from()
		end := p.at
		p.at = start
		r.outputs = p.outputs()
		p.selectInto()
		if p.at != from {
			p.fail()
		}
		p.at = end
	} else {
		r.outputs = p.outputs()
	}
	p.conditions(r)
	sql := r.write(p)
	return selectCore{top: r.top, selected: selected{sql: sql, columns: r.columns, scope: p.scope, outputs: r.outputs}}
}

func (p *parser) distinct() string {
	if !p.accept("distinct") {
		p.accept("all")
		return ""
	}
	if p.peek().is("on") {
		p.failBy("R-243")
	}
	return "DISTINCT "
}

// top reads TOP n.
func (p *parser) top() string {
	if p.peek().is("top") && p.peekAt(1).kind == numberToken {
		p.at++
		return fmt.Sprint(" LIMIT ", p.integer())
	}
	return ""
}

// selectInto reads INTO, which makes a table from the rows.
// https://docs.aws.amazon.com/redshift/latest/dg/r_SELECT_INTO.html
func (p *parser) selectInto() {
	if !p.peek().is("into") {
		return
	}
	if p.into != nil || p.scope.outer != nil || !p.tokens[0].is("select") && !p.tokens[0].is("with") {
		p.failBy("R-213")
	}
	p.at++
	temporary := p.oneOf("temp", "temporary") != ""
	p.accept("table")
	p.into, p.makes = p.newTable(temporary), true
}

// fromAt returns where the FROM of the SELECT is whose outputs come next, and -1 if it
// has none.
func (p *parser) fromAt() int {
	depth := 0
	for i := p.at; i < len(p.tokens); i++ {
		t := p.tokens[i]
		switch {
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		case depth > 0 || t.kind != wordToken || i > 0 && p.tokens[i-1].is("as"):
		case t.text == "from":
			if !p.tokens[i-1].is("distinct") {
				return i
			}
		case ends[t.text] && !p.tokens[i-1].is("within"):
			return -1
		}
		if depth < 0 {
			return -1
		}
	}
	return -1
}

// ends are the words that end a list of outputs where there is no FROM.
var ends = map[string]bool{
	"where": true, "group": true, "having": true, "order": true, "limit": true, "union": true, "intersect": true, "except": true, "minus": true,
}

// conditions reads the clauses that follow the tables.
func (p *parser) conditions(r *reading) {
	if p.accept("where") {
		p.scope.where = true
		r.where = p.node()
		p.scope.where = false
		p.scope.countEqualities(r.where)
	}
	if p.accept("group", "by") {
		r.group = p.groupBy(r)
	}
	if p.accept("having") {
		r.having = p.expression()
	}
	if p.peek().is("qualify") {
		p.readQualify(r)
	}
	if p.peek().is("connect") || p.peek().is("start") {
		panic(ruled("R-219", unknown("CONNECT BY is not on the list")))
	}
	if t := p.peek(); t.is("fetch") || t.is("for") || t.is("window") {
		p.failBy("R-244")
	}
}

// groupBy reads GROUP BY. ALL stands for every output that contains no aggregate.
func (p *parser) groupBy(r *reading) string {
	p.scope.grouped = true
	if p.accept("all") {
		var list []string
		for i, o := range r.outputs {
			if o.star {
				panic(ruled("R-209", unknown("* with GROUP BY ALL")))
			}
			if !o.aggregate {
				list = append(list, fmt.Sprint(i+1))
			}
		}
		return strings.Join(list, ", ")
	}
	var list []string
	for {
		t := p.peek()
		if i := slices.IndexFunc(r.outputs, func(o output) bool { return o.name == t.text && o.alias }); i >= 0 && r.outputs[i].correlated {
			panic(correlation())
		}
		list = append(list, p.grouping())
		if !p.accept(",") {
			return strings.Join(list, ", ")
		}
	}
}

// grouping reads a value by which rows are grouped, or several sets of such values.
// https://docs.aws.amazon.com/redshift/latest/dg/r_GROUP_BY_aggregation-extensions.html
func (p *parser) grouping() string {
	switch {
	case p.accept("rollup"):
		return "ROLLUP " + p.parenthesis().sql
	case p.accept("cube"):
		return "CUBE " + p.parenthesis().sql
	case !p.accept("grouping", "sets", "("):
		return p.expression()
	}
	var sets []string
	for {
		if p.accept("(", ")") {
			sets = append(sets, "()")
		} else {
			sets = append(sets, p.expression())
		}
		if !p.accept(",") {
			p.want(")")
			return "GROUPING SETS (" + strings.Join(sets, ", ") + ")"
		}
	}
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
