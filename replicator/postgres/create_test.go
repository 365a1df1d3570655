package postgres

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"rowshift/replicator"
)

// TestCreate shows a first run: it makes the publication and the slot, and the stream from
// the start passes the proof. A second Create takes both as they are.
func TestCreate(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY)`)
	w.choose(every("a")...)
	w.named(true)
	if _, err := w.Create(t.Context(), replicator.CreateRequest{Look: true}); err != nil {
		t.Fatal(err)
	}
	w.until(other, `NOT EXISTS (SELECT FROM pg_publication) AND NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = current_database())`)
	first, err := w.Create(t.Context(), replicator.CreateRequest{})
	if err != nil {
		t.Fatal(err)
	}
	w.exec(other, `INSERT INTO a VALUES (1)`)
	if got := w.follow(first.Start).read(first.Proof); first.Start == 0 || first.Proof <= first.Start || len(got) > 1 {
		t.Errorf("%+v, then %v", first, got)
	}
}

// TestCreateTakesItsTime shows that no setting of the role ends the session that makes the
// slot, whether it waits for a transaction or for the warehouse's answer.
func TestCreateTakesItsTime(t *testing.T) {
	w := newWorld(t)
	other, third := w.dial(), w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY)`)
	w.choose(every("a")...)
	w.named(true)
	w.exec(other, `ALTER DATABASE `+w.config.Database+` SET idle_session_timeout = '50ms'`)
	if w.major() >= 17 {
		w.exec(other, `ALTER DATABASE `+w.config.Database+` SET transaction_timeout = '50ms'`)
	}
	w.exec(other, `BEGIN; SELECT pg_current_xact_id()`)
	made := make(chan error, 1)
	go func() {
		_, err := w.Create(t.Context(), replicator.CreateRequest{Still: func(ctx context.Context) error { return sleep(ctx, 500*time.Millisecond) }})
		made <- err
	}()
	w.heard("a running transaction to end, to make slot")
	w.until(third, `EXISTS (SELECT FROM pg_stat_activity WHERE application_name = $1 AND state = 'active' AND clock_timestamp() - query_start > '500ms')`, applicationName)
	w.exec(other, `COMMIT`)
	if err := <-made; err != nil {
		t.Error(err)
	}
}

// TestCreateAgain shows what Create does with what an earlier daemon left behind.
func TestCreateAgain(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY)`)
	w.choose(every("a")...)
	w.named(true)
	create := func(r replicator.CreateRequest) replicator.Created {
		t.Helper()
		created, err := w.Create(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		return created
	}
	first := create(replicator.CreateRequest{})
	w.exec(other, `INSERT INTO a VALUES (1)`)
	if again := create(replicator.CreateRequest{Resumed: true}); again.Start != first.Start || again.Proof <= first.Proof {
		t.Errorf("resumed: %+v after %+v", again, first)
	}
	f := w.follow(first.Start)
	made := make(chan replicator.Created, 1)
	go func() { made <- create(replicator.CreateRequest{Resumed: true, Remake: true}) }()
	w.heard("to be let go of")
	f.Close()
	again := <-made
	if again.Start <= first.Start {
		t.Errorf("made again: %+v after %+v", again, first)
	}
	w.drop(other)
	if late := create(replicator.CreateRequest{Resumed: true}); late.Start <= again.Start {
		t.Errorf("made because it was missing: %+v after %+v", late, again)
	}
}

// TestCreateLooksForTheSlotOfBefore shows that a pipeline is not begun anew with another
// slot while its old one would keep log, nor with one that may be another pipeline's.
func TestCreateLooksForTheSlotOfBefore(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY)`)
	w.choose(every("a")...)
	w.named(true)
	look := func(had, want string) {
		t.Helper()
		_, err := w.Create(t.Context(), replicator.CreateRequest{Look: true, Resumed: true, Slot: had})
		var h *replicator.Halt
		if errors.As(err, &h) != (want != "") || h == nil && err != nil || h != nil && (h.Reason != replicator.SlotStrange || !strings.Contains(h.Repair, want)) {
			t.Errorf("after slot %q: %v, want %q", had, err, want)
		}
	}
	had := w.options.Slot + "_before"
	look(had, "")
	if _, err := w.Create(t.Context(), replicator.CreateRequest{}); err != nil {
		t.Fatal(err)
	}
	look("", "")
	look(w.options.Slot, "")
	look(had, dropSlot(w.options.Slot))
	w.exec(other, createSlot(had))
	look(had, dropSlot(had))
	w.exec(other, dropSlot(had))
}

// TestCreateHalts shows what Create does not take, and what it says then.
func TestCreateHalts(t *testing.T) {
	const table, publication = `CREATE TABLE a (id int PRIMARY KEY)`, `CREATE PUBLICATION rowshift FOR TABLE a`
	const makeSlot = `SELECT pg_create_logical_replication_slot(current_database(), 'pgoutput')`
	tests := []struct {
		name    string
		before  string
		create  bool
		request replicator.CreateRequest
		reason  replicator.Reason
		words   []string
	}{
		{"a stranger's slot", table + "; " + makeSlot, true, replicator.CreateRequest{}, replicator.SlotStrange, []string{"pg_drop_replication_slot", "source.create"}},
		{"a stranger's, with a publication", table + "; " + publication + "; " + makeSlot, true, replicator.CreateRequest{}, replicator.SlotStrange, nil},
		{"a stranger's, looked for", table + "; " + makeSlot, true, replicator.CreateRequest{Look: true}, replicator.SlotStrange, nil},
		{"a stranger's publication, looked for", table + "; CREATE TABLE b (id int PRIMARY KEY); CREATE PUBLICATION rowshift FOR TABLE b", true, replicator.CreateRequest{Look: true}, replicator.PublicationDiffers, []string{"public.b"}},
		{"an unfit table, looked for", `CREATE TABLE a (id int)`, true, replicator.CreateRequest{Look: true}, replicator.TableUnfit, nil},
		{"another plugin", table + "; " + publication + `; SELECT pg_create_logical_replication_slot(current_database(), 'test_decoding')`, true, replicator.CreateRequest{Resumed: true, Remake: true}, replicator.SlotStrange, []string{"test_decoding"}},
		{"a DBA's slot is missing", table + "; " + publication, false, replicator.CreateRequest{}, replicator.SlotMissing, []string{`pg_create_logical_replication_slot('test_`}},
		{"a DBA's slot is of no use", table + "; " + publication + "; " + makeSlot, false, replicator.CreateRequest{Resumed: true, Remake: true}, replicator.SlotLost, []string{"pg_drop_replication_slot", "pg_create_logical"}},
		{"a DBA's slot is of no use, in a reset", table + "; " + publication + "; " + makeSlot, false, replicator.CreateRequest{Resumed: true, Remake: true, Reset: true}, replicator.SlotLost, []string{"pg_drop_replication_slot", "pg_create_logical"}},
		{"a DBA's publication is missing", table + "; " + makeSlot, false, replicator.CreateRequest{}, replicator.PublicationMissing, []string{`CREATE PUBLICATION "rowshift" FOR TABLE ONLY "public"."a" WITH`}},
		{"no such table", `CREATE TABLE b (id int PRIMARY KEY)`, true, replicator.CreateRequest{}, replicator.TableUnfit, []string{"public.a"}},
		{"no key", `CREATE TABLE a (id int)`, true, replicator.CreateRequest{}, replicator.TableUnfit, []string{"REPLICA IDENTITY"}},
		{"a key that is checked late", `CREATE TABLE a (id int PRIMARY KEY DEFERRABLE)`, true, replicator.CreateRequest{}, replicator.TableUnfit, []string{"deferrable"}},
		{"a partition that could not be followed", `CREATE TABLE a (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE p PARTITION OF a DEFAULT; ALTER TABLE p REPLICA IDENTITY NOTHING`, true,
			replicator.CreateRequest{}, replicator.TableUnfit, []string{"partition public.p", `ALTER TABLE "public"."p" REPLICA IDENTITY DEFAULT`}},
		{"unlogged", `CREATE UNLOGGED TABLE a (id int PRIMARY KEY)`, true, replicator.CreateRequest{}, replicator.TableUnfit, []string{"SET LOGGED"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			other := w.dial()
			for _, statement := range strings.Split(test.before, "; ") {
				w.exec(other, statement)
			}
			w.choose(every("a")...)
			w.named(test.create)
			_, err := w.Create(t.Context(), test.request)
			if err := refusedWith(err, test.reason, test.words...); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestCreateTakesADBAs shows that a publication and a slot which a DBA made are taken.
func TestCreateTakesADBAs(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY)`)
	w.choose(every("a")...)
	w.named(false)
	statements, _, err := w.Plan(t.Context())
	if err != nil || len(statements) != 2 {
		t.Fatalf("%q, %v", statements, err)
	}
	for _, s := range statements {
		w.exec(other, s)
	}
	for _, resumed := range []bool{false, true} {
		if _, err := w.Create(t.Context(), replicator.CreateRequest{Resumed: resumed}); err != nil {
			t.Errorf("resumed %v: %v", resumed, err)
		}
	}
	if left, _, err := w.Plan(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("%q, %v", left, err)
	}
}

// TestCreateWaits shows that making a slot waits for old transactions, that it says for
// which, and that it leaves nothing behind when it is given up.
func TestCreateWaits(t *testing.T) {
	tests := []struct{ name, begin, said, end string }{
		{"a session's", `SET application_name = 'nightly job'; BEGIN; INSERT INTO b VALUES (1)`, "(nightly job)", `ROLLBACK`},
		{"a prepared one", `BEGIN; INSERT INTO b VALUES (1); PREPARE TRANSACTION 'half'`, `prepared transaction "half"`, `ROLLBACK PREPARED 'half'`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			other := w.dial()
			w.exec(other, `CREATE TABLE a (id int PRIMARY KEY)`)
			w.exec(other, `CREATE TABLE b (id int)`)
			w.choose(every("a")...)
			w.named(true)
			w.exec(other, test.begin)
			created := make(chan error, 1)
			create := func(ctx context.Context, r replicator.CreateRequest) {
				_, err := w.Create(ctx, r)
				created <- err
			}
			ctx, cancel := context.WithCancel(t.Context())
			go create(ctx, replicator.CreateRequest{})
			w.heard(test.said, "to make slot")
			cancel()
			if err := <-created; !errors.Is(err, context.Canceled) {
				t.Errorf("given up: %v", err)
			}
			third := w.dial()
			w.until(third, `NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = current_database())`)
			w.deserted()
			go create(t.Context(), replicator.CreateRequest{Resumed: true})
			w.until(third, `EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'rowshift' AND wait_event = 'transactionid' AND datname = current_database())`)
			w.exec(other, test.end)
			if err := <-created; err != nil {
				t.Error(err)
			}
		})
	}
}

// TestCreateRights shows what a role is told if it lacks a right.
func TestCreateRights(t *testing.T) {
	tests := []struct {
		name, grant string
		reason      replicator.Reason
		words       []string
	}{
		{"owner, no replication", `ALTER TABLE a OWNER TO $; GRANT CREATE ON DATABASE @ TO $`, replicator.SourceUnfit, []string{"REPLICATION", "rds_replication"}},
		{"no owner", `ALTER ROLE $ REPLICATION; GRANT CREATE ON DATABASE @ TO $`, replicator.PublicationMissing, []string{"ownership", "CREATE PUBLICATION"}},
		{"no right on the database", `ALTER ROLE $ REPLICATION; ALTER TABLE a OWNER TO $`, replicator.PublicationMissing, []string{"CREATE on the database"}},
		{"enough", `ALTER ROLE $ REPLICATION; ALTER TABLE a OWNER TO $; GRANT CREATE ON DATABASE @ TO $`, "", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			other := w.dial()
			w.exec(other, `CREATE TABLE a (id int PRIMARY KEY)`)
			w.exec(other, `CREATE ROLE `+w.role()+` LOGIN`)
			w.exec(other, strings.NewReplacer("$", w.role(), "@", w.config.Database).Replace(test.grant))
			w.choose(every("a")...)
			w.named(true)
			w.program.User = w.role()
			_, err := w.Create(t.Context(), replicator.CreateRequest{})
			if test.reason == "" && err != nil {
				t.Error(err)
			}
			if test.reason != "" {
				if err := refusedWith(err, test.reason, test.words...); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
