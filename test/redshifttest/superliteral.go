package redshifttest

import (
	"context"
	"strconv"
	"strings"
)

// bareValue is a literal or a parameter that is put into a column as it stands.
type bareValue struct {
	place int    // the position of its column in the table, if no name was given
	name  string // the name of its column
	token token
}

// put notes a value that is put into a column: into the one at this position of names or,
// without names, of the table.
func (p *parser) put(n node, place int, names []string) {
	if n.alone.kind != literalToken && n.alone.kind != parameterToken {
		return
	}
	v := bareValue{place: place, token: n.alone}
	if place < len(names) {
		v.name = names[place]
	}
	p.bare = append(p.bare, v)
}

// putOutputs notes the bare values that an INSERT takes from a query.
func (p *parser) putOutputs(q selected, names []string) {
	for i, o := range q.outputs {
		if o.alone.kind == literalToken || o.alone.kind == parameterToken {
			p.put(node{alone: o.alone}, len(outputNames(q.outputs[:i], q.scope)()), names)
		}
	}
}

// placesQuery returns the SUPER columns of a table and their positions.
const placesQuery = `SELECT attname, place FROM (SELECT a.attname, a.atttypid, row_number() OVER (ORDER BY a.attnum) - 1 AS place
	FROM pg_attribute a WHERE a.attrelid = to_regclass($1::text) AND a.attnum > 0 AND NOT a.attisdropped) AS c
	WHERE atttypid = '` + catalogueSchema + `.super'::regtype`

// unparsed refuses a string that is put into a SUPER column. On Redshift it would be a
// scalar, but the backing server would read it as JSON.
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
				return unparsedString(column)
			}
		}
	}
	return nil
}

func unparsedString(column string) *Refusal {
	return ruled("R-525", unknown("a string that is put into a SUPER column (%q) is a scalar there: JSON_PARSE makes JSON of it, and '...'::SUPER a scalar", column))
}

// null reports whether a token is a parameter whose value is NULL.
func (p *portal) null(t token) bool {
	n, err := strconv.Atoi(strings.TrimPrefix(t.raw, "$"))
	return t.kind == parameterToken && err == nil && n >= 1 && n <= len(p.values) && p.values[n-1] == nil
}
