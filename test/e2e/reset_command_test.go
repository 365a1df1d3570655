package e2e

import (
	"strings"
	"testing"
)

// As a one-shot command a reset is carried out by the daemon that runs, which goes on
// streaming, or by the command itself where none does; with --plan by nobody.
func TestResetSlotCommand(t *testing.T) {
	s := lost()
	s.Config.More = []string{"checkpoint_refresh: 1s"}
	w, d := live(t, s)
	spoil := "UPDATE userdata.person SET is_active = NOT is_active"
	change(t, w, spoil)
	out, errs, code, err := w.Command(t.Context(), "reset-slot", "--token=first", "--plan")
	if err != nil || code != 0 || !strings.Contains(out, "public.person, about 1,000 rows") || !strings.Contains(out, "of log, which would be let go of") {
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

	d.Terminate(t)
	execute(t, w, "SELECT pg_drop_replication_slot('rowshift_accounts')", "UPDATE company SET plan = 'lost'")
	change(t, w, spoil)
	command("second")
	if n := one(t, w, "SELECT count(*) FROM pg_replication_slots WHERE NOT active"); n != "1" {
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
	change(t, w, spoil) // as it was
	w.MustRun(t)
	execute(t, w, "UPDATE company SET plan = 'in the end'")
	w.MustBecomeEqual(t)
}
