package redshifttest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// source is what a FROM clause names: a table, a view, a subquery or a common table.
type source struct {
	sql      string // as PostgreSQL writes it, with its alias
	alias    string // what qualifies its columns; without an alias, the table's name
	relation relationName
	columns  func() []string
}

// scope is what the names in one SELECT, or in one statement that changes rows, mean.
type scope struct {
	outer   *scope
	sources []source
	aliases map[string]string // outputs that later parts may use by name

	joined     bool     // there is a JOIN
	where      bool     // the WHERE clause is being read, where (+) may stand
	marks      []string // tables that (+) marked so far
	outerJoin  bool     // the ON of an outer join is being read
	on         bool     // the ON of a join is being read
	correlated bool     // it names a table of an outer query
	outers     int      // how often it names one
	equalities int      // how often it does so in an equality among its conditions
	beyond     string   // something in it that no correlated query may have
	aggregates []string
	windows    int
	grouped    bool
	using      bool   // a join merges columns
	listOrder  string // the order of LISTAGG
}

// commonTable is a query that WITH names.
type commonTable struct {
	name    string
	columns func() []string
}

// errColumns means that a statement cannot be read without the columns of a table.
var errColumns = errors.New("redshifttest: the columns of a table are wanted")

// looked is what the backing server knows of a table or view.
type looked struct {
	view    bool
	columns []string
}

// known returns what the backing server knows of a table or view.
func (p *parser) known(n relationName) looked {
	if p.look == nil {
		panic(errColumns)
	}
	r, ok := p.seen[n]
	if !ok {
		var err error
		if r, err = p.look(n); err != nil {
			panic(err)
		}
		if p.seen == nil {
			p.seen = map[relationName]looked{}
		}
		p.seen[n] = r
	}
	return r
}

// find returns the source that a name means and how many queries further out it is.
func (s *scope) find(names ...string) (source, int) {
	for depth := 0; s != nil; s, depth = s.outer, depth+1 {
		for _, c := range s.sources {
			if len(names) == 1 && c.alias == names[0] || len(names) == 2 && c.relation == (relationName{schema: names[0], table: names[1]}) {
				return c, depth
			}
		}
	}
	return source{}, -1
}

// owner returns how many of a column's names are its table's, and 0 if that is not known.
func (p *parser) owner(names []string) int {
	for n := 1; n <= min(2, len(names)-1); n++ {
		if _, depth := p.scope.find(names[:n]...); depth >= 0 {
			p.correlate(depth)
			return n
		}
	}
	return 0
}

// nearest finds the query to which a column without a table belongs, which is the
// innermost one whose tables have it, and notes the correlation.
func (p *parser) nearest(column string) {
	for s, depth := p.scope, 0; s != nil; s, depth = s.outer, depth+1 {
		for _, c := range s.sources {
			if slices.Contains(c.columns(), column) {
				p.correlate(depth)
				return
			}
		}
	}
}

// correlate notes that the current scope names a table of the query around it. It refuses
// a table of a query further out.
// https://docs.aws.amazon.com/redshift/latest/dg/r_correlated_subqueries.html
func (p *parser) correlate(depth int) {
	if depth > 1 {
		panic(correlation())
	}
	if depth == 1 {
		p.scope.correlated = true
		p.scope.outers++
	}
}

// columnSource returns the name of the source to which a column belongs.
func (p *parser) columnSource(n node) string {
	if n.table != "" {
		return n.table
	}
	for _, c := range p.scope.sources {
		if slices.Contains(c.columns(), n.name) {
			return c.alias
		}
	}
	return ""
}

// aliased returns the expression of an earlier output if name is that output's and no
// column's, and sql otherwise.
func (p *parser) aliased(name, sql string) string {
	expression, ok := p.scope.aliases[name]
	if !ok {
		return sql
	}
	for _, c := range p.scope.sources {
		if slices.Contains(c.columns(), name) {
			return sql
		}
	}
	return "(" + expression + ")"
}

// outers returns how often this scope has named a column of an outer query so far.
func (p *parser) outers() int {
	if p.scope == nil {
		return 0
	}
	return p.scope.outers
}

// marks returns how many (+) were read in this scope so far.
func (p *parser) marks() int {
	if p.scope == nil {
		return 0
	}
	return len(p.scope.marks)
}

// mark notes a (+) behind a column.
func (p *parser) mark(n node) {
	if p.scope == nil || !p.scope.where || p.scope.joined {
		panic(ruled("R-214", unknown("(+) outside of a WHERE clause, or with the words of a join in FROM")))
	}
	p.scope.marks = append(p.scope.marks, p.columnSource(n))
}

// unmarked refuses any (+) that was read since marks returned since.
func (p *parser) unmarked(since int, what string) {
	if p.marks() > since {
		panic(&Refusal{Code: "0A000", Rule: "R-214", Message: "Outer join operator (+) not allowed in operand of OR or IN."})
	}
}

// tableColumns returns a function that returns the columns of a table, so that they are
// looked up only when they are needed.
func (p *parser) tableColumns(n relationName) func() []string {
	if view, late := p.late[n]; late {
		n = relationName{schema: "pg_temp", table: strings.Trim(strings.TrimPrefix(view, "pg_temp."), `"`)}
	}
	return func() []string { return p.known(n).columns }
}

func fixed(columns []string) func() []string { return func() []string { return columns } }

// excluded returns the columns without some that must be among them. A view that is not
// bound yet has no columns; its statement is read again once it is bound.
func excluded(columns, but []string) []string {
	for _, name := range but {
		if len(columns) > 0 && !slices.Contains(columns, name) {
			panic(&Refusal{Code: "42703", Rule: "R-212", Message: fmt.Sprintf("column %q does not exist", name)})
		}
	}
	return slices.DeleteFunc(slices.Clone(columns), func(name string) bool { return slices.Contains(but, name) })
}
