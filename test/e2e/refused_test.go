package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"rowshift/test/harness"
	"rowshift/test/redshifttest"
)

// refusedWorld returns a world with a table that has some long rows.
func refusedWorld(t *testing.T) *harness.World {
	t.Helper()
	return harness.Start(t, harness.Setup{
		Accounts: small,
		SQL: []string{
			"CREATE TABLE narrow (id int PRIMARY KEY, u text)", "ALTER TABLE narrow OWNER TO app_owner",
			"INSERT INTO narrow SELECT i, CASE WHEN i IN (7, 8, 9) THEN '" + long + "' || i ELSE 'u' || i END FROM generate_series(1, 40) i",
			"CREATE TABLE mark (id integer PRIMARY KEY)", "ALTER TABLE mark OWNER TO app_owner",
		},
		Config: harness.Config{
			Tables: append([]string{"public.narrow: {columns: all}", "public.mark: {columns: all}"}, harness.AccountTables...),
			Batch:  "{rows: 1000, min_interval: 100ms, max_age: 400ms}",
		},
	})
}

// long begins a value that does not fit once a column has been narrowed by hand.
const long = "canary-31c7-long"

// narrowed narrows a column of the load table into which a load is about to be copied, so
// that COPY refuses rows that should fit. A bug of ours could have the same effect.
func narrowed(t *testing.T, w *harness.World, begin func()) {
	t.Helper()
	copying := w.Warehouse.Inject(redshifttest.Fault{Class: "COPY", Match: `"id", "u"`, Application: "rowshift", Nth: 1, Stall: -1})
	begin()
	reached(t, copying)
	load := warehouse(t, w, "SELECT table_name FROM svv_columns WHERE table_schema = 'rowshift' AND table_name LIKE 'load%' AND column_name = 'u'")
	change(t, w, "ALTER TABLE rowshift."+load+" DROP COLUMN u", "ALTER TABLE rowshift."+load+" ADD COLUMN u VARCHAR(6)")
	copying.Remove()
}

// openNarrow returns the keys of the table that are in quarantine because COPY refused
// their rows.
func openNarrow(t *testing.T, w *harness.World) []string {
	t.Helper()
	return rows(t, w.WarehouseDSN("dev", "dev"), `SELECT "key" FROM rowshift.quarantine WHERE source_table = 'narrow' AND reason = 'copy' AND lifted_at IS NULL`)
}

// withoutRefused waits until the target has all rows except these, and these are in
// quarantine.
func withoutRefused(t *testing.T, w *harness.World, ids ...string) {
	t.Helper()
	where := " WHERE id NOT IN (" + strings.Join(append([]string{"0"}, ids...), ", ") + ")"
	w.MustBecomeEqual(t, append([]harness.Pair{
		{Name: "narrow", Source: "SELECT id, u FROM narrow" + where, Target: "SELECT id, u FROM userdata.narrow"},
	}, harness.AccountPairs...)...)
	want := []string{}
	for _, id := range ids {
		want = append(want, `["`+id+`"]`)
	}
	if slices.Sort(want); !slices.Equal(openNarrow(t, w), want) {
		t.Errorf("in quarantine: %v, want %v", openNarrow(t, w), want)
	}
}

// Promises 2, 3 and 6: rows that should fit but that COPY refuses are identified by their
// keys and go to quarantine, even if the daemon is killed while it looks for them, and
// everything else goes on. list, retry and drop work on them, and a later version of such
// a row is let in. With on_copy_error: halt the pipeline halts, and names what was
// refused. No row is refused for ever.
func TestRowsThatCopyRefuses(t *testing.T) {
	t.Parallel()
	w := refusedWorld(t)
	looking := w.Warehouse.Inject(redshifttest.Fault{Class: "COPY", Match: `"rowshift_tmp_fitting"`, Application: "rowshift", Nth: 1, Stall: -1})
	var d *harness.Daemon
	narrowed(t, w, func() { d = w.MustRun(t) })
	reached(t, looking)
	d.Kill()
	looking.Remove()
	narrowed(t, w, func() { d = w.MustRun(t) })
	withoutRefused(t, w, "7", "8", "9")
	if n := strings.Count(d.Log(), `"message":"restarting"`); n != 1 {
		t.Errorf("the daemon restarted %d times", n)
	}
	listed(t, w, "7", "8", "9")

	execute(t, w, "UPDATE narrow SET u = '"+long+" again' WHERE id = 8")
	arrived(t, w, 1)
	withoutRefused(t, w, "7", "9")
	command(t, w, 0, "entries dropped", "quarantine", "drop", "public.narrow", `["9"]`)
	command(t, w, 1, "nothing of public.narrow, by the keys behind it, is in quarantine", "quarantine", "drop", "public.narrow", `["9"]`)
	command(t, w, 1, "nothing of \"public.narrow\".narrow is in quarantine", "quarantine", "drop", "--yes", `"public.narrow".narrow`)
	command(t, w, 2, "--yes", "quarantine", "drop", "public.narrow")
	command(t, w, 0, `["7"]`, "quarantine", "list", "public.narrow")
	command(t, w, 0, "nothing of public.mark is in quarantine", "quarantine", "list", "public.mark")
	listed(t, w, "7")
	command(t, w, 0, "", "quarantine", "retry", "public.narrow")
	arrived(t, w, 2) // the next merge sees it
	answered(t, w, 1)
	withoutRefused(t, w)

	d.Terminate(t)
	if err := w.SetConfig(func(c *harness.Config) { c.Sink = []string{"on_copy_error: halt"} }); err != nil {
		t.Fatal(err)
	}
	d = w.MustRun(t)
	narrowed(t, w, func() {
		command(t, w, 0, "", "resync", "public.narrow")
		execute(t, w, "INSERT INTO mark VALUES (3)")
	})
	d.MustSee(t, `"message":"halted"`)
	command(t, w, 1, "load_refused: COPY refused a row of public.narrow: column u, error 1204 (too long, or out of range)", "status")
	if strings.Contains(d.Log(), long) {
		t.Error("a value is in the log")
	}
	d.Terminate(t)
	w.MustRun(t) // with another load table
	arrived(t, w, 4)
	withoutRefused(t, w)
}

// listed fails the test unless the command lists these keys, each with an object that
// holds the row.
func listed(t *testing.T, w *harness.World, ids ...string) {
	t.Helper()
	out, errs, code, err := w.Command(t.Context(), "quarantine", "list", "--json")
	if err != nil || code != 0 {
		t.Fatalf("list: exit code %d, %v, %s", code, err, errs)
	}
	for line := range strings.Lines(out) {
		var row struct{ Table, Key, Reason, Object string }
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		id := strings.Trim(row.Key, `["]`)
		if !slices.Contains(ids, id) || row.Reason != "copy" || row.Object == "" || row.Table != "public.narrow" {
			t.Errorf("listed: %s", line)
		}
	}
	if n := strings.Count(out, "\n"); n != len(ids) {
		t.Errorf("%d rows are listed, want %d:\n%s", n, len(ids), out)
	}
}
