package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"rowshift/test/harness"
	"rowshift/test/redshifttest"
)

// Promise 2: a slot whose tables are quiet releases log that others write.
func TestIdleSlotMoves(t *testing.T) {
	t.Parallel()
	w, _ := live(t, harness.Setup{
		Accounts: small,
		Config:   harness.Config{More: []string{"checkpoint_refresh: 1s"}},
	})
	execute(t, w, "INSERT INTO audit (what) SELECT repeat('elsewhere', 100) FROM generate_series(1, 5000)")
	at := one(t, w, "SELECT pg_current_wal_flush_lsn()")
	harness.Until(t, "the slot to pass "+at, func() (bool, error) {
		return one(t, w, "SELECT confirmed_flush_lsn >= '"+at+"' FROM pg_replication_slots") == "t", nil
	})
}

// Promises 2 and 5: a slot is never trusted because of its name alone. The daemon halts,
// says why and what repairs it, acknowledges nothing and stays up.
func TestHalts(t *testing.T) {
	t.Parallel()
	w, d := live(t, harness.Setup{Accounts: small})
	tests := []struct {
		name, reason string
		spoil        []string
	}{
		{"the slot was advanced", "slot_ahead_of_checkpoint", []string{
			"UPDATE company SET plan = 'skipped'", "SELECT pg_replication_slot_advance('rowshift_accounts', pg_current_wal_lsn())"}},
		{"the slot was made again", "slot_ahead_of_checkpoint", []string{
			"SELECT pg_drop_replication_slot('rowshift_accounts')", "UPDATE company SET plan = 'lost'",
			"SELECT pg_create_logical_replication_slot('rowshift_accounts', 'pgoutput')"}},
		{"the slot is gone", "slot_missing", []string{"SELECT pg_drop_replication_slot('rowshift_accounts')"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if code := end(t, w, d); code != 0 {
				t.Errorf("exit code %d", code)
			}
			execute(t, w, test.spoil...)
			before := positions(t, w)
			d = w.MustRun(t)
			d.MustSee(t, `"halted"`)
			says(t, w, d, test.reason)
			execute(t, w, "UPDATE company SET plan = 'while halted'")
			unused(t, w)
			if after := positions(t, w); after != before {
				t.Errorf("a halted daemon applied or acknowledged: %s, then %s", before, after)
			}
		})
	}
}

// Promise 8: a server that is not the source of the checkpoint is left as it was,
// although its slot and publication have our names and the fence takes longer than a sign
// of life would. An acknowledgement would lose changes for that slot's owner.
func TestAStrangersSlotIsLeftAlone(t *testing.T) {
	t.Parallel()
	w, d := live(t, harness.Setup{Accounts: small})
	end(t, w, d)
	execute(t, w, "CREATE TABLE public.theirs (id int PRIMARY KEY)", "ALTER PUBLICATION rowshift_accounts ADD TABLE public.theirs")
	found := func() string {
		return one(t, w, "SELECT confirmed_flush_lsn FROM pg_replication_slots") + " " +
			one(t, w, "SELECT string_agg(tablename, ' ' ORDER BY tablename) FROM pg_publication_tables")
	}
	before, system := found(), one(t, w, "SELECT system_identifier FROM pg_control_system()")
	for _, test := range []struct{ reason, system string }{
		{"source_identity_changed", "7"},
		{"source_behind_checkpoint", system}, // the same server, restored to an earlier state
	} {
		change(t, w, `UPDATE rowshift.checkpoint SET "system" = '`+test.system+`', lsn = 'F/0'`)
		slow := w.Warehouse.Inject(redshifttest.Fault{Class: "LOCK", Application: "rowshift", Stall: time.Second})
		d = w.MustRun(t)
		d.MustSee(t, `"halted"`)
		slow.Remove()
		says(t, w, d, test.reason)
		end(t, w, d)
		if after := found(); after != before {
			t.Errorf("%s: a stranger's slot and publication were %s, and are %s", test.reason, before, after)
		}
	}
}

// positions returns the slot's position and the checkpoint's, with the number of rows in
// the warehouse that were written since.
func positions(t *testing.T, w *harness.World) string {
	t.Helper()
	return one(t, w, "SELECT coalesce(max(confirmed_flush_lsn::text), 'none') FROM pg_replication_slots") + " " +
		warehouse(t, w, "SELECT lsn FROM rowshift.checkpoint") + " " +
		warehouse(t, w, `SELECT COUNT(*) FROM userdata.company WHERE "plan" IN ('skipped', 'lost', 'while halted')`)
}

// says checks that the reason of a halt, and its repair, are wherever an operator may
// look.
func says(t *testing.T, w *harness.World, d *harness.Daemon, reason string) {
	t.Helper()
	told := false
	for _, e := range d.Entries() {
		told = told || e["message"] == "halted" && e["reason"] == reason && e["found"] != "" && e["repair"] != ""
	}
	if !told {
		t.Errorf("the log does not say %s, and how it is repaired", reason)
	}
	status, body, err := w.Get(t.Context(), "/readyz")
	var answer struct {
		Halt struct{ Reason, Found, Repair string }
	}
	if err != nil || status != http.StatusServiceUnavailable || json.Unmarshal([]byte(body), &answer) != nil ||
		answer.Halt.Reason != reason || answer.Halt.Found == "" || answer.Halt.Repair == "" {
		t.Errorf("/readyz: %d, %v\n%s", status, err, body)
	}
	if status, _, err := w.Get(t.Context(), "/healthz"); err != nil || status != http.StatusOK {
		t.Errorf("/healthz: %d, %v: a halt is no reason to be killed", status, err)
	}
	_, page, err := w.Get(t.Context(), "/metrics")
	if m := harness.ParseMetrics(page); err != nil || m.Sum(`rowshift_halted{reason="`+reason+`"}`) != 1 || m.Sum("rowshift_halted") != 1 {
		t.Errorf("/metrics does not tell of the halt: %v", err)
	}
	out, _, code, err := w.Command(t.Context(), "status")
	if err != nil || code != 1 || !strings.Contains(out, answer.Halt.Repair) {
		t.Errorf("status of a halted daemon: exit code %d, %v\n%s", code, err, out)
	}
}

// The runbook's "Starting over": after a slot is lost, all tables are loaded beside their
// targets, and only the differences are written. Views and grants stay.
func TestStartingOver(t *testing.T) {
	t.Parallel()
	w, d := live(t, harness.Setup{Accounts: small})
	change(t, w,
		"CREATE VIEW userdata.paid AS SELECT id FROM userdata.company WHERE plan = 'pro'",
		"GRANT SELECT ON userdata.paid TO analysts",
		"DELETE FROM userdata.person WHERE is_active", // by hand
		"INSERT INTO userdata.plan (code) VALUES ('stranger')")
	end(t, w, d)
	execute(t, w, "SELECT pg_drop_replication_slot('rowshift_accounts')", "UPDATE company SET plan = 'pro' WHERE plan IS NULL",
		"UPDATE company SET plan = NULL WHERE plan = 'free'")
	change(t, w, "DROP SCHEMA rowshift CASCADE")
	w.MustRun(t)
	w.MustBecomeEqual(t)
	got, err := harness.Rows(t.Context(), w.WarehouseDSN("analysts", "analysts"), "SELECT COUNT(*) FROM userdata.paid")
	if want := one(t, w, "SELECT count(*) FROM company WHERE plan = 'pro'"); err != nil || got[0] != want {
		t.Errorf("the view has %v rows, %v; want %s", got, err, want)
	}
}
