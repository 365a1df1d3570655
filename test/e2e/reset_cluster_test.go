package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rowshift/test/harness"
	"rowshift/test/pgtest"
)

// anotherCluster makes the tables of another cluster. They have the columns of the
// config's tables in another order and behind an additional one, and other rows. One
// table of the config is missing, one lacks a column that the config lists, and there is
// a table that the config does not name.
var anotherCluster = []string{
	`CREATE ROLE app_owner`,
	fmt.Sprintf(`CREATE ROLE rowshift LOGIN REPLICATION PASSWORD '%s' IN ROLE app_owner`, harness.SourcePassword),
	`GRANT CREATE ON DATABASE app TO rowshift`,
	`CREATE TABLE public.secret (id int PRIMARY KEY, body text)`,
	`CREATE TABLE public.badge (id int PRIMARY KEY, secret text)`,
	`CREATE TABLE public.person (extra int, last_seen_at timestamptz, bio text, is_active boolean NOT NULL, full_name text, email text NOT NULL, id uuid PRIMARY KEY)`,
	`CREATE TABLE public.company (extra int, created_at timestamptz NOT NULL, seats int, plan text, name text NOT NULL, id uuid PRIMARY KEY)`,
	`INSERT INTO secret VALUES (1, 'unlisted')`,
	`INSERT INTO badge VALUES (1, 'unlisted')`,
	`INSERT INTO person SELECT n, '2026-02-02', 'elsewhere', n % 3 = 0, 'Person', 'e', md5('p' || n)::uuid FROM generate_series(500, 1500) n`,
	`INSERT INTO company SELECT n, '2026-02-02', n, 'elsewhere', 'Company', md5('c' || n)::uuid FROM generate_series(100, 300) n`,
	`ALTER TABLE secret OWNER TO app_owner`, `ALTER TABLE badge OWNER TO app_owner`,
	`ALTER TABLE person OWNER TO app_owner`, `ALTER TABLE company OWNER TO app_owner`,
}

// Promises 6 and 7: if the source is another cluster, the daemon halts and applies
// nothing. A reset loads the tables from there into their present targets. Tables and
// columns are then known by name only: a table of the new cluster that happens to have
// the number of a missing one is not replicated, and neither is such a column.
func TestResetSlotOntoAnotherCluster(t *testing.T) {
	t.Parallel()
	w := harness.Start(t, harness.Setup{
		Accounts: small,
		SQL: []string{
			"CREATE TABLE note (id int PRIMARY KEY, body text)", "INSERT INTO note VALUES (1, 'kept')", "ALTER TABLE note OWNER TO app_owner",
			"CREATE TABLE badge (id int PRIMARY KEY, label text)", "INSERT INTO badge VALUES (1, 'kept')", "ALTER TABLE badge OWNER TO app_owner",
		},
		Config: harness.Config{
			Source: []string{"catalogue_poll: 300ms"},
			Tables: append(slices.Clone(harness.AccountTables[:2]), "public.note: {columns: all, target: notes}", "public.badge: {columns: [id, label]}"),
		},
	})
	d := w.MustRun(t)
	w.MustBecomeEqual(t, accountsAndNotes...)
	change(t, w, "CREATE VIEW userdata.active AS SELECT id FROM userdata.person WHERE is_active")
	targets := targetsOf(t, w)
	d.Terminate(t)
	moveSource(t, w)
	sameNumber(t, w, "note", "secret")
	sameNumber(t, w, "badge", "badge")

	before := stand(t, w)
	d = w.MustRun(t)
	d.MustSee(t, `"halted"`)
	says(t, w, d, "source_identity_changed")
	if after := stand(t, w); after != before {
		t.Errorf("a halted daemon did something: %s, then %s", before, after)
	}
	for _, command := range [][]string{{"check"}, {"plan"}, {"reset-slot", "--token=moved", "--plan"}} {
		out, _, _, err := w.Command(t.Context(), command...)
		if err != nil || !strings.Contains(out, "company") || !strings.Contains(out, "public.note") || strings.Contains(out, "secret") {
			t.Errorf("%s: %v\n%s", command, err, out)
		}
	}
	d.Terminate(t)

	w.MustRun(t, "--reset-slot=moved")
	isDone(t, w, "moved")
	w.MustBecomeEqual(t, accountsAndNotes[:2]...)
	if got := one(t, w, "SELECT string_agg(tablename, ' ' ORDER BY tablename) FROM pg_publication_tables"); got != "company person" {
		t.Errorf("published are %s", got)
	}
	for _, table := range []struct{ name, target string }{{"note", "notes"}, {"badge", "badge"}} {
		state := warehouse(t, w, `SELECT state || ' ' || target FROM rowshift.table_state WHERE source_table = '`+table.name+`'`)
		held := warehouse(t, w, "SELECT * FROM userdata."+table.target)
		if state != "parked "+table.target || held != "1|kept" {
			t.Errorf("%s is %s, and its target has %s", table.name, state, held)
		}
	}
	execute(t, w, "CREATE TABLE note (body text, id int PRIMARY KEY)", "INSERT INTO note VALUES ('another', 2)", "ALTER TABLE note OWNER TO app_owner",
		"ALTER TABLE badge RENAME secret TO label", "DELETE FROM person WHERE is_active", "UPDATE company SET plan = 'followed' WHERE extra = 100")
	w.MustBecomeEqual(t, accountsAndNotes...)
	if now := targetsOf(t, w); now != targets {
		t.Errorf("the targets were %s, and are %s", targets, now)
	}
	if n := warehouse(t, w, "SELECT COUNT(*) FROM userdata.active"); n != "0" {
		t.Errorf("the view has %s rows", n)
	}
}

// accountsAndNotes compare what the config replicates.
var accountsAndNotes = append(slices.Clone(harness.AccountPairs[:2]),
	harness.Pair{Name: "notes", Source: "SELECT id, body FROM public.note", Target: "SELECT id, body FROM userdata.notes"},
	harness.Pair{Name: "badge", Source: "SELECT id, label FROM public.badge", Target: "SELECT id, label FROM userdata.badge"})

// moveSource ends the present source and makes another cluster the source of daemons that
// start later.
func moveSource(t *testing.T, w *harness.World) {
	t.Helper()
	s, err := pgtest.New(t.Context(), pgtest.Options{OwnIdentity: true})
	if err != nil {
		t.Fatal(err)
	}
	was := w.Source
	w.Source = s // the world closes it
	if err := was.Close(); err != nil {
		t.Error(err)
	}
	if _, err := harness.Rows(t.Context(), s.DSN("postgres"), "CREATE DATABASE app"); err != nil {
		t.Fatal(err)
	}
	execute(t, w, anotherCluster...)
	if err := w.SetConfig(func(*harness.Config) {}); err != nil {
		t.Fatal(err)
	}
}

// sameNumber has the warehouse remember a table by the OID that another table of the
// source has now.
func sameNumber(t *testing.T, w *harness.World, remembered, is string) {
	t.Helper()
	oid := one(t, w, "SELECT '"+is+"'::regclass::oid")
	change(t, w, "UPDATE rowshift.table_state SET source_oid = "+oid+" WHERE source_table = '"+remembered+"'")
}

// targetsOf returns the OIDs of the targets in the warehouse. A target that is made again
// gets another OID.
func targetsOf(t *testing.T, w *harness.World) string {
	t.Helper()
	rows, err := harness.Rows(t.Context(), w.WarehouseDSN("dev", "dev"),
		`SELECT c.relname, c."oid" FROM pg_class AS c JOIN pg_namespace AS n ON n."oid" = c.relnamespace WHERE n.nspname = 'userdata' AND c.relkind = 'r'`)
	if err != nil || len(rows) < len(accountsAndNotes) {
		t.Fatal(rows, err)
	}
	return strings.Join(rows, " ")
}

// stand returns what a daemon would change at once: the slots and publications of the
// source, and the checkpoint.
func stand(t *testing.T, w *harness.World) string {
	t.Helper()
	return one(t, w, "SELECT (SELECT count(*) FROM pg_replication_slots) || ' slots, ' || (SELECT count(*) FROM pg_publication) || ' publications'") +
		warehouse(t, w, `SELECT ', epoch ' || epoch || ', ' || phase || ' at ' || lsn || ' of ' || "system" FROM rowshift.checkpoint`)
}
