package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"rowshift/test/harness"
	"rowshift/test/proxytest"
	"rowshift/test/redshifttest"
)

const epochOf = "SELECT epoch FROM rowshift.checkpoint"

// elsewhere has the next daemons listen on other ports.
func elsewhere(t *testing.T, w *harness.World) {
	t.Helper()
	if err := w.SetConfig(func(c *harness.Config) { c.Listen = "127.0.0.1:0" }); err != nil {
		t.Fatal(err)
	}
}

// Promise 1: a daemon that was stopped, replaced and woken is fenced and writes nothing.
// Its link to the source hangs, so that only the fence stops it; otherwise it might first
// notice that its walsender has ended.
func TestAPausedDaemonIsFenced(t *testing.T) {
	t.Parallel()
	w := harness.Start(t, harness.Setup{Accounts: small})
	link := proxytest.StartTCP(t, fmt.Sprintf("%s:%d", w.Source.Host, w.Source.Port))
	if err := w.SetConfig(func(c *harness.Config) { c.SourceAddr = link.Addr() }); err != nil {
		t.Fatal(err)
	}
	first := w.MustRun(t)
	w.MustBecomeEqual(t)
	stalled := w.Warehouse.Inject(redshifttest.Fault{Class: "COPY", Application: "rowshift", Nth: 1, Stall: -1})
	execute(t, w, "UPDATE company SET plan = 'of the first'")
	reached(t, stalled)
	first.Signal(syscall.SIGSTOP)
	link.Stall()
	execute(t, w, "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active_pid IS NOT NULL")
	if err := w.SetConfig(func(c *harness.Config) { c.Listen, c.SourceAddr = "127.0.0.1:0", "" }); err != nil {
		t.Fatal(err)
	}
	second := w.MustRun(t)
	second.MustSee(t, `"message":"streaming"`)
	execute(t, w, "UPDATE company SET plan = 'of the second' WHERE id < uid('c', 100)")
	w.MustBecomeEqual(t)
	const state = "SELECT epoch, lsn FROM rowshift.checkpoint"
	before, merges := warehouse(t, w, state), strings.Count(first.Log(), `"message":"merge"`)
	stalled.Remove()
	first.Signal(syscall.SIGCONT)
	first.MustSee(t, `"cause":"fenced"`)
	if after := warehouse(t, w, state); after != before || strings.Count(first.Log(), `"message":"merge"`) != merges {
		t.Errorf("the checkpoint was %s and is %s: the first daemon wrote", before, after)
	}
	link.Resume()
	link.ResetAll()
	first.MustSee(t, `"message":"waiting"`)
	w.MustBecomeEqual(t)
}

// Promise 5: Redshift keeps the open transaction of a client that vanished. The next
// daemon ends it and continues within 30 s.
func TestADeadDaemonsTransactionIsEnded(t *testing.T) {
	t.Parallel()
	w, first := live(t, harness.Setup{Accounts: small})
	stalled := w.Warehouse.Inject(redshifttest.Fault{Class: "INSERT", Match: "userdata", Application: "rowshift", Nth: 1, Stall: -1})
	execute(t, w, "UPDATE company SET plan = 'merged twice?'")
	reached(t, stalled)
	first.Kill()
	if !openTransaction(w) {
		t.Fatal("the dead daemon's transaction is over: this shows nothing")
	}
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
	case <-time.After(patience):
		t.Fatal("the fault never struck")
	}
}
