package main

import (
	"context"
	"crypto/md5"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"rowshift/test/harness"

	"github.com/jackc/pgx/v5/pgconn"
)

// uid returns, as a literal, what the source's function of that name returns for kind
// 'p'.
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

// live reports whether all tables are live.
func live(m harness.Metrics) bool {
	return m.Sum(`rowshift_table_state{state="live"}`) >= float64(len(harness.AccountTables))
}

// line returns the line of one second: what the daemon's metrics say, or why they are
// missing.
func line(m harness.Metrics, err error, transactions int64) string {
	switch {
	case err != nil:
		return "starting"
	case m.Sum(`rowshift_state{state="halted"}`) > 0:
		return fmt.Sprintf("halted · source transactions %d", transactions)
	case !live(m):
		return loading(m)
	}
	kept := "-" // nobody has looked at the slot yet
	if m.Has("rowshift_slot_retained_bytes") {
		kept = fmt.Sprintf("%.1f MB", m.Sum("rowshift_slot_retained_bytes")/1e6)
	}
	return fmt.Sprintf("lag %.1f s, %.0f kB · rows loaded and merged %.0f · batches %.0f · WAL kept %s · source transactions %d",
		m.Sum("rowshift_lag_seconds"), m.Sum("rowshift_lag_bytes")/1e3, m.Sum("rowshift_rows_total"), m.Sum("rowshift_batches_total"),
		kept, transactions)
}

// loading returns a line for the first load.
func loading(m harness.Metrics) string {
	rows, estimated := m.Sum("rowshift_load_rows"), m.Sum("rowshift_load_rows_estimated")
	left, loaded := m.Sum(`rowshift_load_tables{loaded="false"}`), m.Sum(`rowshift_load_tables{loaded="true"}`)
	switch {
	case estimated == 0:
		return "preparing the load"
	case left == 0 && loaded > 0:
		return fmt.Sprintf("loaded %.0f rows; applying what changed meanwhile", rows)
	}
	return fmt.Sprintf("loading: %.0f of about %.0f rows; tables left %.0f", rows, estimated, left)
}

// haltOf returns what /readyz says about a halt, for a person.
func haltOf(body string) string {
	var answer struct {
		Halt struct{ Reason, Found, Means, Repair string }
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		return strings.TrimSpace(body)
	}
	h := answer.Halt
	return fmt.Sprintf("  %s: %s\n  means   %s\n  repair  %s", h.Reason, h.Found, h.Means, h.Repair)
}
