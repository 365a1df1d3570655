package postgres

import (
	"context"
	"fmt"

	"rowshift/schema"
)

// Estimate is about how large a table is.
type Estimate struct {
	Table *schema.Table
	Rows  int64 // 0 if not known: the table was never analysed
	Bytes int64 // with what its rows keep out of line, and without indexes
}

// Estimates says about how large the chosen tables are, by OID.
func (o *Origin) Estimates(ctx context.Context) ([]Estimate, error) {
	tables, err := o.Tables(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := o.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer shut(conn)
	var all []Estimate
	for _, t := range tables {
		e := Estimate{Table: t}
		err := conn.QueryRow(ctx, `SELECT coalesce(sum(greatest(reltuples, 0))::bigint, 0), coalesce(sum(pg_table_size(oid))::bigint, 0) FROM pg_class WHERE oid = ANY ($1::oid[])`, leaves(t)).Scan(&e.Rows, &e.Bytes)
		if err != nil {
			return nil, fmt.Errorf("postgres: measure %s: %w", t.Name, bare(err))
		}
		all = append(all, e)
	}
	return all, nil
}
