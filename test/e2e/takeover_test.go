package e2e

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"rowshift/test/harness"
	"rowshift/test/redshifttest"
)

// Promise 5: a second daemon waits for the slot, and goes on where the first was
// killed.
func TestSecondDaemonTakesOver(t *testing.T) {
	w, first := live(t, harness.Setup{Accounts: small})
	if err := w.SetConfig(func(c *harness.Config) { c.Listen = "127.0.0.1:0" }); err != nil {
		t.Fatal(err)
	}
	second := w.MustRun(t)
	second.MustSee(t, `"waiting"`)
	execute(t, w, "UPDATE company SET plan = 'before'")
	first.Kill()
	second.MustSee(t, `"streaming"`)
	execute(t, w, "UPDATE company SET plan = 'after' WHERE id < uid('c', 100)")
	w.MustBecomeEqual(t)
}

// Promise 1: a daemon that was stopped, replaced and woken is fenced and writes
// nothing.
func TestAPausedDaemonIsFenced(t *testing.T) {
	w, first := live(t, harness.Setup{Accounts: small})
	stalled := w.Warehouse.Inject(redshifttest.Fault{Class: "COPY", Application: "rowshift", Nth: 1, Stall: -1})
	execute(t, w, "UPDATE company SET plan = 'of the first'")
	reached(t, stalled)
	first.Signal(syscall.SIGSTOP)
	execute(t, w, "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active_pid IS NOT NULL")
	if err := w.SetConfig(func(c *harness.Config) { c.Listen = "127.0.0.1:0" }); err != nil {
		t.Fatal(err)
	}
	second := w.MustRun(t)
	second.MustSee(t, `"streaming"`)
	execute(t, w, "UPDATE company SET plan = 'of the second' WHERE id < uid('c', 100)")
	w.MustBecomeEqual(t)
	epoch := "SELECT epoch FROM rowshift.checkpoint"
	before, err := harness.Rows(t.Context(), w.WarehouseDSN("dev", "dev"), epoch)
	if err != nil {
		t.Fatal(err)
	}
	stalled.Remove()
	first.Signal(syscall.SIGCONT)
	first.MustSee(t, `"waiting"`)
	w.MustBecomeEqual(t)
	after, err := harness.Rows(t.Context(), w.WarehouseDSN("dev", "dev"), epoch)
	if err != nil || after[0] != before[0] {
		t.Errorf("the epoch was %v and is %v, %v: the first daemon wrote", before, after, err)
	}
}

// Promise 5: Redshift keeps the open transaction of a client that vanished; its
// successor does not wait for hours.
func TestADeadDaemonsTransactionIsEnded(t *testing.T) {
	w, first := live(t, harness.Setup{Accounts: small})
	stalled := w.Warehouse.Inject(redshifttest.Fault{Class: "INSERT", Match: "userdata", Application: "rowshift", Nth: 1, Stall: -1})
	execute(t, w, "UPDATE company SET plan = 'merged twice?'")
	reached(t, stalled)
	first.Kill()
	began := time.Now()
	w.MustRun(t)
	w.MustBecomeEqual(t)
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("the successor took %v", took)
	}
	stalled.Remove()
	w.MustBecomeEqual(t)
}

// reached waits until a fault has struck.
func reached(t *testing.T, i *redshifttest.Injected) {
	t.Helper()
	select {
	case <-i.Reached():
	case <-time.After(30 * time.Second):
		t.Fatal("the fault never struck")
	}
}

// Promise 2: the warehouse may be away for longer than the server's patience; the
// slot's connection lives.
func TestStalledWarehouseKeepsTheStream(t *testing.T) {
	s := harness.Setup{Accounts: small}
	s.Source.Settings = map[string]string{"wal_sender_timeout": "2s"}
	w, d := live(t, s)
	sender := "SELECT pid, backend_start FROM pg_stat_replication WHERE application_name LIKE 'rowshift%'"
	before := one(t, w, sender)
	stalled := w.Warehouse.Inject(redshifttest.Fault{Class: "COPY", Application: "rowshift", Stall: -1})
	execute(t, w, "UPDATE company SET plan = 'stalled'")
	reached(t, stalled)
	until := time.Now().Add(time.Duration(fromEnv("ROWSHIFT_TEST_STALL", 10)) * time.Second)
	harness.Until(t, "the stall to be long", func() (bool, error) {
		if n := one(t, w, "SELECT count(*) FROM pg_stat_replication WHERE application_name LIKE 'rowshift%'"); n != "1" {
			t.Fatalf("%s walsenders", n)
		}
		return time.Now().After(until), nil
	})
	if after := one(t, w, sender); after != before {
		t.Errorf("the stream was opened again: %s, then %s", before, after)
	}
	stalled.Remove()
	w.MustBecomeEqual(t)
	if strings.Contains(d.Log(), `"restarting"`) {
		t.Error("the daemon restarted its pass")
	}
}
