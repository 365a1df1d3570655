package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"rowshift/test/harness"
	"rowshift/test/redshifttest"

	"github.com/google/go-cmp/cmp"
)

// accounted returns a world with a table whose values often do not fit: rows with long
// names are refused, other values follow the rules of their types. Notes are stored out
// of line, so an update leaves them unchanged.
func accounted(t *testing.T) *harness.World {
	t.Helper()
	return harness.Start(t, harness.Setup{
		Chance: true, // it is chance what the last batch before a join has, and where a kill strikes
		SQL: []string{
			"CREATE TABLE ragged (id bigint PRIMARY KEY, name text, note text, amount numeric(10,2), seen timestamp)",
			"ALTER TABLE ragged ALTER note SET STORAGE EXTERNAL, OWNER TO app_owner",
			"CREATE TABLE mark (id integer PRIMARY KEY)", "ALTER TABLE mark OWNER TO app_owner",
			ragged(1, 300),
		},
		Config: harness.Config{
			Tables: []string{"public.ragged: {columns: all, rules: {name: {too_long: quarantine}}}", "public.mark: {columns: all}"},
			Batch:  "{rows: 1000, min_interval: 100ms, max_age: 400ms}",
		},
	})
}

// ragged inserts rows of which every seventh is refused and most others are adjusted.
func ragged(from, to int) string {
	return fmt.Sprintf(`INSERT INTO ragged SELECT g, CASE WHEN g %% 7 = 0 THEN repeat('n', 70000) ELSE 'name' END,
		CASE WHEN g %% 5 = 0 THEN repeat('é', 40000) ELSE repeat(md5(g::text), 200) END,
		CASE WHEN g %% 3 = 0 THEN 'NaN' ELSE g::numeric END, CASE WHEN g %% 4 = 0 THEN 'infinity' ELSE '2026-01-01'::timestamp END FROM generate_series(%d, %d) AS g`, from, to)
}

// disturbances returns changes of rows: some get refused, some become fit, and some need
// a value of a row that was refused.
func disturbances(n int) []string {
	return []string{
		ragged(1000*n, 1000*n+60),
		fmt.Sprintf("UPDATE ragged SET name = CASE WHEN id %% 3 = 0 THEN repeat('n', 70000) ELSE 'x' || id END WHERE id %% 10 = %d", n%10),
		fmt.Sprintf("UPDATE ragged SET name = 'y', note = repeat('z', 3000) WHERE id %% 11 = %d", n%11),
		fmt.Sprintf("DELETE FROM ragged WHERE id %% 13 = %d", n%13),
		fmt.Sprintf("UPDATE ragged SET id = id + 100000 WHERE id %% 17 = %d AND id < 100000", n%17),
		fmt.Sprintf("UPDATE ragged SET amount = 'NaN' WHERE id %% 19 = %d", n%19),
	}
}

// arrived waits until all that was committed so far is merged.
func arrived(t *testing.T, w *harness.World, n int) {
	t.Helper()
	execute(t, w, fmt.Sprintf("INSERT INTO mark VALUES (%d)", n))
	harness.Until(t, "the mark to arrive", func() (bool, error) {
		rows, err := harness.Rows(t.Context(), w.WarehouseDSN("dev", "dev"), fmt.Sprintf("SELECT id FROM userdata.mark WHERE id = %d", n))
		return len(rows) == 1, err
	})
}

// rows returns the sorted rows of a query.
func rows(t *testing.T, dsn, query string) []string {
	t.Helper()
	got, err := harness.Rows(t.Context(), dsn, query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	slices.Sort(got)
	return got
}

// openKeys returns the keys in quarantine.
const openKeys = `SELECT SUBSTRING("key", 3, LEN("key") - 4) FROM rowshift.quarantine WHERE source_table = 'ragged' AND lifted_at IS NULL`

// balanced fails the test unless each row of the source is in the target or in
// quarantine, and the ledger has each adjusted value exactly once.
func balanced(t *testing.T, w *harness.World) {
	t.Helper()
	dw := w.WarehouseDSN("dev", "dev")
	has := append(rows(t, dw, "SELECT id FROM userdata.ragged"), rows(t, dw, openKeys)...)
	slices.Sort(has)
	if diff := cmp.Diff(rows(t, w.SourceDSN(), "SELECT id FROM ragged"), has); diff != "" {
		t.Errorf("source (-), target and quarantine (+):\n%s", diff)
	}
	if twice := rows(t, dw, `SELECT "key", column_name FROM rowshift.ledger GROUP BY "key", column_name, kind, lsn, committed_at HAVING COUNT(*) > 1`); len(twice) > 0 {
		t.Errorf("more than once in the ledger: %v", twice)
	}
	ledger := rows(t, dw, `SELECT SUBSTRING("key", 3, LEN("key") - 4) || ' ' || column_name FROM rowshift.ledger`)
	target := rows(t, dw, "SELECT id FROM userdata.ragged")
	adjusted := rows(t, w.SourceDSN(), `SELECT id || ' ' || c FROM ragged, (VALUES ('note'), ('amount'), ('seen')) AS v (c)
		WHERE c = 'note' AND octet_length(note) > 65535 AND id < 100000 OR c = 'amount' AND amount = 'NaN' OR c = 'seen' AND seen = 'infinity'`)
	if len(adjusted) == 0 {
		t.Error("nothing is adjusted")
	}
	for _, one := range adjusted {
		id, _, _ := strings.Cut(one, " ")
		_, arrived := slices.BinarySearch(target, id)
		if _, there := slices.BinarySearch(ledger, one); arrived && !there {
			t.Errorf("%s is adjusted, and not in the ledger", one)
		}
	}
}

// diesAt changes rows, and kills the daemon once a statement of its hangs. If there is no
// daemon, it starts one.
func diesAt(t *testing.T, w *harness.World, d *harness.Daemon, n int, fault redshifttest.Fault) {
	t.Helper()
	fault.Application, fault.Nth, fault.Stall = "rowshift", 1, -1
	stalled := w.Warehouse.Inject(fault)
	if d == nil {
		d = w.MustRun(t)
	}
	execute(t, w, disturbances(n)...)
	reached(t, stalled)
	d.Kill()
	stalled.Remove()
}

// Promises 1 and 6: although daemons die while a load accounts for its rows and while
// they merge, each adjusted value is in the ledger once, and the source's rows are the
// target's and those in quarantine. A retry lets in what fits by then, and a drop forgets
// rows.
func TestLedgerAndQuarantine(t *testing.T) {
	t.Parallel()
	w := accounted(t)
	for n, fault := range []redshifttest.Fault{
		{Class: "INSERT", Match: `"ledger_`}, {Class: "COPY", Match: `"rowshift_tmp_entries_`},
		{Class: "INSERT", Match: `INTO "rowshift"."ledger"`}, {Class: "INSERT", Match: `INTO "rowshift"."quarantine"`, After: true},
	} {
		diesAt(t, w, nil, n+1, fault)
	}
	d := w.MustRun(t)
	arrived(t, w, 1)
	for n, fault := range []redshifttest.Fault{
		{Class: "UPDATE", Match: `UPDATE "rowshift"."quarantine"`}, {Class: "INSERT", Match: `INTO "rowshift"."ledger"`, After: true}, {Class: "INSERT", Match: `INTO "rowshift"."quarantine"`},
	} {
		diesAt(t, w, d, n+5, fault)
		d = w.MustRun(t)
	}
	for n := range 6 {
		execute(t, w, disturbances(n+11)...)
		if n%2 == 1 { // at any moment of a merge
			d.Kill()
			d = w.MustRun(t)
		}
	}
	arrived(t, w, 4)
	balanced(t, w)
	if reasons := rows(t, w.WarehouseDSN("dev", "dev"), "SELECT DISTINCT reason FROM rowshift.quarantine"); !slices.Equal(reasons, []string{"too_long", "unfilled"}) {
		t.Errorf("the reasons are %v", reasons)
	}

	if _, errs, code, err := w.Command(t.Context(), "quarantine", "retry", "public.ragged"); err != nil || code != 0 {
		t.Fatalf("retry: exit code %d, %v, %s", code, err, errs)
	}
	execute(t, w, disturbances(51)...) // some of these changes are held
	answered(t, w, 1)
	arrived(t, w, 2)
	balanced(t, w)
	out, errs, code, err := w.Command(t.Context(), "quarantine", "list", "--json")
	if err != nil || code != 0 {
		t.Fatalf("list: exit code %d, %v, %s", code, err, errs)
	}
	for line := range strings.Lines(out) {
		var row struct{ Table, Key, Reason, Object string }
		if err := json.Unmarshal([]byte(line), &row); err != nil || row.Table != "public.ragged" || row.Reason == "too_long" && row.Object == "" {
			t.Fatalf("%v: %s", err, line)
		}
	}
	if n, open := strings.Count(out, "\n"), len(rows(t, w.WarehouseDSN("dev", "dev"), openKeys)); n != open || n == 0 {
		t.Errorf("%d rows are listed, %d are in quarantine", n, open)
	}

	execute(t, w, "UPDATE ragged SET name = 'ok', note = 'ok'")
	arrived(t, w, 3)
	stuck := rows(t, w.WarehouseDSN("dev", "dev"), openKeys)
	if len(stuck) != 0 {
		t.Errorf("in quarantine, though all rows fit: %v", stuck)
	}
	if out, errs, code, err := w.Command(t.Context(), "quarantine", "drop", "--yes", "public.ragged"); err != nil || code != 0 || !strings.Contains(out, "entries dropped") {
		t.Errorf("drop: exit code %d, %v, %s%s", code, err, out, errs)
	}
	command(t, w, 0, "rowshift: nothing is in quarantine", "quarantine", "list")
	if left := rows(t, w.WarehouseDSN("dev", "dev"), "SELECT COUNT(*) FROM rowshift.quarantine"); left[0] != "0" {
		t.Errorf("%v entries are left", left)
	}
	if strings.Contains(d.Log(), "nnnnn") || strings.Contains(d.Log(), "ééé") {
		t.Error("a value is in the log")
	}
}
