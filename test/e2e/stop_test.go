package e2e

import (
	"strings"
	"testing"
	"time"

	"rowshift/test/harness"
	"rowshift/test/redshifttest"
)

// Promise 2: on SIGTERM the daemon lets what was handed over be merged and acknowledged,
// and exits with 0.
func TestTerminateDrains(t *testing.T) {
	t.Parallel()
	w, d := live(t, harness.Setup{Accounts: small})
	slow := w.Warehouse.Inject(redshifttest.Fault{Class: "COPY", Application: "rowshift", Nth: 1, Stall: 2 * time.Second})
	execute(t, w, "UPDATE company SET plan = 'handed over'")
	reached(t, slow)
	if code := end(t, w, d); code != 0 {
		t.Errorf("exit code %d", code)
	}
	slow.Remove()
	if lines, err := w.Difference(t.Context(), harness.AccountPairs); err != nil || len(lines) > 0 {
		t.Errorf("what was handed over is not merged: %v %v", lines, err)
	}
	checkpoint, err := harness.Rows(t.Context(), w.WarehouseDSN("dev", "dev"), "SELECT lsn FROM rowshift.checkpoint")
	if err != nil {
		t.Fatal(err)
	}
	if at := one(t, w, "SELECT confirmed_flush_lsn FROM pg_replication_slots"); at != checkpoint[0] {
		t.Errorf("the slot is at %s, the checkpoint at %s", at, checkpoint[0])
	}
}

// A stop waits for a merge as long as it may, and reports correctly that the time was not
// enough. What was not merged is read again.
func TestAStopThatRunsOutOfTime(t *testing.T) {
	t.Parallel()
	w, d := live(t, harness.Setup{Accounts: small})
	hangs := w.Warehouse.Inject(redshifttest.Fault{Class: "COPY", Application: "rowshift", Nth: 1, Stall: -1})
	execute(t, w, "UPDATE company SET plan = 'handed over'")
	reached(t, hangs)
	if code := end(t, w, d); code != 0 || strings.Contains(d.Log(), `"message":"drained"`) || !strings.Contains(d.Log(), `"message":"not drained"`) {
		t.Errorf("exit code %d\n%s", code, d.Tail(5))
	}
	hangs.Remove()
	w.MustRun(t)
	w.MustBecomeEqual(t)
}

// Promise 4: run --once drains up to the position at which it started and exits with 0,
// each time.
func TestRunOnce(t *testing.T) {
	t.Parallel()
	w := harness.Start(t, harness.Setup{Accounts: small})
	for _, change := range []string{"SELECT 1", "UPDATE company SET plan = 'once'", "DELETE FROM person WHERE id < uid('p', 10)", "SELECT 2"} {
		execute(t, w, change)
		_, log, code, err := w.Command(t.Context(), "run", "--once")
		if err != nil || code != 0 {
			t.Fatalf("run --once after %q: exit code %d, %v\n%s", change, code, err, log)
		}
		if drained := strings.Index(log, `"message":"drained"`); drained < strings.LastIndex(log, `"message":"merged"`) {
			t.Errorf("after %q: a merge is told of after the end\n%s", change, log)
		}
		if lines, err := w.Difference(t.Context(), harness.AccountPairs); err != nil || len(lines) > 0 {
			t.Errorf("after %q: %v %v", change, lines, err)
		}
	}
}

// run --once, which is for cron and CI, always ends, and never with 0 before it has
// drained.
func TestRunOnceFails(t *testing.T) {
	t.Parallel()
	w := harness.Start(t, harness.Setup{Accounts: small})
	loading := w.Warehouse.Inject(redshifttest.Fault{Class: "COPY", Application: "rowshift", Stall: -1})
	d := w.MustRun(t, "--once")
	reached(t, loading)
	if code := d.Terminate(t); code != 1 || strings.Contains(d.Log(), `"drained"`) || !strings.Contains(d.Log(), "told to end before everything was drained") {
		t.Errorf("told to end while it loaded: exit code %d\n%s", code, d.Tail(5))
	}
	loading.Remove()
	if _, log, code, err := w.Command(t.Context(), "run", "--once"); err != nil || code != 0 {
		t.Fatalf("the next one: exit code %d, %v\n%s", code, err, log)
	}
	w.MustBecomeEqual(t)
	if err := w.Warehouse.Close(); err != nil {
		t.Fatal(err)
	}
	w.Warehouse = nil
	_, log, code, err := w.Command(t.Context(), "run", "--once")
	if err != nil || code != 1 || !strings.Contains(log, "connect") {
		t.Errorf("without a warehouse: exit code %d, %v\n%s", code, err, log)
	}
}
