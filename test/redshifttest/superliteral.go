package redshifttest

import (
	"context"
	"slices"
	"strconv"
	"strings"
)

// bareValue is a value of an INSERT's VALUES that is a string as it stands: a literal, or
// a parameter.
type bareValue struct {
	place int    // of its column in the list, or in the table
	name  string // of its column, if there is a list
	token token
}

// bareValues are the strings that an INSERT puts into columns as they stand.
func bareValues(tokens []token) []bareValue {
	start := slices.IndexFunc(tokens, func(t token) bool { return t.is("values") })
	if !tokens[0].is("insert") || start < 0 {
		return nil
	}
	var columns []string
	if tokens[start-1].is(")") {
		open := slices.IndexFunc(tokens, func(t token) bool { return t.is("(") })
		for _, t := range tokens[open+1 : start-1] {
			if !t.is(",") {
				columns = append(columns, t.text)
			}
		}
	}
	var all []bareValue
	depth, place := 0, 0
	for i, t := range tokens[start+1:] {
		alone := depth == 1 && (tokens[start+i].is("(") || tokens[start+i].is(",")) &&
			start+i+2 < len(tokens) && (tokens[start+i+2].is(")") || tokens[start+i+2].is(","))
		switch {
		case t.is("("):
			if depth++; depth == 1 {
				place = 0
			}
		case t.is(")"):
			depth--
		case t.is(",") && depth == 1:
			place++
		case alone && (t.kind == literalToken || t.kind == parameterToken):
			v := bareValue{place: place, token: t}
			if place < len(columns) {
				v.name = columns[place]
			}
			all = append(all, v)
		}
	}
	return all
}

// placesQuery are the SUPER columns of a table, with their places.
const placesQuery = `SELECT attname, place FROM (SELECT a.attname, a.atttypid, row_number() OVER (ORDER BY a.attnum) - 1 AS place
	FROM pg_attribute a WHERE a.attrelid = to_regclass($1::text) AND a.attnum > 0 AND NOT a.attisdropped) AS c
	WHERE atttypid = '` + catalogueSchema + `.super'::regtype`

// unparsed refuses a string that an INSERT puts into a SUPER column: it would be a scalar
// there, and is read as JSON here.
// https://docs.aws.amazon.com/redshift/latest/dg/r_SUPER_type.html
func (c *session) unparsed(ctx context.Context, s *statement, p *portal) error {
	if len(s.bare) == 0 || len(s.named) == 0 {
		return nil
	}
	rows, err := c.rows(ctx, placesQuery, s.named[0].sql())
	if err != nil {
		return err
	}
	for _, r := range rows {
		column := string(r[0])
		place, _ := strconv.Atoi(string(r[1]))
		for _, v := range s.bare {
			if (v.name == column || v.name == "" && v.place == place) && !p.null(v.token) {
				return ruled("R-525", unknown("a string that INSERT puts into a SUPER column (%q) is a scalar there: JSON_PARSE makes JSON of it, and '...'::SUPER a scalar", column))
			}
		}
	}
	return nil
}

// null tells whether a token is a parameter whose value is NULL.
func (p *portal) null(t token) bool {
	n, err := strconv.Atoi(strings.TrimPrefix(t.raw, "$"))
	return t.kind == parameterToken && err == nil && n >= 1 && n <= len(p.values) && p.values[n-1] == nil
}
