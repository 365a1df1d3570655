package redshifttest

import (
	"context"
	"fmt"
	"slices"
)

// A SUPER of more than 64 KB can be loaded, but then fails any query that reads it
// through a join, a subquery of IN or a QUALIFY: their plans carry it as a string.
// https://github.com/artie-labs/transfer/blob/master/clients/redshift/dialect/dialect.go

// carries reports whether a statement has a plan that carries SUPER as strings: QUALIFY,
// a subquery of IN, MERGE, UPDATE with FROM, or a join. DELETE with USING is known to
// have a different plan.
func carries(tokens []token) bool {
	class := tokens[0].text
	for i, t := range tokens {
		switch {
		case t.is("qualify"), t.is("in") && i+2 < len(tokens) && tokens[i+1].is("(") && tokens[i+2].is("select"):
			return true
		case t.is("join"), t.is("from") && class == "update":
			return class != "delete"
		}
	}
	return class == "merge" || class != "delete" && listsTables(tokens)
}

// listsTables reports whether a FROM clause has a comma between tables.
func listsTables(tokens []token) bool {
	ends := []string{"where", "group", "order", "having", "limit", "union", "except", "intersect", "minus", "on", "select"}
	from := []bool{false} // by depth of parentheses: whether a FROM is being read
	for _, t := range tokens {
		last := len(from) - 1
		switch {
		case t.is("("):
			from = append(from, false)
		case t.is(")") && last > 0:
			from = from[:last]
		case t.is("from"):
			from[last] = true
		case t.is(",") && from[last]:
			return true
		case t.kind == wordToken && slices.Contains(ends, t.text):
			from[last] = false
		}
	}
	return false
}

// joinsOuter reports whether there is a RIGHT or FULL JOIN, in which SUPER may not take
// part.
// https://docs.aws.amazon.com/redshift/latest/dg/limitations-super.html
func joinsOuter(tokens []token) bool {
	for i, t := range tokens[:len(tokens)-1] {
		if next := tokens[i+1]; (t.is("right") || t.is("full")) && (next.is("join") || next.is("outer")) {
			return true
		}
	}
	return false
}

// mentions reports whether tokens name a column, or all columns by a star.
func mentions(tokens []token, column string) bool {
	for i, t := range tokens {
		if t.text == column && (t.kind == wordToken || t.kind == quotedToken) {
			return true
		}
		if t.is("*") && i > 0 && slices.ContainsFunc([]string{"select", "distinct", "all", ".", ","}, tokens[i-1].is) {
			return true
		}
	}
	return false
}

// superColumns is an expression for the SUPER columns of a table or view c, as JSON.
const superColumns = `(SELECT coalesce(json_agg(a.attname ORDER BY a.attnum), '[]') FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0
	AND a.atttypid IN ('jsonb'::regtype, '` + catalogueSchema + `.super'::regtype))`

// maxCarried is the greatest length of a SUPER in such a plan, as text.
const maxCarried = 65535

// wide refuses a statement whose plan carries a SUPER, of a relation that it names, which
// is too long for that.
func (c *session) wide(ctx context.Context, s *statement, named []relation) error {
	if s.carried == nil {
		return nil
	}
	for _, r := range named {
		for _, column := range r.supers {
			if !mentions(s.carried, column) {
				continue
			}
			if joinsOuter(s.carried) {
				return ruled("R-526", unknown("SUPER (%q) in a RIGHT or FULL JOIN", column))
			}
			found, err := c.rows(ctx, fmt.Sprintf("SELECT FROM %s WHERE octet_length(%s::text) > %d LIMIT 1", r.name.sql(), quote(column), maxCarried))
			if err != nil {
				return err
			}
			if len(found) > 0 {
				return &Refusal{Code: "XX000", Rule: "R-522", Message: fmt.Sprintf("Invalid input (8001): String value exceeds the max size of %d bytes", maxCarried)}
			}
		}
	}
	return nil
}
