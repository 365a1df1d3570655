package postgres

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rowshift/replicator"
	"rowshift/schema"
	"rowshift/test/pgtest"
)

// TestAlign shows how a publication is brought in line with the config, and which tables
// get another row in it, so that they are loaded again.
func TestAlign(t *testing.T) {
	columns := func(names ...string) []schema.Choice {
		return []schema.Choice{{Name: schema.Name{Schema: "public", Table: "a"}, Columns: names}}
	}
	tests := []struct {
		name   string
		before []schema.Choice
		alter  string
		after  []schema.Choice
		says   []string
		kept   bool // a keeps its row
	}{
		{"nothing", columns("id", "v"), ``, columns("v", "id"), nil, true},
		{"a table more", columns("id", "v"), ``, append(columns("id", "v"), every("b")...), []string{`ADD TABLE ONLY "public"."b"`}, true},
		{"a table less", append(columns("id", "v"), every("b")...), ``, columns("id", "v"), []string{`DROP TABLE ONLY "public"."b"`}, true},
		{"a column more", columns("id", "v"), ``, columns("id", "v", "w"), []string{`DROP TABLE ONLY "public"."a"; ALTER`, `ADD TABLE ONLY "public"."a" ("id", "v", "w")`}, false},
		{"all columns", columns("id", "v"), ``, every("a"), []string{`ADD TABLE ONLY "public"."a"`}, false},
		{"no inserts", columns("id", "v"), `ALTER PUBLICATION rowshift SET (publish = 'update, delete')`, columns("id", "v"), []string{`SET (publish = 'insert, update, delete, truncate'`}, true},
		{"a filter", columns("id", "v"), `ALTER PUBLICATION rowshift SET TABLE a (id, v) WHERE (id > 5)`, columns("id", "v"), []string{`DROP TABLE ONLY`}, false},
		{"out for a while", columns("id", "v"), `ALTER PUBLICATION rowshift DROP TABLE a; ALTER PUBLICATION rowshift ADD TABLE a (id, v)`, columns("id", "v"), nil, false},
		{"a root more", columns("id", "v"), `ALTER PUBLICATION rowshift SET (publish_via_partition_root = false)`, append(columns("id", "v"), every("r")...),
			[]string{`publish_via_partition_root = true`, `ADD TABLE ONLY "public"."r"`}, true},
		{"frozen", columns("id", "v"), `VACUUM (FREEZE) pg_catalog.pg_publication_rel; VACUUM (FULL, FREEZE) pg_catalog.pg_publication`, columns("id", "v"), nil, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			if w.major() < schema.ColumnListMajor {
				t.Skip("publications have no column lists before 15")
			}
			other := w.dial()
			w.exec(other, `CREATE TABLE a (id int PRIMARY KEY, v text, w int); CREATE TABLE b (id int PRIMARY KEY); CREATE TABLE r (id int PRIMARY KEY) PARTITION BY RANGE (id)`)
			w.options.Choices = test.before
			w.create()
			first := w.follow(w.confirmed())
			first.Close()
			for _, statement := range strings.Split(test.alter, "; ") {
				w.exec(other, statement)
			}
			w.options.Choices = test.after
			second := w.follow(w.confirmed())
			if kept := first.opened.Tables[0].Row == second.opened.Tables[0].Row; kept != test.kept {
				t.Errorf("the row of a went from %v to %v", first.opened.Tables[0].Row, second.opened.Tables[0].Row)
			}
			if len(test.says) > 0 {
				w.heard(test.says...)
			}
			want, got := len(test.after), w.rows(other, `SELECT tablename::text FROM pg_publication_tables WHERE pubname = 'rowshift'`)
			if statements, _, err := w.Plan(t.Context()); err != nil || len(statements) > 0 || len(got) != want {
				t.Errorf("published %v; left to do: %q, %v", got, statements, err)
			}
		})
	}
}

// TestAlignRefuses shows which publications are left alone, because they are not known to
// be ours.
func TestAlignRefuses(t *testing.T) {
	tests := []struct {
		name, make string
		create     bool
		words      []string
	}{
		{"all tables", `CREATE PUBLICATION rowshift FOR ALL TABLES`, true, []string{"all tables", "source.publication", "DROP PUBLICATION"}},
		{"a schema", `CREATE PUBLICATION rowshift FOR TABLES IN SCHEMA public`, true, []string{"of a schema"}},
		{"other tables", `CREATE PUBLICATION rowshift FOR TABLE a, b`, true, []string{"public.b", `DROP TABLE ONLY "public"."b"`}},
		{"a DBA's without deletes", `CREATE PUBLICATION rowshift FOR TABLE a WITH (publish = 'insert, update')`, false, []string{"SET (publish", "source.create is false"}},
		{"a DBA's without the table", `CREATE PUBLICATION rowshift`, false, []string{`ADD TABLE ONLY "public"."a"`}},
		{"a DBA's with a list", `CREATE PUBLICATION rowshift FOR TABLE a (id)`, false, []string{`BEGIN; ALTER PUBLICATION "rowshift" DROP TABLE ONLY "public"."a"; ALTER PUBLICATION "rowshift" ADD TABLE ONLY "public"."a"; COMMIT`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			if w.major() < schema.ColumnListMajor {
				t.Skip("publications have neither column lists nor schemas before 15")
			}
			other := w.dial()
			w.exec(other, `CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE b (id int PRIMARY KEY)`)
			w.exec(other, test.make)
			before := w.rows(other, `SELECT p::text || coalesce(r::text, '') FROM pg_publication p LEFT JOIN pg_publication_rel r ON prpubid = p.oid`)
			w.choose(every("a")...)
			w.named(test.create)
			_, err := w.Create(t.Context(), replicator.CreateRequest{})
			if err := refusedWith(err, replicator.PublicationDiffers, test.words...); err != nil {
				t.Error(err)
			}
			if d := cmp.Diff(before, w.rows(other, `SELECT p::text || coalesce(r::text, '') FROM pg_publication p LEFT JOIN pg_publication_rel r ON prpubid = p.oid`)); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestAlignWaits shows that aligning waits for a lock of somebody else without holding any
// lock, that nobody waits for us meanwhile, and that the server does not give up the
// stream, which is open already.
func TestAlignWaits(t *testing.T) {
	t.Parallel()
	w := on(newWorld(t), pgtest.Start(t, pgtest.Options{Settings: map[string]string{"wal_sender_timeout": "5s"}}))
	w.options.LoadYield = time.Hour
	other, third := w.dial(), w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)`)
	w.choose(every("a")...)
	w.create()
	w.choose(every("b")...)
	w.exec(other, `BEGIN; LOCK TABLE b IN SHARE UPDATE EXCLUSIVE MODE`)
	opened := make(chan *followed, 1)
	go func() {
		source, o, err := w.Open(t.Context(), replicator.OpenRequest{After: 1})
		if err != nil {
			t.Error(err)
		}
		opened <- &followed{Source: source, w: w, opened: o}
	}()
	w.heard("a lock to alter publication")
	w.exec(third, `SET statement_timeout = '10s'; LOCK TABLE a IN ACCESS EXCLUSIVE MODE NOWAIT`)
	w.exec(third, `INSERT INTO b VALUES (1)`)
	w.until(third, `EXISTS (SELECT FROM pg_stat_replication WHERE clock_timestamp() - backend_start > interval '8 seconds')`)
	w.exec(other, `ROLLBACK`)
	f := <-opened
	if t.Failed() {
		return
	}
	w.exec(other, `INSERT INTO b VALUES (2)`)
	if d := cmp.Diff([]string{"insert b new(2)"}, f.read(w.marked())); d != "" {
		t.Error(d)
	}
	f.Close()
}

// TestAlignGoesOn shows that if a VACUUM or the like holds the lock of a table that is to
// be added, published differently or taken out, only that table waits. It is parked, with
// the reason, and follows once the lock is free.
func TestAlignGoesOn(t *testing.T) {
	w := newWorld(t)
	other, third := w.dial(), w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY); CREATE TABLE gone (id int PRIMARY KEY)`)
	w.choose(every("a", "gone")...)
	w.create()
	w.options.LoadYield = time.Millisecond
	w.options.Choices = every("a", "b", "c")
	w.exec(other, `BEGIN; LOCK TABLE b, gone IN SHARE UPDATE EXCLUSIVE MODE`)
	f := w.watched(w.confirmed())
	if o := f.opened; len(o.Tables) != 2 || len(o.Unfit) != 1 || o.Unfit[0].Name.Table != "b" {
		t.Fatalf("opened with %v, unfit %v", o.Tables, o.Unfit)
	}
	if err := refusedWith(f.opened.Unfit[0].Why, replicator.PublicationDiffers, "VACUUM", "the other tables go on", "pg_locks"); err != nil {
		t.Error(err)
	}
	for range 3 { // looks meanwhile find nothing else
		w.exec(third, `CREATE TABLE more (id int); INSERT INTO a VALUES (1); DELETE FROM a; INSERT INTO gone VALUES (1); DELETE FROM gone; INSERT INTO c VALUES (1); DELETE FROM c; DROP TABLE more`)
		if d := cmp.Diff([]string{"insert a new(1)", "delete a key(1)", "insert c new(1)", "delete c key(1)"}, f.read(w.marked())); d != "" {
			t.Error(d)
		}
	}
	w.exec(other, `ROLLBACK`)
	err := f.until(func(replicator.Change) bool { return false })
	if err := alteredWith(err, 0, "the lock is free"); err != nil {
		t.Fatal(err)
	}
	f.Close()
	f = w.watched(w.confirmed())
	defer f.Close()
	if o := f.opened; len(o.Tables) != 3 || len(o.Unfit) != 0 {
		t.Errorf("opened with %v, unfit %v", o.Tables, o.Unfit)
	}
	if got := w.rows(third, `SELECT tablename::text FROM pg_publication_tables WHERE pubname = 'rowshift'`); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("published are %v", got)
	}
}

// TestNamesAreQuoted shows that names which need quotes cross as they are.
func TestNamesAreQuoted(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `CREATE SCHEMA "Odd "" ' schema"`)
	w.exec(other, `CREATE TABLE "Odd "" ' schema"."a.b; --" ("Id ""x""" int PRIMARY KEY, "select" text, "ü" int)`)
	w.choose(schema.Choice{Name: schema.Name{Schema: `Odd " ' schema`, Table: `a.b; --`}, Columns: []string{`Id "x"`, "select"}, UnlistedOnWire: true, Target: "t"})
	w.named(true)
	w.options.Publication = `Pub, "lication" 'of' us`
	created, err := w.Create(t.Context(), replicator.CreateRequest{})
	if err != nil {
		t.Fatal(err)
	}
	f := w.follow(created.Start)
	w.exec(other, `INSERT INTO "Odd "" ' schema"."a.b; --" VALUES (1, 'x', 2)`)
	if d := cmp.Diff([]string{"insert a.b; -- new(1|x)"}, f.read(w.marked())); d != "" {
		t.Error(d)
	}
	f.Close()
	w.options.Publication = fmt.Sprintf("%s and others", w.options.Publication)
	if statements, _, err := w.Plan(t.Context()); err != nil || len(statements) != 1 || !strings.Contains(statements[0], `"Pub, ""lication"" 'of' us and others"`) {
		t.Errorf("%q, %v", statements, err)
	}
}
