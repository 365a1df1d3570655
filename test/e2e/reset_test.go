package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"rowshift/test/harness"
	"rowshift/test/redshifttest"
)

// lost returns a setup whose slot the server soon invalidates.
func lost() harness.Setup {
	s := harness.Setup{Accounts: small, Config: harness.Config{Batch: "{rows: 1000, min_interval: 100ms, max_age: 400ms}"}}
	s.Source.Settings = map[string]string{"max_slot_wal_keep_size": "16MB"}
	return s
}

// Promises 2, 3 and 5: whatever became of the slot or the publication, a reset makes what
// is missing, and all tables become equal again. It finds what was lost with the slot by
// comparing. Readers see no table empty or partly full.
func TestResetSlot(t *testing.T) {
	t.Parallel()
	w, d := live(t, parkable(lost()))
	change(t, w,
		"CREATE VIEW userdata.active AS SELECT id FROM userdata.person WHERE is_active",
		"CREATE VIEW userdata.actives AS SELECT COUNT(*) AS n FROM userdata.active",
		"GRANT SELECT ON userdata.actives TO analysts")
	granted(t, w)
	had := bodies(t, w)
	watched := watch(t, w)
	for n, test := range []struct {
		name  string
		spoil func(*testing.T)
	}{
		{"all is well", func(t *testing.T) { change(t, w, "UPDATE userdata.person SET is_active = NOT is_active") }},
		{"the slot is gone", func(t *testing.T) {
			end(t, w, d)
			execute(t, w, "SELECT pg_drop_replication_slot('rowshift_accounts')")
		}},
		{"the slot was advanced", func(t *testing.T) {
			end(t, w, d)
			execute(t, w, "UPDATE person SET is_active = NOT is_active", "SELECT pg_replication_slot_advance('rowshift_accounts', pg_current_wal_lsn())")
		}},
		{"the slot is lost", func(t *testing.T) {
			end(t, w, d)
			for range 6 {
				execute(t, w, "INSERT INTO audit (what) SELECT repeat('elsewhere', 100) FROM generate_series(1, 1000)", "SELECT pg_switch_wal()", "CHECKPOINT")
			}
			if status := one(t, w, "SELECT wal_status FROM pg_replication_slots"); status != "lost" {
				t.Fatalf("the slot is %s", status)
			}
		}},
		{"the publication is missing", func(t *testing.T) {
			d.Terminate(t)
			execute(t, w, "DROP PUBLICATION rowshift_accounts", "UPDATE plan SET price = 7")
		}},
		{"the slot is gone, one table is to be parked and another was renamed", func(t *testing.T) {
			end(t, w, d)
			parkAndRename(t, w)
			execute(t, w, "SELECT pg_drop_replication_slot('rowshift_accounts')")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.spoil(t)
			execute(t, w, fmt.Sprintf("UPDATE company SET plan = 'lost %d' WHERE id < uid('c', 100)", n), "DELETE FROM company_person WHERE role_in_company = 'GUEST'")
			d.Terminate(t)
			d = w.MustRun(t, fmt.Sprint("--reset-slot=token ", n))
			isDone(t, w, fmt.Sprint("token ", n))
			w.MustBecomeEqual(t, watched.pairs...)
		})
	}
	watched.stop(t)
	w.MustBecomeEqual(t)
	parkedAndRenamed(t, w)
	got, err := harness.Rows(t.Context(), w.WarehouseDSN("analysts", "analysts"), "SELECT n FROM userdata.actives")
	if want := one(t, w, "SELECT count(*) FROM person WHERE is_active"); err != nil || got[0] != want {
		t.Errorf("the view has %v, %v; want %s", got, err, want)
	}
	if has := bodies(t, w); has != had {
		t.Errorf("the targets are others by now:\n%s\nand were\n%s", has, had)
	}
	stillGranted(t, w)
}

// granted grants rights on targets to somebody who is not one of the config's readers, so
// that the daemon grants them nothing.
func granted(t *testing.T, w *harness.World) {
	t.Helper()
	change(t, w, "CREATE USER auditor PASSWORD 'Auditor123'", "GRANT USAGE ON SCHEMA userdata TO auditor", "GRANT SELECT ON userdata.person TO auditor")
}

// stillGranted checks that these rights are still there.
func stillGranted(t *testing.T, w *harness.World) {
	t.Helper()
	got, err := harness.Rows(t.Context(), w.WarehouseDSN("auditor", "Auditor123"), "SELECT COUNT(*) FROM userdata.person")
	if want := one(t, w, "SELECT count(*) FROM person"); err != nil || got[0] != want {
		t.Errorf("who had a right on a target sees %v rows, %v; want %s", got, err, want)
	}
}

// bodies returns the identities of the targets on the server behind the stand-in. They
// change if a target is dropped and made again, swapped for another, or truncated, or if
// it loses a right.
func bodies(t *testing.T, w *harness.World) string {
	t.Helper()
	return ask(t, w.Backing.DSN("dev"), `SELECT string_agg(concat_ws(' ', relname, oid, relfilenode, relacl), '; ' ORDER BY relname)
		FROM pg_class WHERE relnamespace = 'userdata'::regnamespace AND relkind = 'r'`)
}

// A token is carried out once, whether it comes as a flag or from the environment: a
// Deployment starts again and again with the same one.
func TestResetSlotIsCarriedOutOnce(t *testing.T) {
	t.Parallel()
	w := harness.Start(t, lost())
	if err := w.SetConfig(func(c *harness.Config) { c.More = append(c.More, "checkpoint_refresh: 1s") }); err != nil {
		t.Fatal(err)
	}
	for n, token := range []string{"flag", "flag", "variable", "variable"} {
		var args []string
		if token == "flag" {
			args = []string{"--reset-slot=" + token}
		} else {
			w.Env = []string{"ROWSHIFT_RESET_SLOT=" + token}
		}
		d := w.MustRun(t, args...)
		isDone(t, w, token)
		w.MustBecomeEqual(t)
		if loaded := strings.Contains(d.Log(), `"message":"loaded"`); loaded != (n%2 == 0) {
			t.Errorf("start %d with the token %s: loaded: %v", n, token, loaded)
		}
		d.Kill()
	}
	d := w.MustRun(t, "--reset-slot=flag") // a flag takes precedence over the environment
	d.MustSee(t, `"streaming"`)
	w.MustBecomeEqual(t)
	if strings.Contains(d.Log(), `"message":"loaded"`) {
		t.Error("a token of before was carried out again")
	}
}

// The server may take a dead daemon for alive. A reset that needs the slot ends its
// process, by pid and name.
func TestResetSlotEndsADeadDaemonsStream(t *testing.T) {
	t.Parallel()
	s := lost()
	s.Source.Settings["wal_sender_timeout"] = "1h" // the server does not end it within the test
	w, dead := live(t, s)
	dead.Signal(syscall.SIGSTOP)
	elsewhere(t, w)
	w.MustRun(t, "--reset-slot=taken over")
	execute(t, w, "UPDATE company SET plan = 'after'")
	isDone(t, w, "taken over")
	w.MustBecomeEqual(t)
	dead.Kill()
}

// Wherever a reset dies, and between whichever steps, the next start continues it. Late
// steps are struck by name, before and after they run; commits are struck by number.
func TestResetSlotIsKilled(t *testing.T) {
	t.Parallel()
	late := func(class, match string) []redshifttest.Fault {
		f := redshifttest.Fault{Class: class, Match: match, Nth: 1}
		before := f
		f.After = true
		return []redshifttest.Fault{before, f}
	}
	commits := func(from, to int) (all []redshifttest.Fault) {
		for n := from; n <= to; n++ {
			all = append(all, redshifttest.Fault{Class: "COMMIT", Nth: n, After: n%2 == 0})
		}
		return all
	}
	resets := [][]redshifttest.Fault{
		late("COPY", `"load_`),
		late("INSERT", `AS l LEFT JOIN "userdata".`), // of the join
		late("UPDATE", `"done_at" = GETDATE() WHERE "kind" = 'reset'`),
		commits(1, 4), commits(5, 8),
	}
	if testing.Short() {
		resets = resets[:4]
	}
	w, d := live(t, lost())
	d.Terminate(t)
	for n, deaths := range resets {
		token := fmt.Sprint("--reset-slot=token ", n)
		change(t, w, "UPDATE userdata.company SET plan = 'spoilt'") // so that the join has something to do
		load := w.Load(harness.Workload{Seed: uint64(40 + n), Writers: 2, Pause: 20 * time.Millisecond})
		for _, death := range deaths { // and again while the next daemon recovers
			death.Application, death.Stall = "rowshift", -1
			f := w.Warehouse.Inject(death)
			d := w.MustRun(t, token)
			reached(t, f)
			d.Kill()
			f.Remove()
		}
		d := w.MustRun(t, token)
		isDone(t, w, fmt.Sprint("token ", n))
		if err := load.Stop(); err != nil {
			t.Error(err)
		}
		w.MustBecomeEqual(t)
		d.Kill()
	}
	if n := one(t, w, "SELECT count(*) FROM pg_replication_slots"); n != "1" {
		t.Errorf("%s slots", n)
	}
}

// isDone waits until a reset is done, and checks that it is remembered once.
func isDone(t *testing.T, w *harness.World, token string) {
	t.Helper()
	harness.Until(t, "the reset to be done", func() (bool, error) {
		rows, err := harness.Rows(t.Context(), w.WarehouseDSN("dev", "dev"), "SELECT state FROM rowshift.request WHERE kind = 'reset' AND token = '"+token+"'")
		if len(rows) > 1 {
			t.Fatalf("reset %s is remembered %d times", token, len(rows))
		}
		return len(rows) == 1 && rows[0] == "done", err
	})
}

// With on_slot_lost: resync, a slot that is gone, lost or advanced is reset without being
// asked, even beside tables that are parked or renamed, unless the source is another one.
func TestLostSlotIsResetByItself(t *testing.T) {
	t.Parallel()
	s := parkable(lost())
	s.Config.Source = []string{"on_slot_lost: resync"}
	w, d := live(t, s)
	watched := watch(t, w)
	d.Terminate(t)
	parkAndRename(t, w)
	for n, spoil := range []string{
		"SELECT pg_drop_replication_slot('rowshift_accounts')",
		"SELECT pg_replication_slot_advance('rowshift_accounts', pg_current_wal_lsn())",
	} {
		end(t, w, d)
		execute(t, w, "UPDATE person SET is_active = NOT is_active", spoil)
		for _, command := range []string{"check", "plan"} {
			out, errs, _, err := w.Command(t.Context(), command)
			if err != nil || !strings.Contains(out, "a run resets ") || strings.Contains(out, "--reset-slot") {
				t.Errorf("%s does not foresee the reset: %v\n%s%s", command, err, out, errs)
			}
		}
		d = w.MustRun(t)
		w.MustBecomeEqual(t, watched.pairs...)
		harness.Until(t, "the reset to be done", func() (bool, error) {
			return warehouse(t, w, "SELECT COUNT(*) FROM rowshift.request WHERE kind = 'reset' AND state = 'done'") == fmt.Sprint(n+1), nil
		})
	}
	watched.stop(t)
	w.MustBecomeEqual(t)
	parkedAndRenamed(t, w)
	end(t, w, d)
	execute(t, w, "SELECT pg_drop_replication_slot('rowshift_accounts')")
	change(t, w, "UPDATE rowshift.checkpoint SET \"system\" = '7'") // as if the source were another cluster
	d = w.MustRun(t)
	d.MustSee(t, `"source_identity_changed"`)
	if n := one(t, w, "SELECT count(*) FROM pg_replication_slots"); n != "0" {
		t.Errorf("%s slots were made on a source that is another one", n)
	}
}
