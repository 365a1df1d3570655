package e2e

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"rowshift/test/harness"
)

// owned are tables whose publication a DBA owns, each with one thing that happens to it.
var owned = []struct {
	table, choice, columns string
	ddl                    []string // what the DBA or the tables' owner does
	parked                 string   // the reason for which the table is then parked; empty: it is not
	repair                 string   // the repair that the daemon names
	while                  string   // what is written while it is parked
	where                  string   // the rows that are replicated
}{
	{
		table: "taken", choice: "columns: all", columns: "id, v, n",
		ddl: []string{"ALTER PUBLICATION rowshift_accounts DROP TABLE taken", "UPDATE taken SET n = 1"}, parked: "publication_differs",
		repair: `BEGIN; ALTER PUBLICATION "rowshift_accounts" ADD TABLE ONLY "public"."taken"; COMMIT`,
		while:  "UPDATE taken SET n = n + id; DELETE FROM taken WHERE id = 3; INSERT INTO taken VALUES (101, 'out', 0)",
	},
	{
		table: "joined", choice: "exclude: [v]", columns: "id, n, w",
		ddl: []string{"ALTER TABLE joined ADD w int DEFAULT 3"}, parked: "publication_differs",
		repair: `BEGIN; ALTER PUBLICATION "rowshift_accounts" DROP TABLE ONLY "public"."joined"; ALTER PUBLICATION "rowshift_accounts" ADD TABLE ONLY "public"."joined" ("id", "n", "w"); COMMIT`,
		while:  "UPDATE joined SET w = id WHERE id < 20; INSERT INTO joined VALUES (101, 'stays', 1, 7)",
	},
	{
		table: "cascaded", choice: "exclude: [v]", columns: "id",
		ddl: []string{"ALTER TABLE cascaded DROP n CASCADE"}, parked: "publication_differs",
		repair: `BEGIN; ALTER PUBLICATION "rowshift_accounts" ADD TABLE ONLY "public"."cascaded" ("id"); COMMIT`,
		while:  "INSERT INTO cascaded VALUES (101, 'stays')",
	},
	{
		table: "migrated", choice: "columns: [id, n]", columns: "id, n",
		ddl: []string{`BEGIN; ALTER PUBLICATION rowshift_accounts DROP TABLE ONLY public.migrated; ALTER TABLE public.migrated ALTER COLUMN n TYPE bigint;
			ALTER PUBLICATION rowshift_accounts ADD TABLE ONLY public.migrated (id, n); COMMIT`, "UPDATE migrated SET n = 5000000000 WHERE id = 2"},
	},
	{
		table: "longer", choice: "columns: [id, v]", columns: "id, v",
		ddl: []string{`BEGIN; ALTER PUBLICATION rowshift_accounts DROP TABLE ONLY public.longer; ALTER TABLE public.longer ALTER COLUMN v TYPE varchar(20);
			ALTER PUBLICATION rowshift_accounts ADD TABLE ONLY public.longer (id, v); COMMIT`, "UPDATE longer SET v = repeat('v', 20) WHERE id = 2"},
	},
	{
		table: "ungranted", choice: "exclude: [v]", columns: "id, n, w", parked: "table_unfit",
		ddl: []string{`BEGIN; ALTER TABLE ungranted ADD w int DEFAULT 3; ALTER PUBLICATION rowshift_accounts DROP TABLE ONLY public.ungranted;
			ALTER PUBLICATION rowshift_accounts ADD TABLE ONLY public.ungranted (id, n, w); COMMIT`},
		repair: `GRANT USAGE ON SCHEMA "public" TO "rowshift"; GRANT SELECT ("id", "n", "w", ctid) ON "public"."ungranted" TO "rowshift"; then rowshift resync public.ungranted`,
		while:  "UPDATE ungranted SET w = id WHERE id < 20",
	},
	{
		table: "filtered", choice: `columns: [id, n], where: "id > 10"`, columns: "id, n", where: " WHERE id > 10",
		ddl: []string{`BEGIN; ALTER PUBLICATION rowshift_accounts DROP TABLE ONLY public.filtered; ALTER TABLE public.filtered ALTER COLUMN id TYPE bigint;
			ALTER PUBLICATION rowshift_accounts ADD TABLE ONLY public.filtered (id, n) WHERE (id > 10); COMMIT`, "UPDATE filtered SET id = 5000000000 + id WHERE id > 20"},
	},
}

// Promises 2, 6 and 8: where a DBA owns the publication, the daemon does not alter it. A
// table that is not published as it must be is parked. Log, status, metrics and plan
// print the exact repair while the other tables go on, and once the DBA has repaired it
// by hand the table is loaded again. PostgreSQL refuses some changes of a listed table;
// they are made together with one of the publication.
func TestADBAOwnsThePublication(t *testing.T) {
	t.Parallel()
	w, d := ownedWorld(t)
	for statement, says := range map[string]string{
		"ALTER TABLE migrated ALTER n TYPE bigint":                                             "used by a publication",
		"ALTER TABLE migrated DROP n":                                                          "other objects depend on it",
		"ALTER TABLE longer ALTER v TYPE varchar(20)":                                          "used by a publication",
		"BEGIN; ALTER TABLE migrated REPLICA IDENTITY FULL; UPDATE migrated SET n = 1; COMMIT": `cannot update table "migrated"`,
		"BEGIN; ALTER TABLE longer DROP CONSTRAINT longer_pkey; DELETE FROM longer; COMMIT":    "does not have a replica identity",
		"ALTER TABLE filtered ALTER id TYPE bigint":                                            "used by a publication",
		"BEGIN; ALTER TABLE filtered ALTER n SET NOT NULL; CREATE UNIQUE INDEX i ON filtered (n); ALTER TABLE filtered REPLICA IDENTITY USING INDEX i; UPDATE filtered SET n = 1; COMMIT": `cannot update table "filtered"`,
	} {
		refuses(t, w, statement, says)
	}
	for _, o := range owned {
		execute(t, w, o.ddl...)
	}
	for _, o := range owned {
		if o.parked != "" {
			parkedFor(t, w, o.table, o.parked)
			toldParked(t, w, d, o.table, o.repair)
		}
	}
	command(t, w, 0, `ALTER PUBLICATION "rowshift_accounts" ADD TABLE ONLY "public"."taken"`, "plan")
	load := w.Load(harness.Workload{Seed: 51, Writers: 1, Pause: 20 * time.Millisecond})
	for _, o := range owned {
		if o.while != "" {
			execute(t, w, o.while)
		}
	}
	if err := load.Stop(); err != nil {
		t.Error(err)
	}
	w.MustBecomeEqual(t, append(ownedPairs("migrated", "longer", "filtered"), harness.AccountPairs...)...)
	for _, o := range owned {
		if o.repair == "" {
			continue
		}
		statement, then, _ := strings.Cut(o.repair, "; then rowshift ")
		if execute(t, w, statement); then != "" {
			command(t, w, 0, "", strings.Fields(then)...)
			execute(t, w, "UPDATE company SET seats = 1, plan = 'pro' WHERE id = uid('c', 1)") // the next merge sees it
		}
	}
	w.MustBecomeEqual(t, append(ownedPairs(), harness.AccountPairs...)...)
	command(t, w, 0, "nothing is due", "plan")
	if strings.Contains(d.Log(), `"message":"halted"`) {
		t.Error("the daemon halted")
	}
}

// ownedWorld returns a world whose daemon may only read. Its publication and slot are
// made by what plan prints.
func ownedWorld(t *testing.T) (*harness.World, *harness.Daemon) {
	t.Helper()
	s := harness.Setup{
		Accounts: small,
		Config: harness.Config{
			Tables: append([]string{}, harness.AccountTables...),
			Batch:  "{rows: 1000, min_interval: 100ms, max_age: 400ms}",
			Source: []string{"create: false", "catalogue_poll: 200ms"},
		},
	}
	for _, o := range owned {
		s.SQL = append(s.SQL, "CREATE TABLE "+o.table+" (id int PRIMARY KEY, v varchar(10), n int)",
			"INSERT INTO "+o.table+" SELECT i, 'v' || i, i FROM generate_series(1, 40) i")
		s.Config.Tables = append(s.Config.Tables, "public."+o.table+": {"+o.choice+"}")
	}
	s.SQL = append(s.SQL, "REVOKE app_owner FROM rowshift", "REVOKE CREATE ON DATABASE app FROM rowshift", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO rowshift",
		"REVOKE SELECT ON ungranted FROM rowshift", "GRANT SELECT (id, n, ctid) ON ungranted TO rowshift")
	w := harness.Start(t, s)
	command(t, w, 1, "there is no publication", "check")
	out, errs, code, err := w.Command(t.Context(), "plan")
	if err != nil || code != 0 {
		t.Fatalf("plan: exit code %d, %v, %s", code, err, errs)
	}
	source, _, _ := strings.Cut(out, "-- warehouse")
	for line := range strings.Lines(source) {
		if !strings.HasPrefix(line, "--") {
			execute(t, w, line)
		}
	}
	d := w.MustRun(t)
	w.MustBecomeEqual(t)
	return w, d
}

// ownedPairs compare the tables as they are after what happened to them, or only the
// named ones.
func ownedPairs(only ...string) (pairs []harness.Pair) {
	for _, o := range owned {
		if len(only) == 0 || slices.Contains(only, o.table) {
			pairs = append(pairs, harness.Pair{Name: o.table, Source: "SELECT " + o.columns + " FROM " + o.table + o.where, Target: "SELECT " + o.columns + " FROM userdata." + o.table})
		}
	}
	return pairs
}

// refuses fails the test unless PostgreSQL refuses a statement, with these words.
func refuses(t *testing.T, w *harness.World, statement, says string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := w.Execute(ctx, statement); err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("%s: %v, want %q", statement, err, says)
	}
}

// parkedFor waits until a table is parked for this reason.
func parkedFor(t *testing.T, w *harness.World, table, reason string) {
	t.Helper()
	harness.Until(t, table+" to be parked", func() (bool, error) {
		rows, err := harness.Rows(t.Context(), w.WarehouseDSN("dev", "dev"), "SELECT state, detail FROM rowshift.table_state WHERE source_table = '"+table+"'")
		return err == nil && len(rows) == 1 && strings.HasPrefix(rows[0], "parked|") && strings.Contains(rows[0], `"reason":"`+reason+`"`), err
	})
}

// toldParked fails the test unless log, status and metrics name a parked table, the first
// two with its repair.
func toldParked(t *testing.T, w *harness.World, d *harness.Daemon, table, repair string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, errs, code, err := w.Command(ctx, "status", "--json")
	if err != nil || code != 1 {
		t.Fatalf("status: exit code %d, %v\n%s%s", code, err, out, errs)
	}
	var status struct {
		Checkpoint struct {
			Tables []struct{ Table, State, Repair string }
		}
	}
	if err := json.Unmarshal([]byte(out), &status); err != nil {
		t.Fatal(err)
	}
	said := ""
	for _, one := range status.Checkpoint.Tables {
		if one.Table == "public."+table && one.State == "parked" {
			said = one.Repair
		}
	}
	if said != repair {
		t.Errorf("status says of %s to repair it by %q, want %q", table, said, repair)
	}
	said = ""
	for _, e := range d.Entries() {
		if e["message"] == "table" && e["state"] == "parked" && e["table"] == "public."+table {
			said, _ = e["repair"].(string)
		}
	}
	if said != repair {
		t.Errorf("the log says of %s to repair it by %q, want %q", table, said, repair)
	}
	_, page, err := w.Get(ctx, "/metrics")
	if err != nil || harness.ParseMetrics(page)[`rowshift_table_state{pipeline="accounts",state="parked",table="public.`+table+`"}`] != 1 {
		t.Errorf("the metrics do not tell that %s is parked: %v", table, err)
	}
}
