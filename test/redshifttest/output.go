package redshifttest

import (
	"slices"
	"strings"
)

// output is a value of a SELECT's list, or a star.
type output struct {
	sql        string
	name       string
	alias      bool // the name was given, not derived
	star       bool
	table      string   // what is written before a star
	exclude    []string // what EXCLUDE behind a star names
	aggregate  bool
	correlated bool // it is a correlated subquery, or has one in it
	alone      token
}

// reading is a SELECT that is being read, in parts.
type reading struct {
	distinct, top string
	outputs       []output
	from          string
	where         node
	group, having string
	qualify       string
	columns       func() []string
}

func (p *parser) outputs() []output {
	all := []output{p.output()}
	for p.accept(",") {
		all = append(all, p.output())
	}
	return all
}

func (p *parser) output() output {
	if o, ok := p.star(); ok {
		return o
	}
	aggregates, correlations := len(p.scope.aggregates), p.correlations
	n := p.node()
	if n.shape == rowShape {
		panic(ruled("R-250", unknown("a row as an output")))
	}
	o := output{sql: n.sql, name: n.name, alone: n.alone}
	if p.accept("as") {
		t := p.take()
		if t.kind != wordToken && t.kind != quotedToken {
			p.at--
			p.fail()
		}
		o.name, o.alias = t.text, true
	} else if t := p.peek(); t.kind == quotedToken || t.kind == wordToken && !reserved[t.text] && !stops[t.text] {
		p.at++
		o.name, o.alias = t.text, true
	}
	o.aggregate, o.correlated = len(p.scope.aggregates) > aggregates, p.correlations > correlations
	if o.name == "" {
		o.name = "?column?"
	}
	if o.alias {
		p.scope.aliases[o.name] = o.sql
	}
	return o
}

// star reads * or t.*, and EXCLUDE behind it.
// https://docs.aws.amazon.com/redshift/latest/dg/r_EXCLUDE_list.html
func (p *parser) star() (output, bool) {
	o := output{star: true}
	if !p.accept("*") {
		if !p.peekAt(1).is(".") || !p.peekAt(2).is("*") {
			return o, false
		}
		o.table = p.name()
		p.want(".", "*")
	}
	if !p.accept("exclude") {
		return o, true
	}
	if !p.peek().is("(") {
		o.exclude = []string{p.name()}
		return o, true
	}
	p.names(func() string { o.exclude = append(o.exclude, p.name()); return "" })
	return o, true
}

// write writes an output for PostgreSQL.
func (o output) write(s *scope) string {
	switch {
	case !o.star:
		return o.sql + " AS " + quote(o.name)
	case len(o.exclude) > 0:
		return strings.Join(o.expand(s), ", ")
	case o.table != "":
		return quote(strings.TrimPrefix(o.table, "#")) + ".*"
	}
	return "*"
}

// expand writes the columns of a star.
func (o output) expand(s *scope) []string {
	var all []string
	for _, c := range o.sources(s) {
		for _, name := range excluded(c.columns(), o.exclude) {
			all = append(all, quote(strings.TrimPrefix(c.alias, "#"))+"."+quote(name))
		}
	}
	return all
}

// sources returns the tables for which a star stands.
func (o output) sources(s *scope) []source {
	if s.using {
		panic(ruled("R-212", unknown("the columns of * over a join with USING")))
	}
	if o.table == "" {
		return s.sources
	}
	return slices.DeleteFunc(slices.Clone(s.sources), func(c source) bool { return c.alias != o.table })
}

// outputNames returns a function that returns the names of a SELECT's outputs.
func outputNames(outputs []output, s *scope) func() []string {
	return func() []string {
		var all []string
		for _, o := range outputs {
			if !o.star {
				all = append(all, o.name)
				continue
			}
			for _, c := range o.sources(s) {
				all = append(all, excluded(c.columns(), o.exclude)...)
			}
		}
		return all
	}
}

// write writes a SELECT for PostgreSQL.
func (r *reading) write(p *parser) string {
	r.columns = outputNames(r.outputs, p.scope)
	if len(p.scope.marks) > 0 {
		p.outerJoins(r)
	}
	if r.qualify != "" {
		return r.qualified(p.scope)
	}
	var list []string
	for _, o := range r.outputs {
		list = append(list, o.write(p.scope))
	}
	return "SELECT " + r.distinct + strings.Join(list, ", ") + r.rest()
}

// rest returns what follows the outputs.
func (r *reading) rest() string {
	s := ""
	for _, part := range [][2]string{{" FROM ", r.from}, {" WHERE ", r.where.sql}, {" GROUP BY ", r.group}, {" HAVING ", r.having}} {
		if part[1] != "" {
			s += part[0] + part[1]
		}
	}
	return s
}

// readQualify reads QUALIFY, which filters rows by window functions.
// https://docs.aws.amazon.com/redshift/latest/dg/r_QUALIFY_clause.html
func (p *parser) readQualify(r *reading) {
	p.want("qualify")
	windows := p.scope.windows
	r.qualify = p.expression()
	named := slices.ContainsFunc(r.outputs, func(o output) bool { return o.alias && strings.Contains(o.sql, " OVER (") })
	if p.scope.windows == windows && !named {
		panic(ruled("R-211", unknown("QUALIFY without a window function")))
	}
}

// qualified writes a SELECT with QUALIFY as a subquery that has the condition as an
// output.
func (r *reading) qualified(s *scope) string {
	const keep = "qualify "
	var inner []string
	for _, o := range r.outputs {
		if o.star {
			inner = append(inner, o.expand(s)...)
		} else {
			inner = append(inner, o.sql)
		}
	}
	columns := r.columns()
	var outer, names []string
	for _, name := range columns {
		names = append(names, quote(name))
		outer = append(outer, quote(name))
	}
	alias := "qualified"
	if len(s.sources) == 1 {
		alias = strings.TrimPrefix(s.sources[0].alias, "#") // ORDER BY may name it
	}
	return "SELECT " + r.distinct + strings.Join(outer, ", ") + " FROM (SELECT " + strings.Join(inner, ", ") + ", (" + r.qualify + ")" + r.rest() +
		") AS " + quote(alias) + " (" + strings.Join(append(names, quote(keep)), ", ") + ") WHERE " + quote(keep)
}

// outerJoins writes the joins that (+) marks in the WHERE clause.
// https://docs.aws.amazon.com/redshift/latest/dg/r_WHERE_oracle_outer.html
func (p *parser) outerJoins(r *reading) {
	on, partners := map[string][]string{}, map[string][]string{}
	var filters []string
	for _, term := range r.where.conjuncts() {
		if len(term.outer) == 0 {
			filters = append(filters, term.sql)
			continue
		}
		table := term.outer[0]
		on[table] = append(on[table], term.sql)
		for _, side := range term.parts {
			other := ""
			if side.shape == columnShape {
				other = p.columnSource(side)
			}
			if other != "" && other != table && !slices.Contains(partners[table], other) {
				partners[table] = append(partners[table], other)
			}
		}
		if len(partners[table]) > 1 {
			panic(&Refusal{Code: "0A000", Rule: "R-214", Message: "A table may be outer joined to at most one other table."})
		}
	}
	r.from = outerFrom(p.scope.sources, on, partners)
	r.where = node{sql: strings.Join(filters, " AND ")}
}

// outerFrom writes the tables that are not marked, followed by the marked ones, each
// after the one to which it is joined.
func outerFrom(sources []source, on, partners map[string][]string) string {
	placed := map[string]bool{}
	from := ""
	for _, c := range sources {
		if on[c.alias] != nil {
			continue
		}
		if from != "" {
			from += " CROSS JOIN "
		}
		from, placed[c.alias] = from+c.sql, true
	}
	for len(placed) < len(sources) {
		before := len(placed)
		for _, c := range sources {
			if placed[c.alias] || slices.ContainsFunc(partners[c.alias], func(name string) bool { return !placed[name] }) {
				continue
			}
			from += " LEFT JOIN " + c.sql + " ON " + strings.Join(on[c.alias], " AND ")
			placed[c.alias] = true
		}
		if len(placed) == before || before == 0 {
			panic(ruled("R-214", unknown("outer joins that depend on each other")))
		}
	}
	return from
}
