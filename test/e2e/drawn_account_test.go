package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// accounts compares tables with their targets, by queries of its own, and with the ledger
// and the quarantine, which must account for every difference.
type accounts struct {
	source *pgconn.PgConn
	target *pgconn.PgConn
}

// kinds returns the types of a target's columns, as the warehouse names them.
func (a *accounts) kinds(ctx context.Context, t *drawnTable) (map[string][]string, error) {
	rows, err := tableRows(ctx, a.target, "SELECT column_name, data_type FROM svv_columns WHERE table_schema = 'userdata' AND table_name = '"+t.config+"'")
	kinds := map[string][]string{}
	for _, r := range rows {
		kinds[r[0]] = []string{warehouseKinds[r[1]]}
	}
	return kinds, err
}

// warehouseKinds maps types as svv_columns names them.
var warehouseKinds = map[string]string{
	"smallint": "whole", "integer": "whole", "bigint": "whole", "numeric": "decimal", "character varying": "varchar",
	"date": "date", "timestamp with time zone": "timestamptz", "boolean": "boolean",
}

// settled returns a line for each table that is not live. If all are, it returns one for
// the first table that is not accounted for.
func (a *accounts) settled(ctx context.Context, tables []*drawnTable) (lines []string, err error) {
	states, err := tableRows(ctx, a.target, "SELECT target, state, detail FROM rowshift.table_state WHERE state <> 'live'")
	if err != nil {
		return nil, err
	}
	for _, s := range states {
		lines = append(lines, fmt.Sprintf("%s is %s: %.200s", s[0], s[1], s[2]))
	}
	if len(lines) > 0 {
		return lines, nil
	}
	for _, t := range tables {
		found, err := a.table(ctx, t)
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			return []string{fmt.Sprintf("%s, as %s: %d faults, such as %s", t.full(), t.config, len(found), found[0])}, nil
		}
	}
	return nil, nil
}

// table returns the differences of a table for which nothing accounts.
func (a *accounts) table(ctx context.Context, t *drawnTable) (faults []string, err error) {
	var names []string
	for _, c := range t.chosen() {
		names = append(names, `"`+c.name+`"`)
	}
	source, err := a.rows(ctx, a.source, t, fmt.Sprintf("SELECT %s FROM %s", strings.Join(names, ", "), t.full()))
	if err != nil {
		return nil, err
	}
	target, err := a.rows(ctx, a.target, t, fmt.Sprintf("SELECT %s FROM userdata.%s", strings.Join(names, ", "), t.config))
	if err != nil {
		return []string{err.Error()}, nil //nolint:nilerr // the target may not have all columns yet
	}
	book, err := a.read(ctx, t)
	if err != nil {
		return nil, err
	}
	for key, row := range source {
		got, there := target[key]
		if reason, refused := book.refused[key]; refused {
			if there || !refusable(t, row, reason) {
				faults = append(faults, fmt.Sprintf("row %.60s is in quarantine for %s", key, reason))
			}
			continue
		}
		if !there {
			faults = append(faults, fmt.Sprintf("row %.60s is missing", key))
			continue
		}
		faults = append(faults, book.differences(t, key, row, got)...)
	}
	for key := range target {
		if _, there := source[key]; !there {
			faults = append(faults, fmt.Sprintf("row %.60s is in the target, and gone", key))
		}
	}
	for key := range book.refused {
		if _, there := source[key]; !there {
			faults = append(faults, fmt.Sprintf("row %.60s is in quarantine, and gone", key))
		}
	}
	return faults, nil
}

// rows returns the rows of a query by their keys, which are written as the ledger writes
// them.
func (a *accounts) rows(ctx context.Context, c *pgconn.PgConn, t *drawnTable, query string) (map[string][]string, error) {
	rows, err := tableRows(ctx, c, query)
	if err != nil {
		return nil, err
	}
	chosen := t.chosen()
	all := map[string][]string{}
	for _, row := range rows {
		var key []string
		for _, name := range t.key() {
			i := slices.IndexFunc(chosen, func(c drawnColumn) bool { return c.name == name })
			key = append(key, row[i])
		}
		all[keyOf(key)] = row
	}
	if len(all) != len(rows) {
		return nil, fmt.Errorf("%d rows of %s have %d keys", len(rows), t.config, len(all))
	}
	return all, nil
}

// keyOf returns a key in which long columns are replaced by their hashes.
func keyOf(columns []string) string {
	for i, c := range columns {
		if len(c) > 1024 {
			sum := sha256.Sum256([]byte(c))
			columns[i] = "sha256:" + hex.EncodeToString(sum[:])
		}
	}
	return strings.Join(columns, "\x1f")
}

// book is what the ledger and the quarantine have of a table.
type book struct {
	adjusted map[string]bool   // kinds of misfit by column and length
	refused  map[string]string // reasons by key
}

func (a *accounts) read(ctx context.Context, t *drawnTable) (b book, err error) {
	b = book{adjusted: map[string]bool{}, refused: map[string]string{}}
	entries, err := tableRows(ctx, a.target, `SELECT column_name, original_bytes, kind FROM rowshift.ledger WHERE target = '`+t.config+`'`)
	if err != nil {
		return b, err
	}
	for _, e := range entries {
		b.adjusted[strings.Join(e, " ")] = true
	}
	refused, err := tableRows(ctx, a.target, `SELECT "key", reason FROM rowshift.quarantine WHERE lifted_at IS NULL AND target = '`+t.config+`'`)
	if err != nil {
		return b, err
	}
	for _, r := range refused {
		var key []string
		if err := json.Unmarshal([]byte(r[0]), &key); err != nil {
			return b, err
		}
		if _, twice := b.refused[keyOf(key)]; twice {
			return b, fmt.Errorf("%s has row %.60s in quarantine twice", t.config, r[0])
		}
		b.refused[keyOf(key)] = r[1]
	}
	return b, nil
}

// null stands for NULL.
const null = "\x00NULL"

// refusable reports whether a row may be refused for this reason.
func refusable(t *drawnTable, row []string, reason string) bool {
	for i, c := range t.chosen() {
		switch {
		case reason == "infinity" && c.kind == date && row[i] == "infinity":
			return true
		case reason == "too_long" && t.inKey(c.name) && len(row[i]) > 65535:
			return true
		case reason == "unfilled" && len(row[i]) > 1000:
			return true
		}
	}
	return false
}

// differences returns the differences between a row and the target's that the ledger does
// not explain.
func (b book) differences(t *drawnTable, key string, want, got []string) (faults []string) {
	for i, c := range t.chosen() {
		if want[i] == got[i] {
			continue
		}
		kind, cut := "", len(got[i]) > 65531 && strings.HasPrefix(want[i], got[i])
		switch {
		case cut:
			kind = "too_long"
		case got[i] == null && want[i] == "NaN":
			kind = "nan"
		case got[i] == null && strings.HasSuffix(want[i], "infinity"):
			kind = "infinity"
		}
		known := slices.ContainsFunc(c.was, func(name string) bool { return b.adjusted[fmt.Sprintf("%s %d %s", name, len(want[i]), kind)] })
		if kind == "" || !known {
			faults = append(faults, fmt.Sprintf("column %s of row %.60q is %.60q and not %.60q, and the ledger has nothing of it", c.name, key, got[i], want[i]))
		}
	}
	return faults
}

// tableRows returns the rows of a query.
func tableRows(ctx context.Context, c *pgconn.PgConn, query string) (rows [][]string, err error) {
	results, err := c.Exec(ctx, query).ReadAll()
	if err != nil {
		return nil, err
	}
	for _, values := range results[len(results)-1].Rows {
		row := make([]string, len(values))
		for i, v := range values {
			row[i] = string(v)
			if v == nil {
				row[i] = null
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}
