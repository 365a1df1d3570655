package e2e

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"rowshift/test/harness"
	"rowshift/test/redshifttest"
)

// Promise 3: tables that somebody spoiled are loaded again on request, beside their live
// copies, while the others stay live. Readers see none of them empty or partly full
// although the daemon dies in the middle, and views and grants stay. These daemons are
// built with the race detector.
func TestResync(t *testing.T) {
	t.Parallel()
	w, d := live(t, harness.Setup{
		Accounts: small,
		Config:   harness.Config{Batch: "{rows: 1000, min_interval: 100ms, max_age: 400ms}"},
		Race:     true,
	})
	watched := watch(t, w)
	granted(t, w)
	had := bodies(t, w)
	change(t, w,
		"CREATE VIEW userdata.active AS SELECT id FROM userdata.person WHERE is_active",
		"GRANT SELECT ON userdata.active TO analysts",
		"UPDATE userdata.person SET is_active = NOT is_active", // by hand
		"INSERT INTO userdata.plan (code) VALUES ('stranger')")
	if _, errs, code, err := w.Command(t.Context(), "resync", "public.stranger"); err != nil || code != 2 || !strings.Contains(errs, "public.company_person") {
		t.Errorf("resync of a table that is not in the config: exit code %d, %v, %s", code, err, errs)
	}
	stalled := w.Warehouse.Inject(redshifttest.Fault{Class: "COPY", Match: `"load_`, Application: "rowshift", Nth: 1, Stall: -1})
	resync(t, w, "public.person", "public.plan")
	load := w.Load(harness.Workload{Seed: 21, Writers: 2, Pause: 5 * time.Millisecond})
	reached(t, stalled)
	if err := load.Stop(); err != nil {
		t.Error(err)
	}
	w.MustBecomeEqual(t, watched.pairs[0], watched.pairs[3])
	if n := warehouse(t, w, "SELECT COUNT(*) FROM rowshift.request WHERE state = 'taken'"); n != "2" {
		t.Errorf("%s requests are taken", n)
	}
	out, errs, _, err := w.Command(t.Context(), "status")
	if !regexp.MustCompile(`resync +public\.person +taken`).MatchString(out) || !regexp.MustCompile(`public\.person +person +loading.*[1-9][0-9,]* changed rows wait`).MatchString(out) {
		t.Errorf("status says nothing of the requests, or of what is held: %v\n%s%s", err, out, errs)
	}
	d.Kill()
	stalled.Remove()
	load = w.Load(harness.Workload{Seed: 22, Writers: 2, Pause: 5 * time.Millisecond})
	d = w.MustRun(t)
	command(t, w, 0, "public.plan: done\n", "resync", "--wait", "public.plan")
	answered(t, w, 3)
	if err := load.Stop(); err != nil {
		t.Error(err)
	}
	watched.stop(t)
	if watched.partial == 0 {
		t.Error("no reader saw a table that loads beside others that are live")
	}
	w.MustBecomeEqual(t)
	got, err := harness.Rows(t.Context(), w.WarehouseDSN("analysts", "analysts"), "SELECT COUNT(*) FROM userdata.active")
	if want := one(t, w, "SELECT count(*) FROM person WHERE is_active"); err != nil || got[0] != want {
		t.Errorf("the view has %v rows, %v; want %s", got, err, want)
	}
	if has := bodies(t, w); has != had {
		t.Errorf("the targets are others by now:\n%s\nand were\n%s", has, had)
	}
	stillGranted(t, w)
	if strings.Contains(d.Log(), `"message":"restarting"`) {
		t.Error("the daemon restarted")
	}
}

// Changes of rows that somebody deleted from a target are refused if they leave a value
// unchanged, which then is nowhere to be read. Once the table was loaded, the rows are
// there again.
func TestResyncLiftsTheQuarantine(t *testing.T) {
	t.Parallel()
	w, d := live(t, harness.Setup{Accounts: small})
	change(t, w, "DELETE FROM userdata.person WHERE bio IS NOT NULL")
	execute(t, w, "UPDATE person SET is_active = NOT is_active")
	refused(t, w, "some rows to be refused", func(open, lifted int) bool { return open > 0 })
	if strings.Contains(d.Log(), `"halted"`) {
		t.Error("the daemon halted")
	}
	resync(t, w, "public.person")
	execute(t, w, "UPDATE company SET plan = 'it is read with a merge'")
	answered(t, w, 1)
	w.MustBecomeEqual(t)
	refused(t, w, "all of them to be lifted", func(open, lifted int) bool { return open == 0 && lifted > 0 })
}

// refused waits until is returns true for the quarantine.
func refused(t *testing.T, w *harness.World, what string, is func(open, lifted int) bool) {
	t.Helper()
	harness.Until(t, what, func() (bool, error) {
		var counts [2]int
		for i, state := range []string{"IS NULL", "IS NOT NULL"} {
			rows, err := harness.Rows(t.Context(), w.WarehouseDSN("dev", "dev"), "SELECT COUNT(*) FROM rowshift.quarantine WHERE lifted_at "+state)
			if err != nil {
				return false, err
			}
			if counts[i], err = strconv.Atoi(rows[0]); err != nil {
				return false, err
			}
		}
		return is(counts[0], counts[1]), nil
	})
}

// resync asks for tables to be loaded again.
func resync(t *testing.T, w *harness.World, tables ...string) {
	t.Helper()
	out, errs, code, err := w.Command(t.Context(), append([]string{"resync"}, tables...)...)
	if err != nil || code != 0 || strings.Count(out, ": requested") != len(tables) || !strings.Contains(out, "or within 5m0s while nothing is merged") {
		t.Fatalf("resync: exit code %d, %v\n%s%s", code, err, out, errs)
	}
}

// answered waits until that many requests are done, and none is open.
func answered(t *testing.T, w *harness.World, n int) {
	t.Helper()
	harness.Until(t, "the requests to be done", func() (bool, error) {
		rows, err := harness.Rows(t.Context(), w.WarehouseDSN("dev", "dev"), "SELECT state FROM rowshift.request")
		return err == nil && strings.Join(rows, " ") == strings.TrimSpace(strings.Repeat("done ", n)), err
	})
}
