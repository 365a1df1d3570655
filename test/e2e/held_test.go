package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rowshift/test/harness"
	"rowshift/test/redshifttest"
)

// Promises 2 and 3: a table that loads holds nobody up. While its COPY hangs, the other
// tables stay equal, its own changes are held in the warehouse, and the slot releases
// their log. If the daemon dies meanwhile, the load goes on. Readers first see nothing of
// the table and then all of it.
func TestALoadHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	const person = 1
	others := append(append([]harness.Pair{}, harness.AccountPairs[:person]...), harness.AccountPairs[person+1:]...)
	tables := append(append([]string{}, harness.AccountTables[:person]...), harness.AccountTables[person+1:]...)
	w := harness.Start(t, harness.Setup{
		Accounts: small,
		Config:   harness.Config{Tables: tables, Batch: "{rows: 1000, min_interval: 100ms, max_age: 400ms}"},
	})
	d, stalled := stalledLoad(t, w, others...)
	load := w.Load(harness.Workload{Seed: 17, Writers: 2, Pause: 5 * time.Millisecond})
	execute(t, w, "UPDATE person SET is_active = NOT is_active", "UPDATE person SET id = uid('moved', 1) WHERE id = uid('p', 50)")
	at := one(t, w, "SELECT pg_current_wal_flush_lsn()")
	harness.Until(t, "the slot to pass "+at, func() (bool, error) {
		return one(t, w, "SELECT confirmed_flush_lsn >= '"+at+"' FROM pg_replication_slots") == "t", nil
	})
	if err := load.Stop(); err != nil {
		t.Error(err)
	}
	w.MustBecomeEqual(t, others...)
	if n := warehouse(t, w, "SELECT COUNT(*) FROM "+heldTable(t, w)); n == "0" {
		t.Error("nothing is held: this shows nothing")
	}
	d.Kill()
	stalled.Remove()
	load = w.Load(harness.Workload{Seed: 18, Writers: 2, Pause: 5 * time.Millisecond})
	w.MustRun(t)
	watchPerson(t, w)
	if err := load.Stop(); err != nil {
		t.Error(err)
	}
	w.MustBecomeEqual(t)
	harness.Until(t, "the held table to be dropped", func() (bool, error) {
		return warehouse(t, w, "SELECT COUNT(*) FROM svv_tables WHERE table_schema = 'rowshift' AND table_name LIKE 'held%'") == "0", nil
	})
}

// stalledLoad adds tables to the config of a world, and returns a daemon whose load of
// them is stalled in a COPY.
func stalledLoad(t *testing.T, w *harness.World, others ...harness.Pair) (*harness.Daemon, *redshifttest.Injected) {
	t.Helper()
	d := w.MustRun(t)
	w.MustBecomeEqual(t, others...)
	d.Terminate(t)
	if err := w.SetConfig(func(c *harness.Config) { c.Tables = harness.AccountTables }); err != nil {
		t.Fatal(err)
	}
	stalled := w.Warehouse.Inject(redshifttest.Fault{Class: "COPY", Match: `"load_`, Application: "rowshift", Nth: 1, Stall: -1})
	d = w.MustRun(t)
	reached(t, stalled)
	return d, stalled
}

// A load goes on while another table is altered again and again. Each time the stream is
// opened anew, and changes are still held in the same table.
func TestALoadOutlivesAlterations(t *testing.T) {
	t.Parallel()
	const person, plan = 1, 2
	w := harness.Start(t, harness.Setup{
		Accounts: small,
		Config: harness.Config{
			Tables: []string{harness.AccountTables[0], harness.AccountTables[plan], harness.AccountTables[3]},
			Batch:  "{rows: 1000, min_interval: 100ms, max_age: 400ms}", Source: []string{"catalogue_poll: 200ms"},
		},
	})
	others := []harness.Pair{harness.AccountPairs[0], harness.AccountPairs[plan], harness.AccountPairs[3]}
	d, stalled := stalledLoad(t, w, others...)
	held := heldTable(t, w)
	load := w.Load(harness.Workload{Seed: 19, Writers: 2, Pause: 5 * time.Millisecond})
	for i := range 3 {
		execute(t, w, fmt.Sprintf("ALTER TABLE plan ADD COLUMN extra%d int", i))
		harness.Until(t, "the column to be in the target", func() (bool, error) {
			return warehouse(t, w, fmt.Sprintf("SELECT COUNT(*) FROM svv_columns WHERE table_schema = 'userdata' AND table_name = 'plan' AND column_name = 'extra%d'", i)) == "1", d.Alive()
		})
	}
	if now := heldTable(t, w); now != held {
		t.Errorf("changes are held in %s, and were in %s", now, held)
	}
	stalled.Remove()
	watchPerson(t, w)
	if err := load.Stop(); err != nil {
		t.Error(err)
	}
	w.MustBecomeEqual(t, harness.AccountPairs[0], harness.AccountPairs[person], harness.AccountPairs[3])
	if got := loadedBy(d); got != "public.person" {
		t.Errorf("loaded: %q", got)
	}
}

// heldTable returns the name of the only held table.
func heldTable(t *testing.T, w *harness.World) string {
	t.Helper()
	return "rowshift." + warehouse(t, w, "SELECT table_name FROM svv_tables WHERE table_schema = 'rowshift' AND table_name LIKE 'held%'")
}

// watchPerson checks that the target of person is empty until the table is live.
func watchPerson(t *testing.T, w *harness.World) {
	t.Helper()
	harness.Until(t, "person to be live", func() (bool, error) {
		rows, err := harness.Rows(t.Context(), w.WarehouseDSN("dev", "dev"), `SELECT s.state, COUNT(p.id) FROM rowshift.table_state AS s LEFT JOIN userdata.person AS p ON 1 = 1
			WHERE s.source_table = 'person' GROUP BY s.state`)
		if err != nil {
			return false, err
		}
		state, n, _ := strings.Cut(rows[0], "|")
		var seen int
		if _, err := fmt.Sscan(n, &seen); err != nil {
			t.Fatal(err)
		}
		if live := state == "live"; live != (seen > small.Persons/2) || !live && seen != 0 {
			t.Fatalf("a reader saw %d persons while the table was %s", seen, state)
		}
		return state == "live", nil
	})
}

// Tables and columns are removed and come back by editing the config and starting again.
// Tables that did not change are not loaded again.
func TestTablesAndColumnsComeAndGo(t *testing.T) {
	t.Parallel()
	w, d := live(t, harness.Setup{
		Accounts: small,
		Config:   harness.Config{Batch: "{rows: 1000, min_interval: 100ms, max_age: 400ms}"},
	})
	persons := harness.Pair{Name: "person", Source: "SELECT id, is_active, last_seen_at FROM public.person", Target: "SELECT id, is_active, last_seen_at FROM userdata.person"}
	for _, step := range []struct {
		tables []string
		pairs  []harness.Pair
		loaded string
	}{
		{[]string{harness.AccountTables[0], harness.AccountTables[1], harness.AccountTables[3]}, []harness.Pair{harness.AccountPairs[0], harness.AccountPairs[1], harness.AccountPairs[3]}, ""},
		{[]string{harness.AccountTables[0], "public.person: {exclude: [email, full_name, bio]}", harness.AccountTables[3]}, []harness.Pair{harness.AccountPairs[0], persons, harness.AccountPairs[3]}, "public.person"},
		{harness.AccountTables, harness.AccountPairs, "public.person public.plan"},
	} {
		d.Terminate(t)
		if err := w.SetConfig(func(c *harness.Config) { c.Tables = step.tables }); err != nil {
			t.Fatal(err)
		}
		load := w.Load(harness.Workload{Seed: 31, Writers: 2, Pause: 5 * time.Millisecond})
		d = w.MustRun(t)
		harness.Until(t, "all tables to be live", func() (bool, error) { // and not live only because the daemon before left them so
			live := warehouse(t, w, "SELECT COUNT(*) FROM rowshift.table_state WHERE state = 'live'")
			return live == fmt.Sprint(len(step.tables)) && len(loadedBy(d)) >= len(step.loaded), d.Alive()
		})
		if err := load.Stop(); err != nil {
			t.Error(err)
		}
		w.MustBecomeEqual(t, step.pairs...)
		if got := loadedBy(d); got != step.loaded {
			t.Errorf("with %v loaded: %q, want %q", step.tables, got, step.loaded)
		}
	}
}

// loadedBy returns the tables that a daemon has loaded, sorted.
func loadedBy(d *harness.Daemon) string {
	var tables []string
	for _, e := range d.Entries() {
		if e["message"] == "loaded" {
			tables = append(tables, fmt.Sprint(e["table"]))
		}
	}
	slices.Sort(tables)
	return strings.Join(tables, " ")
}
