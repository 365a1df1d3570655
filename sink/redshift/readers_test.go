package redshift

import (
	"slices"
	"strings"
	"testing"

	"rowshift/replicator"
	"rowshift/schema"
	"rowshift/test/redshifttest"
)

// reads checks that analysts may read everything.
func (w *world) reads() {
	w.t.Helper()
	for _, table := range []string{"public_copy.words", "rowshift_accounts.freshness", "rowshift_accounts.checkpoint", "rowshift_accounts.table_state"} {
		w.query(must(w.config("analysts")(w.t.Context())), "SELECT COUNT(*) FROM "+table)
	}
}

// remember merges a checkpoint that knows these tables.
func (w *world) remember(r *Warehouse, tables ...*schema.Table) {
	w.t.Helper()
	m := w.merging()
	m.Checkpoint.Tables = first(tables...).Tables
	if _, err := r.Merge(w.t.Context(), m); err != nil {
		w.t.Fatal(err)
	}
}

func analysts(o *Options) { o.Readers = []string{"analysts"} }

// If a daemon dies between making a table and granting it, the next one makes the grants.
func TestGrantsOfADeadDaemonAreMade(t *testing.T) {
	for _, match := range []string{"GRANT USAGE", "GRANT SELECT"} {
		t.Run(match, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			dying := func(step func(*Warehouse) error) {
				t.Helper()
				dies := w.server.Inject(redshifttest.Fault{Match: match, Nth: 1, Drop: true})
				defer dies.Remove()
				if err := step(w.warehouse(analysts)); err == nil || dies.Hits() != 1 {
					t.Fatalf("it did not die at %s: %v", match, err)
				}
			}
			dying(func(r *Warehouse) error { _, err := r.Fence(t.Context(), first()); return err })
			w.fence(w.warehouse(analysts))
			dying(func(r *Warehouse) error {
				return r.MakeLoad(t.Context(), w.epoch, keyed(), loadState("load_1_1_1"))
			})
			next := w.warehouse(analysts)
			w.fence(next) // ends the dead one's transaction
			w.make(next, keyed())
			w.reads()
		})
	}
}

// A reader that was named later, or lost rights, gets them at the next opening. Until then, plan
// and check say so.
func TestReadersWhoLackRightsAreGrantedThem(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	tables := []*schema.Table{table}
	w.remember(r, table, composite()) // somebody has dropped the second
	later := w.warehouse(analysts)
	planned, err := later.Plan(t.Context(), tables, replicator.Foreseen{})
	if err != nil || !slices.Contains(planned, `GRANT SELECT ON "public_copy"."words" TO "analysts"`) || len(planned) != 8 {
		t.Errorf("planned: %q, %v", planned, err)
	}
	if f := find(t, w.check(later, tables...), "reader analysts"); f.Verdict != replicator.Warning || !strings.Contains(f.Repair, "GRANT USAGE ON SCHEMA") {
		t.Errorf("%+v", f)
	}
	w.fence(later)
	w.reads()
	if f := find(t, w.check(later, tables...), "reader analysts"); f.Verdict != replicator.Fine {
		t.Errorf("%+v", f)
	}
	w.admin("REVOKE SELECT ON public_copy.words FROM analysts")
	if planned, err = later.Plan(t.Context(), tables, replicator.Foreseen{}); err != nil || len(planned) != 1 {
		t.Errorf("planned: %q, %v", planned, err)
	}
	w.fence(later)
	w.reads()
	if planned, err = later.Plan(t.Context(), tables, replicator.Foreseen{}); err != nil || len(planned) != 0 {
		t.Errorf("planned: %q, %v", planned, err)
	}
}

// The readers may also read a target that was there before its first load.
func TestTargetsThatAreThereAreGranted(t *testing.T) {
	w := newWorld(t)
	w.withWords()
	r := w.warehouse(analysts)
	w.fence(r)
	w.make(r, keyed())
	w.reads()
}

// Groups and roles are granted what users are. Redshift shows a role only to those who were
// given it, so check cannot tell whether one that it does not see exists.
// https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_ROLES.html
func TestGroupsAndRolesAreGranted(t *testing.T) {
	w := newWorld(t)
	group, role := "group g1_"+w.database, "role bi_"+w.database
	w.admin("CREATE "+group, "CREATE "+role, "ALTER "+group+" ADD USER analysts")
	r := w.warehouse(func(o *Options) { o.Readers = []string{role, strings.ToUpper(group), "dev"} })
	w.fence(r)
	w.make(r, keyed())
	w.reads()
	granted := "SELECT COUNT(*) FROM svv_relation_privileges WHERE relation_name = 'words' AND privilege_type = 'SELECT' AND identity_type = 'role' AND identity_name = 'bi_" + w.database + "'"
	w.want(w.ask(granted), "1")
	findings := w.check(r, keyed())
	if f := find(t, findings, "reader "+strings.ToUpper(group)); f.Verdict != replicator.Fine || !strings.Contains(f.Found, "there; a run grants") {
		t.Errorf("%+v", f)
	}
	if f := find(t, findings, "reader "+role); f.Verdict != replicator.Warning || !strings.Contains(f.Found, "not among the roles") || !strings.Contains(f.Repair, `CREATE ROLE "bi_`) {
		t.Errorf("%+v", f)
	}
	w.admin("GRANT " + role + " TO loader")
	if f := find(t, w.check(r, keyed()), "reader "+role); f.Verdict != replicator.Fine || !strings.Contains(f.Found, "there; a run grants") {
		t.Errorf("%+v", f)
	}
}

// The names of users keep their case, as names from IAM and identity providers need: that of a
// reader and, in what is advised, that of the loader.
// https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_USER.html
func TestUsersKeepTheirCase(t *testing.T) {
	w := newWorld(t)
	for _, user := range []string{"IAMR:Analyst", "Loader"} {
		if err := w.server.SetUser(t.Context(), user, user); err != nil {
			t.Fatal(err)
		}
	}
	w.admin("CREATE SCHEMA theirs")
	r := w.warehouse(func(o *Options) { o.Readers = []string{"IAMR:Analyst"} })
	w.fence(r)
	w.make(r, keyed())
	w.want(w.ask("SELECT has_table_privilege('IAMR:Analyst', 'public_copy.words', 'SELECT'), has_schema_privilege('IAMR:Analyst', 'rowshift_accounts', 'USAGE')"), "t|t")
	if f := find(t, w.check(r, keyed()), "reader IAMR:Analyst"); f.Verdict != replicator.Fine || !strings.Contains(f.Found, "may read all") {
		t.Errorf("%+v", f)
	}
	other := w.warehouse(func(o *Options) {
		o.Config, o.Schema, o.Readers = w.config("Loader"), "theirs", []string{"iamr:analyst"}
	})
	findings := w.check(other)
	if f := find(t, findings, "reader iamr:analyst"); f.Verdict != replicator.Failure || !strings.Contains(f.Found, `"IAMR:Analyst" is there`) || !strings.Contains(f.Repair, `CREATE USER "iamr:analyst"`) {
		t.Errorf("%+v", f)
	}
	if f := find(t, findings, "schema theirs"); f.Repair != `GRANT USAGE, CREATE ON SCHEMA "theirs" TO "Loader";` {
		t.Errorf("%+v", f)
	}
}

func TestReaderWhoIsNotThereHalts(t *testing.T) {
	w := newWorld(t)
	r := w.warehouse(func(o *Options) { o.Readers = []string{"nobody_there"} })
	_, err := r.Fence(t.Context(), first())
	if h := wantHalt(t, err, replicator.WarehouseUnfit); !strings.Contains(h.Found, "nobody_there; Redshift says: create ") || !strings.Contains(h.Repair, "warehouse.readers") {
		t.Errorf("%+v", h)
	}
}

// A reader that is written in another case than its user has is not there, and both the halt and
// check say which user is. CREATE USER without quotes makes a name of lower case.
func TestReaderInAnotherCaseHalts(t *testing.T) {
	w := newWorld(t)
	r := w.warehouse(func(o *Options) { o.Readers = []string{"dev", "Analysts", "group Nobody"} })
	_, err := r.Fence(t.Context(), first())
	h := wantHalt(t, err, replicator.WarehouseUnfit)
	if !strings.Contains(h.Means, `there is no user "Analysts", but "analysts"`) || !strings.HasPrefix(h.Repair, "write analysts for Analysts, or else correct") || strings.Contains(h.Error(), `"dev"`) {
		t.Errorf("%+v", h)
	}
	findings := w.check(r)
	if f := find(t, findings, "reader Analysts"); f.Verdict != replicator.Failure || !strings.Contains(f.Found, `"analysts" is there`) || !strings.HasPrefix(f.Repair, "write analysts for it") {
		t.Errorf("%+v", f)
	}
	if f := find(t, findings, "reader group Nobody"); f.Verdict != replicator.Failure || strings.Contains(f.Found, "case") {
		t.Errorf("%+v", f)
	}
	hidden := w.server.Inject(redshifttest.Fault{Match: "LOWER(usename)", Code: "42501", Message: "permission denied for relation pg_user"})
	defer hidden.Remove()
	if _, err := r.Fence(t.Context(), first()); hidden.Hits() == 0 || !strings.HasPrefix(wantHalt(t, err, replicator.WarehouseUnfit).Repair, "correct warehouse.readers") {
		t.Errorf("without an answer: %v", err)
	}
}
