package e2e

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"rowshift/test/harness"
	"rowshift/test/redshifttest"

	"github.com/jackc/pgx/v5/pgconn"
)

// Promises 1 and 3: a first load with concurrent writes ends with equal tables, and
// readers see all tables at once and whole, never a part of one.
func TestFirstLoadUnderLoad(t *testing.T) {
	const persons = 20_000
	w := harness.Start(t, harness.Setup{
		Accounts: harness.Accounts{Companies: 2000, Persons: persons, Memberships: 20_000},
		Config:   harness.Config{Source: []string{"load_yield: 1s"}},
	})
	first := w.Warehouse.Inject(redshifttest.Fault{Class: "COPY", Match: `"load_`, Application: "rowshift", Nth: 1, Stall: -1})
	load := w.Load(harness.Workload{Seed: 3, Writers: 3, Pause: 5 * time.Millisecond, Large: 500, Truncates: 4})
	d := w.MustRun(t)
	empty, whole := 0, 0
	harness.Until(t, "all tables to be live", func() (bool, error) {
		switch seen := counts(t, w); {
		case seen == nil: // some targets do not exist yet
		case seen["company"] == 0 && seen["person"] == 0 && seen["plan"] == 0 && seen["companyperson"] == 0:
			if empty++; empty == 1 {
				first.Remove()
			}
		case seen["company"] == 2000 && seen["person"] > persons/2 && seen["plan"] == 4 && seen["companyperson"] > persons/2:
			whole++
		default:
			t.Fatalf("a reader saw a part: %v", seen)
		}
		_, page, err := w.Get(t.Context(), "/metrics")
		if err != nil {
			return false, err // the servers are not up yet
		}
		return whole > 0 && harness.ParseMetrics(page).Sum(`rowshift_table_state{state="live"}`) == 4, nil
	})
	if empty == 0 {
		t.Error("nobody looked before the tables were whole: this shows nothing")
	}
	written := load.Transactions.Load()
	if err := load.Stop(); err != nil {
		t.Error(err)
	}
	w.MustBecomeEqual(t)
	if written < 100 {
		t.Errorf("only %d transactions were written meanwhile: this shows nothing", written)
	}
	if code := d.Terminate(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if log := d.Log(); !strings.Contains(log, `"loaded"`) {
		t.Error("the log tells nothing of the load")
	}
}

// counts returns the numbers of rows in the targets, as one statement sees them, and nil
// if a target does not exist.
func counts(t *testing.T, w *harness.World) map[string]int {
	t.Helper()
	rows, err := harness.Rows(t.Context(), w.WarehouseDSN("dev", "dev"), `SELECT 'company', COUNT(*) FROM userdata.company
		UNION ALL SELECT 'person', COUNT(*) FROM userdata.person UNION ALL SELECT 'plan', COUNT(*) FROM userdata."plan"
		UNION ALL SELECT 'companyperson', COUNT(*) FROM userdata.companyperson`)
	var fault *pgconn.PgError
	if errors.As(err, &fault) && (fault.Code == "42P01" || fault.Code == "3F000") {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, row := range rows {
		name, n, _ := strings.Cut(row, "|")
		if seen[name], err = strconv.Atoi(n); err != nil {
			t.Fatal(err)
		}
	}
	return seen
}

// Promise 3: across all tables, readers see only states after some commit. Each
// transaction moves amounts between two tables, so their sum never changes. Some
// transactions are larger than a batch, so batches end within them.
func TestReadersSeeOneCommit(t *testing.T) {
	t.Parallel()
	w := harness.Start(t, harness.Setup{
		Accounts: small,
		SQL: []string{
			"CREATE TABLE public.giver (id int PRIMARY KEY, amount int NOT NULL)", "CREATE TABLE public.taker (id int PRIMARY KEY, amount int NOT NULL)",
			"ALTER TABLE giver OWNER TO app_owner", "ALTER TABLE taker OWNER TO app_owner",
			"INSERT INTO giver SELECT n, 1000 FROM generate_series(1, 1500) n", "INSERT INTO taker SELECT n, 0 FROM generate_series(1, 1500) n",
			`CREATE PROCEDURE transfer(n int) LANGUAGE plpgsql AS $$ BEGIN FOR i IN 1..n LOOP
				UPDATE public.giver SET amount = amount - 1 WHERE id = 1 + i % 50;
				UPDATE public.taker SET amount = amount + 1 WHERE id = 1 + (i * 7) % 50;
				IF i % 500 = 0 THEN COMMIT;
					UPDATE public.giver SET amount = amount - 1; UPDATE public.taker SET amount = amount + 1; END IF;
				COMMIT; END LOOP; END $$`,
		},
		Config: harness.Config{
			Tables: []string{"public.giver: {columns: all}", "public.taker: {columns: all}"},
			Batch:  "{rows: 1000, min_interval: 1ms, max_age: 50ms}",
		},
	})
	d := w.MustRun(t)
	pairs := []harness.Pair{
		{Name: "giver", Source: "SELECT * FROM giver", Target: "SELECT id, amount FROM userdata.giver"},
		{Name: "taker", Source: "SELECT * FROM taker", Target: "SELECT id, amount FROM userdata.taker"},
	}
	w.MustBecomeEqual(t, pairs...)
	done := make(chan error, 1)
	go func() { done <- w.Execute(t.Context(), "CALL transfer(12000)") }()
	samples, different := 0, map[string]bool{} // the reader goes on until it has seen the last one, since the daemon may lag behind the writer
	harness.Until(t, "the last transfer to be seen", func() (bool, error) {
		rows, err := harness.Rows(t.Context(), w.WarehouseDSN("dev", "dev"),
			"SELECT g.amount, t.amount, g.amount + t.amount FROM (SELECT SUM(amount) AS amount FROM userdata.giver) AS g CROSS JOIN (SELECT SUM(amount) AS amount FROM userdata.taker) AS t")
		if err != nil {
			t.Fatal(err)
		}
		samples++
		different[rows[0]] = true
		if !strings.HasSuffix(rows[0], "|1500000") {
			t.Fatalf("a reader saw a state that the source never had: %s", rows[0])
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
		default:
		}
		// Of the 12,000 rounds, 24 move one from each of the 1,500 rows.
		return strings.HasPrefix(rows[0], strconv.Itoa(1_500_000-12_000-24*1500)+"|"), nil
	})
	w.MustBecomeEqual(t, pairs...)
	if !strings.Contains(d.Log(), `"whole":false`) {
		t.Error("no batch ended within a transaction")
	}
	t.Logf("%d samples saw %d states", samples, len(different))
	if len(different) < 5 {
		t.Errorf("%d samples saw %d states only: this shows nothing", samples, len(different))
	}
}
