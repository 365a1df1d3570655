package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"rowshift/test/harness"
)

// shaped is a table that changes its shape in some situation.
type shaped struct {
	shapeCase
	situation situation
	table     string
}

// everyShape is the product of all changes of shape and situations or, unless that is
// asked for, each change in one situation.
func everyShape() (all []shaped) {
	for i, c := range shapeCases {
		for j, s := range situations {
			if os.Getenv("ROWSHIFT_SHAPES") == "all" || j == i%len(situations) {
				all = append(all, shaped{shapeCase: c, situation: s, table: c.name + "_" + string(s)})
			}
		}
	}
	return all
}

// Promises 1 to 3, 6 and 8: whatever becomes of a table's shape is followed, or the
// table is parked until it is repaired, and the others go on; and a daemon that is
// killed meanwhile goes on from where it was.
func TestShapes(t *testing.T) {
	all := everyShape()
	w := harness.Start(t, shapesSetup(all))
	d := w.MustRun(t)
	var before []harness.Pair
	for _, s := range all {
		before = append(before, s.pair(s.table, asChosen(s.choice), ""))
	}
	w.MustBecomeEqual(t, before...)
	load := w.Load(harness.Workload{Seed: 31, Writers: 1, Pause: 20 * time.Millisecond})
	for i, s := range all {
		s.change(t, w)
		if i == len(all)/2 {
			d.Kill()
			d = w.MustRun(t)
		}
	}
	for _, s := range all {
		s.park(t, w)
	}
	if err := load.Stop(); err != nil {
		t.Error(err)
	}
	after := append([]harness.Pair{}, harness.AccountPairs...)
	for _, s := range all {
		after = append(after, s.after())
	}
	w.MustBecomeEqual(t, after...)
	if rows, err := harness.Rows(t.Context(), w.WarehouseDSN("dev", "dev"), "SELECT source_table, state FROM rowshift.table_state WHERE state <> 'live'"); err != nil || len(rows) > 0 {
		t.Errorf("not live in the end: %v, %v", rows, err)
	}
	if strings.Contains(d.Log(), `"message":"halted"`) {
		t.Error("the daemon halted")
	}
}

// shapesSetup declares the tables, beside the account tables.
func shapesSetup(all []shaped) harness.Setup {
	s := harness.Setup{
		Accounts: small,
		SQL:      []string{"CREATE SCHEMA other", "GRANT ALL ON SCHEMA other TO app_owner"},
		Config: harness.Config{
			Tables: append([]string{}, harness.AccountTables...),
			Batch:  "{rows: 1000, min_interval: 20ms, max_age: 200ms}",
			Source: []string{"catalogue_poll: 200ms", "load_yield: 1s"},
		},
	}
	for _, one := range all {
		s.SQL = append(s.SQL,
			"CREATE TABLE "+one.table+" (id int PRIMARY KEY, k int NOT NULL DEFAULT 0, v varchar(10), n int, u text)",
			"ALTER TABLE "+one.table+" OWNER TO app_owner",
			"INSERT INTO "+one.table+" SELECT i, i % 7, 'v' || i, i, 'u' || i FROM generate_series(1, 40) i",
		)
		choice := one.choice
		if choice == "" {
			choice = "columns: all"
		}
		s.Config.Tables = append(s.Config.Tables, "public."+one.table+": {"+choice+"}")
	}
	return s
}

// asChosen are the columns of a choice before anything is changed.
func asChosen(choice string) string {
	switch choice {
	case "exclude: [v]":
		return "id, k, n, u"
	case "columns: [id, k, v, u]":
		return "id, k, v, u"
	}
	return asItWas
}

// pair compares columns of the table, which goes by some name in the source.
func (s shaped) pair(name, columns, target string) harness.Pair {
	if target == "" {
		target = columns
	}
	return harness.Pair{Name: s.table, Source: "SELECT " + columns + " FROM " + name, Target: "SELECT " + target + " FROM userdata." + s.table}
}

// after compares the table as it is in the end.
func (s shaped) after() harness.Pair {
	columns := s.columns
	if s.situation == twice && !s.closed {
		columns += ", z"
	}
	return s.pair(s.name1(), columns, s.target)
}

// name1 is the table's name in the source after the change.
func (s shaped) name1() string {
	if s.now == "" {
		return s.table
	}
	return s.in(s.table, s.now)
}

// rows are statements that write rows, of which the table has these columns at any time.
func (s shaped) rows(name string, id int) []string {
	return []string{
		fmt.Sprintf("INSERT INTO %s (id, u) VALUES (%d, 'written')", name, id),
		fmt.Sprintf("UPDATE %s SET u = u || '+' WHERE id %% 3 = 0", name),
		fmt.Sprintf("DELETE FROM %s WHERE id = %d", name, id-100),
	}
}

// change changes the table's shape.
func (s shaped) change(t *testing.T, w *harness.World) {
	t.Helper()
	var ddl []string
	for _, one := range s.ddl {
		ddl = append(ddl, s.in(s.table, one))
	}
	before, after := s.rows(s.table, 101), s.rows(s.name1(), 102)
	if s.parked != "" {
		after = nil // PostgreSQL may refuse them until the daemon has seen it
	}
	switch {
	case s.situation == idle:
		s.run(t, w, ddl)
	case s.situation == inside && !s.alone:
		s.run(t, w, append(append(before, ddl...), after...))
	case s.situation == loaded:
		execute(t, w, before...)
		change(t, w, "INSERT INTO rowshift.request (kind, source_schema, source_table, token, state, requested_at) VALUES ('resync', 'public', '"+s.table+"', '', 'requested', GETDATE())")
		s.run(t, w, ddl)
		execute(t, w, after...)
	case s.situation == twice:
		s.run(t, w, ddl)
		execute(t, w, after...)
		if s.parked == "" || s.name != "dropped" {
			execute(t, w, "ALTER TABLE "+s.name1()+" ADD z int")
		}
	default:
		execute(t, w, before...)
		s.run(t, w, ddl)
		execute(t, w, after...)
	}
}

// run runs statements in one transaction, if they can be.
func (s shaped) run(t *testing.T, w *harness.World, statements []string) {
	t.Helper()
	if s.alone {
		execute(t, w, statements...)
		return
	}
	execute(t, w, "BEGIN; "+strings.Join(statements, "; ")+"; COMMIT")
}

// park waits until a table that cannot go on is parked, and repairs it.
func (s shaped) park(t *testing.T, w *harness.World) {
	t.Helper()
	if s.parked == "" {
		return
	}
	harness.Until(t, s.table+" to be parked", func() (bool, error) {
		rows, err := harness.Rows(t.Context(), w.WarehouseDSN("dev", "dev"), "SELECT state, detail FROM rowshift.table_state WHERE source_table = '"+s.table+"'")
		return err == nil && len(rows) == 1 && strings.HasPrefix(rows[0], "parked|") && strings.Contains(rows[0], `"reason":"`+s.parked+`"`), err
	})
	for _, one := range s.repair {
		execute(t, w, s.in(s.table, one))
	}
	if s.situation == twice && s.name == "dropped" {
		execute(t, w, "ALTER TABLE "+s.table+" ADD z int")
	}
	for _, one := range s.mends {
		change(t, w, s.in(s.table, one))
	}
	if s.resync {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		if out, errs, code, err := w.Command(ctx, "resync", "public."+s.table); err != nil || code != 0 {
			t.Fatalf("resync: exit code %d, %v\n%s%s", code, err, out, errs)
		}
	}
}
