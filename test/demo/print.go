package main

import (
	"context"
	"crypto/md5"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"rowshift/test/harness"

	"github.com/jackc/pgx/v5/pgconn"
)

// uid is the source's function of that name, for kind 'p', as a literal.
func uid(n int) string {
	h := md5.Sum(fmt.Appendf(nil, "p%d", n))
	return fmt.Sprintf("'%x-%x-%x-%x-%x'", h[:4], h[4:6], h[6:8], h[8:10], h[10:])
}

// query runs a query as an analyst and prints its first rows as psql would.
func (d *demo) query(ctx context.Context, sql string, most int) error {
	c, err := pgconn.Connect(ctx, d.world.WarehouseDSN("analysts", "analysts"))
	if err != nil {
		return err
	}
	defer c.Close(context.WithoutCancel(ctx))
	results, err := c.Exec(ctx, sql).ReadAll()
	if err != nil {
		return err
	}
	fmt.Println("dev=> " + strings.ReplaceAll(sql, "\n", "\ndev-> ") + ";")
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 1, ' ', tabwriter.Debug)
	for _, r := range results {
		var names []string
		for _, f := range r.FieldDescriptions {
			names = append(names, " "+f.Name)
		}
		fmt.Fprintln(out, strings.Join(names, "\t"))
		for i, row := range r.Rows {
			if i == most {
				fmt.Fprintln(out, " …")
				break
			}
			var values []string
			for _, v := range row {
				values = append(values, " "+string(v))
			}
			fmt.Fprintln(out, strings.Join(values, "\t"))
		}
		out.Flush()
		fmt.Printf("(%d rows)\n", len(r.Rows))
	}
	return nil
}

// line is one second's line, and whether every table is live.
func (d *demo) line(ctx context.Context) (string, bool) {
	_, body, err := d.world.Get(ctx, "/metrics")
	if err != nil {
		return "starting", false
	}
	m := harness.ParseMetrics(body)
	rows := m.Sum("rowshift_rows_total")
	live, loading := m.Sum(`rowshift_table_state{state="live"}`), m.Sum(`rowshift_table_state{state="loading"}`)
	if live < float64(len(harness.AccountTables)) {
		return fmt.Sprintf("loading: %.0f of about %.0f rows; tables loading %.0f", m.Sum("rowshift_load_rows"), m.Sum("rowshift_load_rows_estimated"), loading), false
	}
	return fmt.Sprintf("lag %.1f s, %.0f kB · rows merged %.0f · batches %.0f · WAL kept %.1f MB · source transactions %d",
		m.Sum("rowshift_lag_seconds"), m.Sum("rowshift_lag_bytes")/1e3, rows, m.Sum("rowshift_batches_total"),
		m.Sum("rowshift_slot_retained_bytes")/1e6, d.load.Transactions.Load()), true
}
