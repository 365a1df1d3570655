package e2e

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"rowshift/test/harness"
	"rowshift/test/pgtest"
)

// shaped is a table whose shape changes in some situation.
type shaped struct {
	shapeCase
	situation situation
	table     string
}

// portion is how many changes of shape share a world in each situation.
const portion = 7

// everyShape returns the changes of shape, each in one situation or, as a product, in
// every one, in portions for one world each. Changes of a column list need PostgreSQL 15.
func everyShape(product, lists bool) (portions [][]shaped) {
	var all []shaped
	for i, c := range shapeCases {
		for _, s := range situations {
			if (product || s == c.happens(i)) && (lists || c.choice == "") {
				all = append(all, shaped{shapeCase: c, situation: s, table: c.name + "_" + string(s)})
			}
		}
	}
	return slices.Collect(slices.Chunk(all, portion*len(situations)))
}

// Promises 1 to 3, 6 and 8: every change of a table's shape is followed, or the table is
// parked until it is repaired while the others go on. A daemon that is killed meanwhile
// continues where it was. With ROWSHIFT_SHAPES=all each change happens in each situation,
// with kills around it.
func TestShapes(t *testing.T) {
	t.Parallel()
	product, lists := os.Getenv("ROWSHIFT_SHAPES") == "all", columnLists(t)
	for _, all := range everyShape(product, lists) {
		t.Run(all[0].name, func(t *testing.T) { reshape(t, all, product, lists) })
	}
}

// columnLists reports whether the source's PostgreSQL has column lists.
func columnLists(t *testing.T) bool {
	t.Helper()
	major, err := pgtest.Major(t.Context(), pgtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return major >= 15
}

// reshape changes the shapes of tables in one world.
func reshape(t *testing.T, all []shaped, product, lists bool) {
	w := harness.Start(t, shapesSetup(all, lists))
	k := &shapeKiller{world: w, daemon: w.MustRun(t)}
	var before []harness.Pair
	for _, s := range all {
		before = append(before, s.pair(s.table, asChosen(s.choice), ""))
	}
	w.MustBecomeEqual(t, before...)
	load := w.Load(harness.Workload{Seed: 31, Writers: 1, Pause: 20 * time.Millisecond})
	for i, s := range all {
		k.next = product || i == len(all)/2
		s.change(t, w, k)
	}
	for _, s := range all {
		s.park(t, w)
	}
	if err := load.Stop(); err != nil {
		t.Error(err)
	}
	var after []harness.Pair
	if lists {
		after = append(after, harness.AccountPairs...)
	}
	for _, s := range all {
		after = append(after, s.after())
	}
	w.MustBecomeEqual(t, after...)
	for _, s := range all {
		rows, err := harness.Rows(t.Context(), w.WarehouseDSN("dev", "dev"), "SELECT column_name FROM svv_columns WHERE table_schema = 'userdata' AND table_name = '"+s.table+"' AND column_name = '"+s.gone+"'")
		if err != nil || len(rows) > 0 {
			t.Errorf("the target of %s still has column %s, %v", s.table, s.gone, err)
		}
	}
	if rows, err := harness.Rows(t.Context(), w.WarehouseDSN("dev", "dev"), "SELECT source_table, state FROM rowshift.table_state WHERE state <> 'live'"); err != nil || len(rows) > 0 {
		t.Errorf("not live in the end: %v, %v", rows, err)
	}
	if log, err := os.ReadFile(w.LogFile()); err != nil || strings.Contains(string(log), `"message":"halted"`) {
		t.Errorf("a daemon halted, %v", err)
	}
}

// shapeKiller kills the daemons of a world around changes of shape: before the first,
// right after the second, and after the third once a batch was staged.
type shapeKiller struct {
	world  *harness.World
	daemon *harness.Daemon
	next   bool // kill around the next change
	kills  int
}

// around makes a change, with a kill if one is due.
func (k *shapeKiller) around(t *testing.T, change func()) {
	t.Helper()
	if !k.next {
		change()
		return
	}
	k.next = false
	k.kills++
	k.daemon.MustSee(t, `"message":"streaming"`) // a daemon that only begins has nothing to lose
	if k.kills%3 == 1 {
		k.daemon.Kill()
	}
	staged := strings.Count(k.daemon.Log(), `"message":"staged"`)
	change()
	if k.kills%3 == 0 {
		harness.Until(t, "a batch to be staged", func() (bool, error) {
			return strings.Count(k.daemon.Log(), `"message":"staged"`) > staged, k.daemon.Alive()
		})
	}
	k.daemon.Kill()
	k.daemon = k.world.MustRun(t)
}

// shapesSetup returns a setup with these tables beside the account tables.
func shapesSetup(all []shaped, lists bool) harness.Setup {
	s := harness.Setup{
		Accounts: small,
		SQL:      []string{"CREATE SCHEMA other", "GRANT ALL ON SCHEMA other TO app_owner"},
		Config: harness.Config{
			Tables: []string{},
			Batch:  "{rows: 1000, min_interval: 100ms, max_age: 400ms}",
			Source: []string{"catalogue_poll: 200ms", "load_yield: 1s"},
		},
	}
	if lists {
		s.Config.Tables = append(s.Config.Tables, harness.AccountTables...)
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

// asChosen returns the columns of a choice before any change.
func asChosen(choice string) string {
	switch choice {
	case "exclude: [v]":
		return "id, k, n, u"
	case "columns: [id, k, v, u]":
		return "id, k, v, u"
	}
	return asItWas
}

// pair compares columns of the table, whatever its present name in the source.
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

// name1 returns the table's name in the source after the change.
func (s shaped) name1() string {
	if s.now == "" {
		return s.table
	}
	return s.in(s.table, s.now)
}

// rows returns statements that write rows, with columns that the table has at any time.
func (s shaped) rows(name string, id int) []string {
	return []string{
		fmt.Sprintf("INSERT INTO %s (id, u) VALUES (%d, 'written')", name, id),
		fmt.Sprintf("UPDATE %s SET u = u || '+' WHERE id %% 3 = 0", name),
		fmt.Sprintf("DELETE FROM %s WHERE id = %d", name, id-100),
	}
}

// change changes the table's shape.
func (s shaped) change(t *testing.T, w *harness.World, k *shapeKiller) {
	t.Helper()
	var ddl []string
	for _, one := range s.ddl {
		ddl = append(ddl, s.in(s.table, one))
	}
	before, after := s.rows(s.table, 101), s.rows(s.name1(), 102)
	if s.parked != "" {
		after = nil // PostgreSQL may refuse them until the daemon has seen the change
	}
	switch {
	case s.situation == idle:
		s.run(t, w, k, ddl)
	case s.situation == inside && !s.alone:
		s.run(t, w, k, append(append(before, ddl...), after...))
	case s.situation == loaded:
		execute(t, w, before...)
		s.load(t, w)
		s.run(t, w, k, ddl)
		execute(t, w, after...)
	case s.situation == twice:
		s.run(t, w, k, ddl)
		execute(t, w, after...)
		if s.parked == "" || s.name != "dropped" {
			execute(t, w, "ALTER TABLE "+s.name1()+" ADD z int")
		}
	default:
		execute(t, w, before...)
		s.run(t, w, k, ddl)
		execute(t, w, after...)
	}
}

// load asks for a load of the table and waits until the load has begun.
func (s shaped) load(t *testing.T, w *harness.World) {
	t.Helper()
	change(t, w, "INSERT INTO rowshift.request (kind, source_schema, source_table, token, state, requested_at) VALUES ('resync', 'public', '"+s.table+"', '', 'requested', GETDATE())")
	harness.Until(t, s.table+" to load", func() (bool, error) {
		rows, err := harness.Rows(t.Context(), w.WarehouseDSN("dev", "dev"), "SELECT state FROM rowshift.request WHERE source_table = '"+s.table+"'")
		return len(rows) == 1 && rows[0] != "requested", err
	})
}

// run runs statements, in one transaction if that is possible.
func (s shaped) run(t *testing.T, w *harness.World, k *shapeKiller, statements []string) {
	t.Helper()
	if !s.alone {
		statements = []string{"BEGIN; " + strings.Join(statements, "; ") + "; COMMIT"}
	}
	k.around(t, func() { execute(t, w, statements...) })
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
