package postgres

import (
	"context"
	"fmt"

	"rowshift/replicator"
	"rowshift/schema"
)

// Estimate is the approximate size of a table.
type Estimate struct {
	Table *schema.Table
	Rows  int64 // 0 if not known: the table was never analysed
	Bytes int64 // including what its rows store out of line, without indexes
}

// Estimates returns the approximate sizes of the chosen tables that a reset would load, by
// OID, and the tables that are parked.
func (o *Origin) Estimates(ctx context.Context) (all []Estimate, parked []replicator.Unfit, err error) {
	conn, err := o.connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer shut(conn)
	tables, parked, err := o.loadable(ctx, conn)
	if err != nil {
		return nil, nil, err
	}
	for _, t := range tables {
		e := Estimate{Table: t}
		err := conn.QueryRow(ctx, `SELECT coalesce(sum(greatest(reltuples, 0))::bigint, 0), coalesce(sum(pg_table_size(oid))::bigint, 0) FROM pg_class WHERE oid = ANY ($1::oid[])`, leaves(t)).Scan(&e.Rows, &e.Bytes)
		if err != nil {
			return nil, nil, fmt.Errorf("postgres: measure %s: %w", t.Name, err)
		}
		all = append(all, e)
	}
	return all, parked, nil
}

// loadable returns the tables that an opening would find, and those that it would park.
// Where we may alter the publication, a table need not be published yet: an opening would
// publish it.
func (o *Origin) loadable(ctx context.Context, conn *session) ([]*schema.Table, []replicator.Unfit, error) {
	s, err := serverOf(ctx, conn)
	if err != nil {
		return nil, nil, err
	}
	if o.options.Create {
		tables, faults, err := o.fit(ctx, conn, s)
		return tables, o.unfits(faults), err
	}
	now, err := o.see(ctx, conn, s)
	return now.tables, now.unfit, err
}
