package redshifttest

import "slices"

// place is where a subquery stands.
type place int

const (
	valuePlace  place = iota // as a value
	existsPlace              // behind EXISTS
	inPlace                  // behind IN
	anyPlace                 // behind ANY, SOME or ALL
)

// correlation returns the refusal of a pattern that is on AWS's list of those that do not
// work.
// https://docs.aws.amazon.com/redshift/latest/dg/r_correlated_subqueries.html
func correlation() *Refusal {
	return &Refusal{Code: "0A000", Rule: "R-221", Message: "This type of correlated subquery pattern is not supported due to internal error"}
}

// subquery reads a query in parentheses that is a value or part of a condition.
func (p *parser) subquery(where place) node {
	p.want("(")
	if !p.peek().is("select") && !p.peek().is("with") {
		p.fail()
	}
	p.subqueries++
	outer := p.scope
	q := p.selection(outer)
	p.want(")")
	if q.scope.correlated {
		p.correlations++
		q.scope.checkCorrelated(outer, where)
	}
	return node{sql: "(" + q.sql + ")", name: "?column?"}
}

// checkCorrelated refuses a correlated subquery unless it follows a pattern that is known
// to work: EXISTS, IN, or an aggregate as a value, each correlated by equalities.
func (s *scope) checkCorrelated(outer *scope, where place) {
	other := func(aggregate string) bool { return aggregate != "min" && aggregate != "max" }
	if s.windows > 0 || outer.outerJoin || where == inPlace && s.grouped && slices.ContainsFunc(s.aggregates, other) {
		panic(correlation())
	}
	what := s.beyond
	switch {
	case what != "":
	case outer.on:
		what = "in ON"
	case where == anyPlace:
		what = "behind ANY, SOME or ALL"
	case s.outers != s.equalities:
		what = "by other than equalities of columns in WHERE"
	case where == valuePlace && (len(s.aggregates) == 0 || s.grouped):
		what = "as a value without an aggregate, or with GROUP BY"
	case slices.ContainsFunc(s.aggregates, func(name string) bool { return name == "listagg" || name == "median" || name == "percentile_cont" }):
		what = "with LISTAGG, MEDIAN or PERCENTILE_CONT"
	default:
		return
	}
	panic(ruled("R-223", unknown("a correlated subquery %s", what)))
}

// countEqualities counts the equalities in a WHERE clause of which exactly one side is a
// column of an outer query.
func (s *scope) countEqualities(where node) {
	for _, term := range where.conjuncts() {
		if term.shape == equalShape && term.parts[0].around != term.parts[1].around {
			s.equalities++
		}
	}
}
