package redshifttest

import (
	"slices"
	"strings"
)

// turned reads PIVOT or UNPIVOT behind a source, if one comes.
// https://docs.aws.amazon.com/redshift/latest/dg/r_FROM_clause-pivot-unpivot-examples.html
func (p *parser) turned(c source) source {
	if c.alias == "" {
		c.alias = "turned"
		c.sql += ` AS "turned"`
	}
	if p.accept("pivot") {
		return p.pivot(c)
	}
	return p.unpivot(c)
}

// pivot makes a column for each value of a column. It groups rows by the columns that are
// not named.
func (p *parser) pivot(c source) source {
	p.want("(")
	aggregate := p.take().text
	if !slices.Contains([]string{"max", "min", "sum", "avg", "count"}, aggregate) {
		panic(ruled("R-217", unknown("PIVOT by %s", aggregate)))
	}
	p.want("(")
	value := "1"
	var used []string
	if !p.accept("*") {
		used = append(used, p.name())
		value = quote(used[0])
	}
	p.want(")", "for")
	by := p.name()
	p.want("in", "(")
	var outputs, columns []string
	for {
		of := p.primary()
		name := strings.Trim(of.sql, "'")
		if p.accept("as") {
			name = p.name()
		}
		columns = append(columns, name)
		outputs = append(outputs, aggregate+"(CASE WHEN "+quote(by)+" = "+of.sql+" THEN "+value+" END) AS "+quote(name))
		if !p.accept(",") {
			break
		}
	}
	p.want(")", ")")
	kept := excluded(c.columns(), append(used, by))
	list := quoted(kept)
	sql := "(SELECT " + strings.Join(append(list, outputs...), ", ") + " FROM " + c.sql
	if len(list) > 0 {
		sql += " GROUP BY " + strings.Join(quoted(kept), ", ")
	}
	return p.turnedSource(sql+")", append(kept, columns...))
}

// unpivot makes a row for each of some columns. It leaves out NULLs unless they are
// included.
func (p *parser) unpivot(c source) source {
	p.want("unpivot")
	nulls := p.accept("include", "nulls")
	if !nulls {
		p.accept("exclude", "nulls")
	}
	p.want("(")
	value := p.name()
	p.want("for")
	name := p.name()
	p.want("in", "(")
	var from, rows []string
	for {
		column := p.name()
		label := column
		if p.accept("as") {
			label = p.literal()
		}
		from = append(from, column)
		rows = append(rows, "("+text(label)+"::varchar, "+quote(c.alias)+"."+quote(column)+")")
		if !p.accept(",") {
			break
		}
	}
	p.want(")", ")")
	kept := excluded(c.columns(), from)
	var list []string
	for _, k := range append(slices.Clone(kept), name, value) {
		list = append(list, quote(k))
	}
	sql := "(SELECT " + strings.Join(list, ", ") + " FROM " + c.sql + " CROSS JOIN LATERAL (VALUES " + strings.Join(rows, ", ") +
		`) AS "unpivoted" (` + quote(name) + ", " + quote(value) + ")"
	if !nulls {
		sql += " WHERE " + quote(value) + " IS NOT NULL"
	}
	return p.turnedSource(sql+")", append(kept, name, value))
}

// turnedSource returns a source for a subquery of the stand-in's own, which gets an alias
// even if none comes.
func (p *parser) turnedSource(sql string, columns []string) source {
	c := source{sql: sql, columns: fixed(columns)}
	if t := p.peek(); !t.is("as") && !p.isAlias(t) {
		c.alias = "turned"
		c.sql += ` AS "turned"`
	}
	return c
}

func quoted(names []string) []string {
	var list []string
	for _, name := range names {
		list = append(list, quote(name))
	}
	return list
}
