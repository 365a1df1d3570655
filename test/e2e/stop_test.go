package e2e

import (
	"strings"
	"testing"
	"time"

	"rowshift/test/harness"
	"rowshift/test/redshifttest"
)

// Promise 2: SIGTERM lets what was handed over be merged and acknowledged, and ends
// with 0.
func TestTerminateDrains(t *testing.T) {
	w, d := live(t, harness.Setup{Accounts: small})
	slow := w.Warehouse.Inject(redshifttest.Fault{Class: "COPY", Application: "rowshift", Nth: 1, Stall: 2 * time.Second})
	execute(t, w, "UPDATE company SET plan = 'handed over'")
	reached(t, slow)
	if code := d.Terminate(t); code != 0 {
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

// Promise 4: run --once drains to where it started and ends with 0, again and again.
func TestRunOnce(t *testing.T) {
	w := harness.Start(t, harness.Setup{Accounts: small})
	for _, change := range []string{"SELECT 1", "UPDATE company SET plan = 'once'", "DELETE FROM person WHERE id < uid('p', 10)", "SELECT 2"} {
		execute(t, w, change)
		_, log, code, err := w.Command(t.Context(), "run", "--once")
		if err != nil || code != 0 {
			t.Fatalf("run --once after %q: exit code %d, %v\n%s", change, code, err, log)
		}
		if lines, err := w.Difference(t.Context(), harness.AccountPairs); err != nil || len(lines) > 0 {
			t.Errorf("after %q: %v %v", change, lines, err)
		}
	}
}

// Exit codes, and what the commands say of a world that is in order.
func TestCommands(t *testing.T) {
	w, _ := live(t, harness.Setup{Accounts: small})
	for _, command := range []struct {
		args []string
		says string
	}{
		{[]string{"check"}, "ok"},
		{[]string{"plan"}, ""},
		{[]string{"status"}, "live"},
		{[]string{"status", "--json"}, `"state"`},
		{[]string{"version"}, "rowshift"},
	} {
		out, log, code, err := w.Command(t.Context(), command.args...)
		if err != nil || code != 0 || !strings.Contains(out, command.says) {
			t.Errorf("%v: exit code %d, %v\n%s%s", command.args, code, err, out, log)
		}
	}
	execute(t, w, "ALTER TABLE plan REPLICA IDENTITY NOTHING")
	out, _, code, err := w.Command(t.Context(), "check")
	if err != nil || code != 1 || !strings.Contains(out, "REPLICA IDENTITY") {
		t.Errorf("check of a table without identity: exit code %d, %v\n%s", code, err, out)
	}
	if err := w.SetConfig(func(c *harness.Config) { c.More = []string{"surprise: 1"} }); err != nil {
		t.Fatal(err)
	}
	_, log, code, err := w.Command(t.Context(), "run")
	if err != nil || code != 2 || !strings.Contains(log, "surprise") {
		t.Errorf("an unknown key: exit code %d, %v\n%s", code, err, log)
	}
}
