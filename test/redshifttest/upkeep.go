package redshifttest

import (
	"context"
	"fmt"
	"strings"
)

// vacuum reads VACUUM. It does nothing to rows here, and is refused where Redshift
// refuses it: in a transaction, and to users who do not own the table.
// https://docs.aws.amazon.com/redshift/latest/dg/r_VACUUM_command.html
func (p *parser) vacuum() *statement {
	p.want("vacuum")
	switch {
	case p.accept("sort", "only"), p.accept("delete", "only"), p.accept("full"), p.accept("reindex"), p.accept("recluster"):
	}
	if p.peek().kind != endToken {
		p.table()
		if p.accept("to") {
			if n := p.integer(); n > 100 {
				panic(notInGrammar("R-480", "a threshold is at most 100 PERCENT"))
			}
			p.want("percent")
		}
		p.accept("boost")
	}
	named := p.named
	return &statement{class: "VACUUM", tag: "VACUUM", alone: "VACUUM", own: func(ctx context.Context, c *session) error { return c.upkeep(ctx, named, nil) }}
}

// analyze reads ANALYZE and ANALYZE COMPRESSION.
// https://docs.aws.amazon.com/redshift/latest/dg/r_ANALYZE.html
func (p *parser) analyze() *statement {
	p.want("analyze")
	if p.accept("compression") {
		return p.analyzeCompression()
	}
	p.accept("verbose")
	sql := "ANALYZE"
	if p.peek().kind != endToken {
		sql += " " + p.table()
		switch {
		case p.peek().is("("):
			sql += " (" + strings.Join(p.names(p.name), ", ") + ")"
		case p.accept("predicate", "columns"), p.accept("all", "columns"):
		}
	}
	named := p.named
	return &statement{class: "ANALYZE", tag: "ANALYZE", own: func(ctx context.Context, c *session) error { return c.upkeep(ctx, named, []string{sql}) }}
}

// upkeep checks that the user owns the tables, and runs the steps.
func (c *session) upkeep(ctx context.Context, named []relationName, steps []string) error {
	for _, n := range named {
		oid, err := c.oid(ctx, n)
		if err != nil {
			return err
		}
		if err := c.mustOwn(ctx, oid, n.table); err != nil {
			return err
		}
	}
	return sequence(steps)(ctx, c)
}

// analyzeCompression reads ANALYZE COMPRESSION, which returns the encodings that new
// columns would get.
// https://docs.aws.amazon.com/redshift/latest/dg/r_ANALYZE_COMPRESSION.html
func (p *parser) analyzeCompression() *statement {
	where := ""
	if p.peek().kind != endToken {
		where = " WHERE c.oid = " + text(p.table()) + "::regclass"
		if p.peek().is("(") {
			var names []string
			for _, n := range p.plainNames() {
				names = append(names, text(n))
			}
			where += " AND a.attname IN (" + strings.Join(names, ", ") + ")"
		}
	}
	if p.accept("comprows") {
		if n := p.integer(); n < 1000 {
			panic(notInGrammar("R-481", "COMPROWS is at least 1000"))
		}
	}
	return &statement{class: "ANALYZE COMPRESSION", alone: "ANALYZE COMPRESSION", tag: "ANALYZE COMPRESSION",
		sql: fmt.Sprintf(`SELECT c.relname::text AS "Table", a.attname::text AS "Column", coalesce(%s.default_encoding(a.atttypid, r.sortkey <> 0, false), 'none') AS "Encoding", 0::numeric(5,2) AS "Est_reduction_pct"
			FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped JOIN %[1]s.attribute r ON r.relation = c.oid AND r.attnum = a.attnum%s ORDER BY c.relname, a.attnum`,
			catalogueSchema, where)}
}

// explain reads EXPLAIN [VERBOSE]. There is no ANALYZE. The plan is PostgreSQL's.
// https://docs.aws.amazon.com/redshift/latest/dg/r_EXPLAIN.html
func (p *parser) explain() *statement {
	p.want("explain")
	p.accept("verbose")
	readers := map[string]func() *statement{"select": p.query, "with": p.query, "insert": p.insert, "update": p.update, "delete": p.delete}
	read, known := readers[p.peek().text]
	if !known {
		p.failOn("R-482", "analyze", "(")
	}
	s := read()
	return &statement{class: "EXPLAIN", tag: "EXPLAIN", sql: "EXPLAIN " + s.sql}
}
