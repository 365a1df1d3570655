package redshifttest

import (
	"context"
	"slices"
	"strings"
)

// createMaterialized reads CREATE MATERIALIZED VIEW.
// https://docs.aws.amazon.com/redshift/latest/dg/materialized-view-create-sql-command.html
func (p *parser) createMaterialized() *statement {
	d := &tableDefinition{DistStyle: "AUTO", SortStyle: "AUTO", Backup: true, EncodeAuto: true, set: map[string]bool{}}
	if p.peek().is("if") {
		p.fail()
	}
	d.name = p.newName(false)
	p.tableAttributes(d)
	p.autoRefresh()
	p.want("as")
	p.makes = true
	from := len(p.named)
	start := p.at
	query := p.selectText()
	p.plainForMaterialized(p.tokens[start:p.at])
	reads := p.named[from:]
	return &statement{class: "CREATE MATERIALIZED VIEW", tag: "CREATE MATERIALIZED VIEW", own: func(ctx context.Context, c *session) error {
		return c.reading(ctx, reads, func() (err error) {
			if err := c.noViews(ctx, reads); err != nil {
				return err
			}
			if d.Columns, err = c.outputs(ctx, query, nil); err != nil {
				return err
			}
			if err := caught(d.settle); err != nil {
				return err
			}
			if _, err := c.ask(ctx, "CREATE MATERIALIZED VIEW "+d.name.sql()+" AS "+query); err != nil {
				return err
			}
			return d.remember(ctx, c)
		})
	}}
}

// mutable are words for values that change between two reads of the same row.
var mutable = []string{"getdate", "sysdate", "current_date", "random", "timeofday", "pg_backend_pid"}

// plainForMaterialized refuses what no materialized view may have in its query.
// https://docs.aws.amazon.com/redshift/latest/dg/materialized-view-create-sql-command.html
func (p *parser) plainForMaterialized(query []token) {
	switch {
	case p.limited:
		panic(ruled("R-457", unknown("ORDER BY, LIMIT or OFFSET in a materialized view")))
	case p.systems > 0:
		panic(ruled("R-457", unknown("a system table in a materialized view")))
	}
	for _, t := range query {
		if t.kind == wordToken && slices.Contains(mutable, t.text) {
			panic(ruled("R-457", unknown("%s in a materialized view", strings.ToUpper(t.text))))
		}
	}
}

// noViews refuses a materialized view that reads a view; it may read another materialized
// view.
func (c *session) noViews(ctx context.Context, reads []relationName) error {
	known, err := c.relations(ctx, reads)
	if err != nil {
		return err
	}
	for _, r := range known {
		if r.view && !r.materialized {
			return ruled("R-457", unknown("a materialized view over the view %q", r.name.table))
		}
	}
	return nil
}

func (p *parser) autoRefresh() {
	if p.accept("auto", "refresh") {
		p.must("yes", "no")
	}
}

// alterMaterialized reads ALTER MATERIALIZED VIEW ... AUTO REFRESH, which has no effect:
// the stand-in refreshes only when told to.
func (p *parser) alterMaterialized() *statement {
	view := p.table()
	if !p.peek().is("auto") {
		p.fail()
	}
	p.autoRefresh()
	return &statement{class: "ALTER MATERIALIZED VIEW", tag: "ALTER MATERIALIZED VIEW", sql: "ALTER MATERIALIZED VIEW " + view + " SET (fillfactor = 100)"}
}

// refresh reads REFRESH MATERIALIZED VIEW. There is no CONCURRENTLY.
// https://docs.aws.amazon.com/redshift/latest/dg/materialized-view-refresh-sql-command.html
func (p *parser) refresh() *statement {
	p.want("refresh", "materialized", "view")
	view := p.table()
	p.oneOf("restrict", "cascade")
	return &statement{class: "REFRESH MATERIALIZED VIEW", tag: "REFRESH MATERIALIZED VIEW", sql: strings.TrimSpace("REFRESH MATERIALIZED VIEW " + view)}
}
