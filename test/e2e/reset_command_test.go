package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"rowshift/test/harness"
	"rowshift/test/redshifttest"
)

// A reset by command is carried out by the running daemon, which goes on streaming. If no
// daemon runs, or it has halted, the command does it itself. With --plan nobody does it.
func TestResetSlotCommand(t *testing.T) {
	t.Parallel()
	s := lost()
	s.Config.More = []string{"checkpoint_refresh: 1s"}
	w, d := live(t, s)
	spoil := "UPDATE userdata.person SET is_active = NOT is_active"
	change(t, w, spoil)
	out, errs, code, err := w.Command(t.Context(), "reset-slot", "--token=first", "--plan")
	if err != nil || code != 0 || !strings.Contains(out, "public.person, about 1,000 rows") || !strings.Contains(out, "of log, which would be let go of") || strings.Count(out, "its last load took ") != 4 || strings.Contains(out, "the last reset") {
		t.Errorf("--plan: exit code %d, %v\n%s%s", code, err, out, errs)
	}
	if n := warehouse(t, w, "SELECT COUNT(*) FROM rowshift.request"); n != "0" {
		t.Errorf("--plan has left %s requests", n)
	}
	command := func(token string) {
		t.Helper()
		out, errs, code, err := w.Command(t.Context(), "reset-slot", "--token="+token)
		if err != nil || code != 0 {
			t.Fatalf("reset-slot: exit code %d, %v\n%s%s", code, err, out, errs)
		}
		isDone(t, w, token)
		w.MustBecomeEqual(t)
	}
	command("first")
	d.MustSee(t, `a slot reset is due`)
	execute(t, w, "UPDATE company SET plan = 'after the first'")
	w.MustBecomeEqual(t)

	end(t, w, d)
	execute(t, w, "SELECT pg_drop_replication_slot('rowshift_accounts')", "UPDATE company SET plan = 'lost'")
	change(t, w, spoil)
	command("second")
	unused(t, w)
	if n := one(t, w, "SELECT count(*) FROM pg_replication_slots"); n != "1" {
		t.Errorf("%s slots wait for the next daemon", n)
	}

	change(t, w, spoil)
	if _, errs, code, err := w.Command(t.Context(), "reset-slot", "--token=second"); err != nil || code != 0 || strings.Contains(errs, `"message":"loaded"`) {
		t.Errorf("the same token again: exit code %d, %v\n%s", code, err, errs)
	}
	out, _, code, err = w.Command(t.Context(), "reset-slot", "--token=second", "--plan")
	if err != nil || code != 0 || !strings.Contains(out, "nothing would happen") {
		t.Errorf("--plan of a token that was used: exit code %d, %v\n%s", code, err, out)
	}

	// As in a Deployment, the daemon finds no slot, halts and stays up. It goes on when
	// it looks again, or at once when it is started again. A token that was carried out
	// makes no slot, and does not look for one.
	unused(t, w)
	execute(t, w, "SELECT pg_drop_replication_slot('rowshift_accounts')", "UPDATE company SET plan = 'lost again'")
	out, errs, code, err = w.Command(t.Context(), "reset-slot", "--token=second")
	if n := one(t, w, "SELECT count(*) FROM pg_replication_slots"); err != nil || code != 0 || !strings.Contains(out, "done already") || n != "0" {
		t.Errorf("the same token once the slot is dropped: %s slots, exit code %d, %v\n%s%s", n, code, err, out, errs)
	}
	d = w.MustRun(t)
	d.MustSee(t, `"slot_missing"`)
	command("third")
	if status, body, err := w.Get(t.Context(), "/readyz"); err != nil || status != http.StatusServiceUnavailable || !strings.Contains(body, `"halted"`) {
		t.Errorf("the halted daemon says %d, %s, %v", status, body, err)
	}
	if code := d.Terminate(t); code != 0 {
		t.Errorf("the halted daemon ended with exit code %d", code)
	}
	d = w.MustRun(t)
	execute(t, w, "UPDATE company SET plan = 'in the end'")
	w.MustBecomeEqual(t)
	if strings.Contains(d.Log(), `"message":"loaded"`) {
		t.Error("what the command has loaded was loaded again")
	}
}

// The command follows a reset, and carries it out itself if the daemon that took it up
// dies at any of its steps.
func TestResetSlotCommandOutlivesTheDaemon(t *testing.T) {
	t.Parallel()
	s := lost()
	s.Config.More = []string{"checkpoint_refresh: 1s"}
	w, d := live(t, s)
	stalled := w.Warehouse.Inject(redshifttest.Fault{Class: "COPY", Match: `"load_`, Application: "rowshift", Nth: 1, Stall: -1})
	change(t, w, "UPDATE userdata.person SET is_active = NOT is_active")
	ended := make(chan string, 1)
	go func() {
		out, errs, code, err := w.Command(t.Context(), "reset-slot", "--token=orphan")
		ended <- fmt.Sprintf("exit code %d, %v\n%s%s", code, err, out, errs)
	}()
	load := w.Load(harness.Workload{Seed: 52, Writers: 1, Pause: 50 * time.Millisecond})
	reached(t, stalled)
	if err := load.Stop(); err != nil {
		t.Error(err)
	}
	if state := warehouse(t, w, "SELECT state FROM rowshift.request WHERE token = 'orphan'"); state != "taken" {
		t.Errorf("the reset is %s", state)
	}
	d.Kill()
	stalled.Remove()
	select {
	case said := <-ended:
		if !strings.HasPrefix(said, "exit code 0, <nil>") || !strings.Contains(said, "carried out here") {
			t.Error(said)
		}
	case <-time.After(2 * time.Minute):
		t.Fatal("the command follows a dead daemon for ever")
	}
	isDone(t, w, "orphan")
	w.MustBecomeEqual(t)
}

// Where a DBA makes publication and slot, a reset uses an existing slot as it is, and
// halts with the statement if there is none.
func TestResetOfASlotThatADBAMakes(t *testing.T) {
	t.Parallel()
	s := parkable(lost())
	s.Config.Source = []string{"create: false"}
	s.Source.Settings["log_statement"] = "all"
	w := harness.Start(t, s)
	out, errs, code, err := w.Command(t.Context(), "plan")
	if err != nil || code != 0 {
		t.Fatalf("plan: exit code %d, %v\n%s%s", code, err, out, errs)
	}
	source, _, _ := strings.Cut(out, "-- warehouse")
	for line := range strings.Lines(source) {
		if !strings.HasPrefix(line, "--") {
			execute(t, w, line)
		}
	}
	d := w.MustRun(t)
	w.MustBecomeEqual(t)
	d.Terminate(t)
	change(t, w, "UPDATE userdata.person SET is_active = NOT is_active")
	execute(t, w, "UPDATE company SET plan = 'meanwhile'")
	stalled := w.Warehouse.Inject(redshifttest.Fault{Class: "COPY", Match: `"load_`, Application: "rowshift", Nth: 1, Stall: -1})
	d = w.MustRun(t, "--reset-slot=as it is")
	reached(t, stalled)
	dropped := func() bool { return strings.Contains(w.Source.Log(), "pg_drop_replication_slot") }
	if dropped() {
		t.Error("the DBA's slot was made anew")
	}
	stalled.Remove()
	isDone(t, w, "as it is")
	w.MustBecomeEqual(t)
	plans(t, w, "none is there", "slot: kept as it is, since source.create is false; it keeps ", "load: public.note, about ", "its last load took ", "load: 6 tables", "the last reset took about ")
	end(t, w, d)
	parkAndRename(t, w)
	plans(t, w, "none is there", "slot: kept as it is", "load: public.note, which is public.remark now, about ", "load: 5 tables", "parked: public.spare stays as it is: ", "repair: ")
	execute(t, w, "SELECT pg_drop_replication_slot('rowshift_accounts')")
	plans(t, w, "none is there", "the reset would halt until a DBA has run: SELECT pg_create_logical_replication_slot('rowshift_accounts'", "load: 5 tables", "parked: public.spare ")
	if !dropped() {
		t.Error("a drop is not found in the log: the control failed")
	}
	d = w.MustRun(t, "--reset-slot=none is there")
	d.MustSee(t, `"halted"`)
	if !strings.Contains(d.Log(), "pg_create_logical_replication_slot('rowshift_accounts'") {
		t.Error("the halt does not say what makes the slot")
	}
	d.Terminate(t)
	execute(t, w, "SELECT pg_create_logical_replication_slot('rowshift_accounts', 'pgoutput')", "UPDATE company SET plan = 'in the end'")
	w.MustRun(t, "--reset-slot=none is there")
	isDone(t, w, "none is there")
	w.MustBecomeEqual(t)
	parkedAndRenamed(t, w)
}

// plans fails the test unless the plan of a reset says all of this.
func plans(t *testing.T, w *harness.World, token string, says ...string) {
	t.Helper()
	out, errs, code, err := w.Command(t.Context(), "reset-slot", "--token="+token, "--plan")
	if err != nil || code != 0 {
		t.Fatalf("--plan: exit code %d, %v\n%s%s", code, err, out, errs)
	}
	for _, one := range says {
		if !strings.Contains(out, one) {
			t.Errorf("--plan does not say %q:\n%s", one, out)
		}
	}
}
