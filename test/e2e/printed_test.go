package e2e

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"rowshift/test/harness"
)

// toPrint are tables whose choice in the config, or whose shape in the source, changes
// while no daemon runs.
var toPrint = []struct {
	table, before, after string // the choice before and after the change
	ddl                  string
	says                 []string // lines of the plan about it
	source, target       string   // columns to compare afterwards
}{
	{
		table: "same", before: "columns: all", after: "columns: all", source: "id, v, n, u, j",
	},
	{
		table: "hashes", before: "columns: all", after: "columns: all, hash: [u]", source: "id, v, n, hashed(u), j", target: "id, v, n, u, j",
		says: []string{`-- public.hashes is loaded again, beside its live copy: what is made of column "u" on the way is something else`},
	},
	{
		table: "renames", before: "columns: all", after: "columns: all, rename: {u: note}", source: "id, v, n, u, j", target: "id, v, n, note, j",
		says: []string{`ALTER TABLE "userdata"."renames" RENAME COLUMN "u" TO "note";`},
	},
	{
		table: "hidden", before: "columns: all", after: "columns: all, hash: [u], rename: {u: u_hash}", source: "id, v, n, hashed(u), j", target: "id, v, n, u_hash, j",
		says: []string{
			`-- public.hidden is loaded again, beside its live copy: what is made of column "u" on the way is something else`,
			`-- public.hidden has no column for "u" of its target, which is kept, with NULL in rows that are written from now on; to do away with it: ALTER TABLE "userdata"."hidden" DROP COLUMN "u"`,
			`ALTER TABLE "userdata"."hidden" ADD COLUMN "u_hash" VARCHAR(64);`,
		},
	},
	{
		table: "types", before: "columns: all", after: "columns: all, types: {n: BIGINT}", source: "id, v, n, u, j",
		says: []string{
			`-- public.types is loaded again, beside its live copy: column "n" has another type in the warehouse`,
			`ALTER TABLE "userdata"."types" ADD COLUMN "n__wide" BIGINT;`, `UPDATE "userdata"."types" SET "n__wide" = "n" WHERE "n__wide" <> "n" OR ("n__wide" IS NULL AND "n" IS NOT NULL) OR ("n__wide" IS NOT NULL AND "n" IS NULL);`, "BEGIN;",
			`ALTER TABLE "userdata"."types" DROP COLUMN "n";`, `ALTER TABLE "userdata"."types" RENAME COLUMN "n__wide" TO "n";`, "COMMIT;",
		},
	},
	{
		table: "shorter", before: "columns: all", after: `columns: all, types: {u: "VARCHAR(300)", n: BIGINT}`, source: "id, v, n, u, j",
		says: []string{`-- public.shorter is loaded again, beside its live copy: column "n" has another type in the warehouse`, `ALTER TABLE "userdata"."shorter" ADD COLUMN "n__wide" BIGINT;`},
	},
	{
		table: "filters", before: "columns: [id, n]", after: `columns: [id, n], where: "id > 10"`, source: "id, n", target: "id, n",
		says: []string{
			`ALTER PUBLICATION "rowshift_accounts" DROP TABLE ONLY "public"."filters";`,
			`ALTER PUBLICATION "rowshift_accounts" ADD TABLE ONLY "public"."filters" ("id", "n") WHERE (id > 10);`,
			`-- public.filters is loaded again, beside its live copy: it was out of the publication, or was published with other columns or rows`,
		},
	},
	{
		table: "more", before: "columns: [id, v]", after: "columns: [id, v, n]", source: "id, v, n",
		says: []string{
			`ALTER PUBLICATION "rowshift_accounts" ADD TABLE ONLY "public"."more" ("id", "v", "n");`,
			`-- public.more is loaded again, beside its live copy: it was out of the publication, or was published with other columns or rows`,
			`ALTER TABLE "userdata"."more" ADD COLUMN "n" INTEGER;`,
		},
	},
	{
		table: "fewer", before: "columns: [id, v, n]", after: "columns: [id, v]", source: "id, v",
		says: []string{
			`ALTER PUBLICATION "rowshift_accounts" ADD TABLE ONLY "public"."fewer" ("id", "v");`,
			`-- public.fewer is loaded again, beside its live copy: it was out of the publication, or was published with other columns or rows`,
			`-- public.fewer has no column for "n" of its target, which is kept, with NULL in rows that are written from now on; to do away with it: ALTER TABLE "userdata"."fewer" DROP COLUMN "n"`,
		},
	},
	{
		table: "wider", before: "columns: all", after: "columns: all", ddl: "ALTER TABLE wider ADD w int, ALTER v TYPE varchar(40)", source: "id, v, n, u, j, w",
		says: []string{`ALTER TABLE "userdata"."wider" ALTER COLUMN "v" TYPE VARCHAR(160);`, `ALTER TABLE "userdata"."wider" ADD COLUMN "w" INTEGER;`},
	},
	{
		table: "lesser", before: "columns: all", after: "columns: all", ddl: "ALTER TABLE lesser DROP n, RENAME v TO label", source: "id, label, u, j",
		says: []string{
			`-- public.lesser has no column for "n" of its target, which is kept, with NULL in rows that are written from now on; to do away with it: ALTER TABLE "userdata"."lesser" DROP COLUMN "n"`,
			`ALTER TABLE "userdata"."lesser" RENAME COLUMN "v" TO "label";`,
		},
	},
	{
		table: "documents", before: "columns: all", after: "columns: all, types: {j: SUPER}", source: "id, v, n, u",
		says: []string{
			`-- public.documents is parked: column "j" of "userdata"."documents" is VARCHAR(65535); repair: ALTER TABLE "userdata"."documents" RENAME COLUMN "j" TO "j_old"; then rowshift resync public.documents: the table is compared with the source and only what differs is written`,
		},
	},
}

// Promises 6 to 8: with ddl: print no target is altered. The daemon halts and prints the
// statements; once they are run by hand, it goes on. plan says beforehand all that a
// start will do: the statements, which tables are loaded again and why, and which are
// parked.
func TestAlterationsArePrinted(t *testing.T) {
	t.Parallel()
	w, d := printedWorld(t)
	execute(t, w, "ALTER TABLE same ADD w int", "UPDATE same SET w = 1")
	d.MustSee(t, `"message":"halted"`)
	const due = `ALTER TABLE "userdata"."same" ADD COLUMN "w" INTEGER;`
	repairedBy(t, w, d, []string{due})
	command(t, w, 0, due, "plan")
	d.Terminate(t)
	asOperator(t, w, due)

	d = w.MustRun(t)
	w.MustBecomeEqual(t, harness.Pair{Name: "same", Source: "SELECT id, w FROM same", Target: "SELECT id, w FROM userdata.same"})
	d.Terminate(t)
	err := w.SetConfig(func(c *harness.Config) {
		c.HashKey, c.Tables = firstKey, nil
		for _, p := range toPrint {
			c.Tables = append(c.Tables, "public."+p.table+": {"+p.after+"}")
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range toPrint {
		if p.ddl != "" {
			for one := range strings.SplitSeq(p.ddl, ", RENAME") {
				if one[0] == ' ' {
					one = "ALTER TABLE " + p.table + " RENAME" + one
				}
				execute(t, w, one)
			}
		}
	}
	statements := planned(t, w)
	d = w.MustRun(t)
	d.MustSee(t, `"message":"halted"`)
	repairedBy(t, w, d, statements)
	d.Terminate(t)
	asOperator(t, w, statements...)
	d = w.MustRun(t)
	printedLive(t, w)
	parkedFor(t, w, "documents", "target_drift")
	mended(t, w)
	if strings.Contains(d.Log(), `"message":"halted"`) || strings.Contains(d.Log(), `"message":"altered targets"`) {
		t.Error("the daemon halted, or altered a target")
	}
	if loaded := loadedBy(d); loaded != "public.documents public.fewer public.filters public.hashes public.hidden public.more public.shorter public.types" {
		t.Errorf("loaded: %s", loaded)
	}
	command(t, w, 0, "nothing is due", "plan")
}

// printedWorld returns a world whose daemon alters no target.
func printedWorld(t *testing.T) (*harness.World, *harness.Daemon) {
	t.Helper()
	s := harness.Setup{
		SQL: []string{hashedBy(firstKey)},
		Config: harness.Config{
			Batch: "{rows: 1000, min_interval: 100ms, max_age: 400ms}", Sink: []string{"ddl: print"}, Source: []string{"catalogue_poll: 200ms"},
		},
	}
	for _, p := range toPrint {
		s.SQL = append(s.SQL, "CREATE TABLE "+p.table+" (id int PRIMARY KEY, v varchar(10), n int, u text, j jsonb)",
			"INSERT INTO "+p.table+" SELECT i, 'v' || i, i, 'u' || i, '{\"a\": 1}' FROM generate_series(1, 40) i", "ALTER TABLE "+p.table+" OWNER TO app_owner")
		s.Config.Tables = append(s.Config.Tables, "public."+p.table+": {"+p.before+"}")
	}
	w := harness.Start(t, s)
	d := w.MustRun(t)
	w.MustBecomeEqual(t, harness.Pair{Name: "same", Source: "SELECT id, v, n, u, j::text FROM same", Target: "SELECT id, v, n, u, j FROM userdata.same"})
	return w, d
}

// planned fails the test unless plan says what it must of each table, and no more. It
// returns the statements that are due in the warehouse.
func planned(t *testing.T, w *harness.World) (statements []string) {
	t.Helper()
	out, errs, code, err := w.Command(t.Context(), "plan")
	if err != nil || code != 0 {
		t.Fatalf("plan: exit code %d, %v, %s", code, err, errs)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	for _, p := range toPrint {
		for _, line := range p.says {
			if !slices.Contains(lines, line) {
				t.Errorf("the plan does not say of %s: %s", p.table, line)
			}
		}
	}
	_, warehouse, _ := strings.Cut(out, "-- warehouse")
	for line := range strings.Lines(warehouse) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "--"), strings.HasPrefix(line, "postgres"):
		case strings.HasSuffix(line, ";"):
			statements = append(statements, line)
		}
	}
	if t.Failed() {
		t.Logf("the plan:\n%s", out)
	}
	return statements
}

// repairedBy fails the test unless the halt names exactly these statements as its repair,
// the tables in any order.
func repairedBy(t *testing.T, w *harness.World, d *harness.Daemon, statements []string) {
	t.Helper()
	command(t, w, 1, "alteration_due", "status")
	for _, e := range d.Entries() {
		if e["message"] != "halted" {
			continue
		}
		repair, _ := e["repair"].(string)
		got := strings.SplitAfter(repair, "; ")
		for i := range got {
			got[i] = strings.TrimSpace(got[i])
		}
		want := slices.Sorted(slices.Values(statements))
		if slices.Sort(got); e["reason"] != "alteration_due" || !slices.Equal(got, want) {
			t.Errorf("halted with %q, want %q", got, want)
		}
	}
}

// asOperator runs statements on the warehouse in one session, each in a transaction of
// its own.
func asOperator(t *testing.T, w *harness.World, statements ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := pgconn.Connect(ctx, w.WarehouseDSN("loader", harness.LoaderPassword))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, s := range statements {
		if _, err := conn.Exec(ctx, s).ReadAll(); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// printedLive waits until all tables except the parked one are equal.
func printedLive(t *testing.T, w *harness.World) {
	t.Helper()
	var pairs []harness.Pair
	for _, p := range toPrint {
		if p.table == "documents" {
			continue
		}
		execute(t, w, "INSERT INTO "+p.table+" (id, u) VALUES (99, 'after')")
		where := ""
		if p.table == "filters" {
			where = " WHERE id > 10"
		}
		target := p.target
		if target == "" {
			target = p.source
		}
		pairs = append(pairs, harness.Pair{Name: p.table, Source: "SELECT " + p.source + " FROM " + p.table + where, Target: "SELECT " + target + " FROM userdata." + p.table})
	}
	w.MustBecomeEqual(t, pairs...)
}

// mended runs the parked table's repair, and waits until the table is as its choice says.
func mended(t *testing.T, w *harness.World) {
	t.Helper()
	asOperator(t, w, `ALTER TABLE "userdata"."documents" RENAME COLUMN "j" TO "j_old"`, `ALTER TABLE "userdata"."documents" ADD COLUMN "j" SUPER`)
	command(t, w, 0, "", "resync", "public.documents")
	execute(t, w, "UPDATE same SET n = n + 1") // the next merge sees it
	w.MustBecomeEqual(t, harness.Pair{Name: "documents", Source: `SELECT id, v, n, u, '{"a":1}' FROM documents`, Target: "SELECT id, v, n, u, JSON_SERIALIZE(j) FROM userdata.documents"})
}
