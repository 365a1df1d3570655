package redshifttest

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// merge reads MERGE INTO, which merges a table into another by equalities. Its clauses
// say what is done to rows that match and to rows that do not; or it has REMOVE
// DUPLICATES.
// https://docs.aws.amazon.com/redshift/latest/dg/r_MERGE.html
func (p *parser) merge() *statement {
	p.want("merge", "into")
	target := p.target()
	if p.known(p.named[0]).view {
		panic(&Refusal{Code: "0A000", Rule: "R-454", Message: "cannot merge into a view"})
	}
	if !p.peek().is("using") {
		p.failBy("R-310") // the target has no alias
	}
	p.at++
	from := p.mergeSource(target)
	p.want("on")
	on := p.node()
	for _, term := range on.conjuncts() {
		if !p.joinsTarget(term, target) {
			panic(ruled("R-311", unknown("a condition of MERGE that is no equality of a column of the target and one of the source")))
		}
	}
	p.seekBy(on, target)
	var s *statement
	if p.accept("remove", "duplicates") {
		s = p.removeDuplicates(target, from, on.sql)
	} else {
		s = p.mergeClauses(target, from, on.sql)
	}
	if p.paths > 0 {
		panic(&Refusal{Code: "0A000", Rule: "R-314", Message: "Partial reference of SUPER column is not supported in MERGE statement."})
	}
	return s
}

// mergeSource reads the table that is merged. It may be no view, no subquery and not the
// target.
func (p *parser) mergeSource(target source) source {
	if p.peek().is("(") {
		p.failBy("R-310")
	}
	tables := p.tables
	p.source()
	c := p.scope.sources[len(p.scope.sources)-1]
	if p.tables == tables {
		panic(ruled("R-310", unknown("a table of the catalogue as the source of MERGE")))
	}
	name := p.named[len(p.named)-1]
	if name == p.named[0] {
		panic(ruled("R-310", unknown("MERGE of a table into itself")))
	}
	if p.known(name).view {
		panic(ruled("R-310", unknown("a view as the source of MERGE")))
	}
	return c
}

// mergeClauses reads WHEN MATCHED and WHEN NOT MATCHED: each exactly once, in this order,
// without conditions.
func (p *parser) mergeClauses(target, from source, on string) *statement {
	start := p.at
	p.wantBy("R-312", "when", "matched", "then")
	matched := "DELETE"
	if !p.accept("delete") {
		p.wantBy("R-312", "update", "set")
		matched = "UPDATE SET " + p.sets()
	}
	p.wantBy("R-312", "when", "not", "matched", "then", "insert")
	insert := "INSERT"
	var names []string
	if p.peek().is("(") {
		var list string
		list, names = p.insertColumns()
		insert += list
	}
	p.wantBy("R-312", "values", "(")
	insert += " VALUES (" + p.values(names) + ")"
	p.want(")")
	if p.peek().kind != endToken {
		p.failBy("R-312")
	}
	if p.subqueries > 0 || slices.ContainsFunc(p.tokens[start:], func(t token) bool { return t.is("default") }) {
		panic(ruled("R-312", unknown("a subquery or DEFAULT as a value of MERGE")))
	}
	sql := "MERGE INTO " + target.sql + " USING " + from.sql + " ON " + on + " WHEN MATCHED THEN " + matched + " WHEN NOT MATCHED THEN " + insert
	return &statement{class: "MERGE", tag: "MERGE", own: func(ctx context.Context, c *session) error {
		err := c.quietly(ctx, sql)
		var fault *pgconn.PgError
		if errors.As(err, &fault) && fault.Code == "21000" {
			return &Refusal{Code: "XX000", Rule: "R-313", Message: "Found multiple matches to update the same tuple."}
		}
		return err
	}}
}

// removeDuplicates replaces the rows that match by the rows of the source, equal ones
// only once.
func (p *parser) removeDuplicates(target, from source, on string) *statement {
	if columns, others := target.columns(), from.columns(); len(columns) != len(others) {
		panic(ruled("R-315", unknown("REMOVE DUPLICATES with tables of %d and %d columns", len(columns), len(others))))
	}
	source := quote(strings.TrimPrefix(from.alias, "#"))
	return &statement{class: "MERGE", tag: "MERGE", own: func(ctx context.Context, c *session) error {
		if err := c.quietly(ctx, "DELETE FROM "+target.sql+" USING "+from.sql+" WHERE "+on); err != nil {
			return err
		}
		return c.quietly(ctx, "INSERT INTO "+target.sql+" SELECT DISTINCT "+source+".* FROM "+from.sql)
	}}
}

// wantBy reads words that must come next by a rule.
func (p *parser) wantBy(rule string, words ...string) {
	for _, w := range words {
		if !p.accept(w) {
			p.failBy(rule)
		}
	}
}
