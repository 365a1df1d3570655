package e2e

import (
	"strings"
	"testing"
	"time"

	"rowshift/test/harness"
)

// Promises 1 and 3: a first load under writing ends equal, and until a table is
// whole nobody sees it.
func TestFirstLoadUnderLoad(t *testing.T) {
	w := harness.Start(t, harness.Setup{
		Accounts: harness.Accounts{Companies: 2000, Persons: 20_000, Memberships: 20_000},
		Config:   harness.Config{Source: []string{"load_yield: 1s"}},
	})
	load := w.Load(harness.Workload{Seed: 3, Writers: 3, Pause: time.Millisecond, Large: 500, Truncate: true})
	d := w.MustRun(t)
	smallest := 20_000
	harness.Until(t, "all tables to be live", func() (bool, error) {
		rows, err := harness.Rows(t.Context(), w.WarehouseDSN("dev", "dev"), "SELECT COUNT(*) FROM userdata.person")
		if err == nil && len(rows) == 1 && rows[0] != "0" && len(rows[0]) < 5 {
			smallest = 0
		}
		_, page, err := w.Get(t.Context(), "/metrics")
		if err != nil {
			return false, nil //nolint:nilerr // not up yet
		}
		return harness.ParseMetrics(page).Sum(`rowshift_table_state{state="live"}`) == 4, nil
	})
	if smallest == 0 {
		t.Error("a reader saw part of a table that was loading")
	}
	if err := load.Stop(); err != nil {
		t.Error(err)
	}
	w.MustBecomeEqual(t)
	if n := load.Transactions.Load(); n < 100 {
		t.Errorf("only %d transactions were written meanwhile: this shows nothing", n)
	}
	if code := d.Terminate(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if log := d.Log(); !strings.Contains(log, `"loaded"`) {
		t.Error("the log tells nothing of the load")
	}
}

// Promise 3: over all tables at once, readers see only states of one commit. Each
// transaction moves an amount between two tables, so their sum never changes.
func TestReadersSeeOneCommit(t *testing.T) {
	w := harness.Start(t, harness.Setup{
		Accounts: small,
		SQL: []string{
			"CREATE TABLE public.giver (id int PRIMARY KEY, amount int NOT NULL)", "CREATE TABLE public.taker (id int PRIMARY KEY, amount int NOT NULL)",
			"ALTER TABLE giver OWNER TO app_owner", "ALTER TABLE taker OWNER TO app_owner",
			"INSERT INTO giver SELECT n, 1000 FROM generate_series(1, 50) n", "INSERT INTO taker SELECT n, 0 FROM generate_series(1, 50) n",
			`CREATE PROCEDURE transfer(n int) LANGUAGE plpgsql AS $$ BEGIN FOR i IN 1..n LOOP
				UPDATE public.giver SET amount = amount - 1 WHERE id = 1 + i % 50;
				UPDATE public.taker SET amount = amount + 1 WHERE id = 1 + (i * 7) % 50;
				COMMIT; END LOOP; END $$`,
		},
		Config: harness.Config{
			Tables: []string{"public.giver: {columns: all}", "public.taker: {columns: all}"},
			Batch:  "{rows: 1000, min_interval: 1ms, max_age: 50ms}",
		},
	})
	w.MustRun(t)
	pairs := []harness.Pair{
		{Name: "giver", Source: "SELECT * FROM giver", Target: "SELECT id, amount FROM userdata.giver"},
		{Name: "taker", Source: "SELECT * FROM taker", Target: "SELECT id, amount FROM userdata.taker"},
	}
	w.MustBecomeEqual(t, pairs...)
	done := make(chan error, 1)
	go func() { done <- w.Execute(t.Context(), "CALL transfer(25000)") }()
	samples, different := 0, map[string]bool{}
	for writing := true; writing; {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			writing = false
		default:
		}
		rows, err := harness.Rows(t.Context(), w.WarehouseDSN("dev", "dev"),
			"SELECT g.amount, t.amount, g.amount + t.amount FROM (SELECT SUM(amount) AS amount FROM userdata.giver) AS g CROSS JOIN (SELECT SUM(amount) AS amount FROM userdata.taker) AS t")
		if err != nil {
			t.Fatal(err)
		}
		samples++
		different[rows[0]] = true
		if !strings.HasSuffix(rows[0], "|50000") {
			t.Fatalf("a reader saw a state that the source never had: %s", rows[0])
		}
	}
	w.MustBecomeEqual(t, pairs...)
	if len(different) < 5 {
		t.Errorf("%d samples saw %d states only: this shows nothing", samples, len(different))
	}
}
