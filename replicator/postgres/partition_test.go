package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rowshift/replicator"
	"rowshift/schema"
)

// tree is a partitioned table with partitions of several kinds: one with its columns in
// another order, one that is partitioned again, and one in another schema.
const tree = `
	CREATE TABLE a (id int, k int, v text, PRIMARY KEY (k, id)) PARTITION BY LIST (k);
	CREATE TABLE a1 PARTITION OF a FOR VALUES IN (1);
	CREATE TABLE a2 (v text, gone int, k int NOT NULL, id int NOT NULL, PRIMARY KEY (k, id));
	ALTER TABLE a2 DROP COLUMN gone;
	ALTER TABLE a ATTACH PARTITION a2 FOR VALUES IN (2);
	CREATE TABLE a3 PARTITION OF a FOR VALUES IN (3) PARTITION BY RANGE (id);
	CREATE TABLE a31 PARTITION OF a3 FOR VALUES FROM (0) TO (100);
	CREATE SCHEMA other;
	CREATE TABLE other.a4 PARTITION OF a FOR VALUES IN (4);
	ALTER TABLE a1 ALTER v SET STORAGE EXTERNAL`

// TestPartitionedStream shows that changes of partitions come as the root's, with its
// columns and key; that a row which moves to another partition comes as a delete and an
// insert; and that what is done to the partitions themselves is not in the stream.
func TestPartitionedStream(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, tree)
	w.choose(every("a")...)
	w.create()
	f := w.follow(w.confirmed())
	long := strings.Repeat("x", 3000)
	for _, s := range []string{
		"INSERT INTO a SELECT 1, k, 'v' FROM generate_series(1, 4) k",
		"UPDATE a SET v = 'w' WHERE k = 2",
		"UPDATE a SET id = 2 WHERE k = 3",
		"DELETE FROM a WHERE k = 4",
		"INSERT INTO a2 (id, k, v) VALUES (5, 2, NULL)",
		"UPDATE a SET v = '" + long + "' WHERE k = 1",
		"UPDATE a SET id = 9 WHERE k = 1",
		"UPDATE a SET k = 4 WHERE k = 1",
		"TRUNCATE a2",
		"TRUNCATE a",
	} {
		w.exec(other, s)
	}
	want := []string{
		"insert a new(1|1|v)", "insert a new(1|2|v)", "insert a new(1|3|v)", "insert a new(1|4|v)",
		"update a new(1|2|w)", "update a key(3|1) new(2|3|v)", "delete a key(4|1)", "insert a new(5|2|<null>)",
		"update a new(1|1|" + long + ")", "update a key(1|1) new(9|1|<unchanged>)",
		"delete a key(1|9)", "insert a new(9|4|" + long + ")", "truncate a",
	}
	if d := cmp.Diff(want, f.read(w.marked())); d != "" {
		t.Error(d)
	}
}

// TestPartitionedSnapshot shows that a partitioned table is read by its partitions or, if
// the role may not read those, by its root, and that its locks keep partitions from being
// truncated and taken away.
func TestPartitionedSnapshot(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, tree)
	w.exec(other, "INSERT INTO a SELECT i, k, 'v' FROM generate_series(1, 50) i, generate_series(1, 4) k")
	w.exec(other, "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c () INHERITS (p); INSERT INTO p VALUES (1); INSERT INTO c VALUES (2)")
	role := fmt.Sprintf("reader_%d", time.Now().UnixNano())
	w.exec(other, "CREATE ROLE "+role+" LOGIN PASSWORD 'x'; GRANT SELECT ON a TO "+role)
	want := w.rows(other, "SELECT id || '|' || k || '|' || v FROM a")
	slices.Sort(want)
	owner := w.program
	for _, as := range []struct {
		role  string
		parts int
	}{{"", 4}, {role, 0}} {
		w.program = owner.Copy()
		if as.role != "" {
			w.program.User, w.program.Password = as.role, "x"
		}
		w.options.Choices = nil
		s := w.take(w.table("a"))
		of := map[schema.Name]bool{}
		for _, r := range s.Taken().Ranges {
			of[r.Part] = true
		}
		delete(of, schema.Name{})
		if len(of) != as.parts {
			t.Errorf("as %q %d partitions are read by themselves: %v", as.role, len(of), s.Taken().Ranges)
		}
		for _, statement := range []string{"TRUNCATE a31", "ALTER TABLE a DETACH PARTITION a2", "DROP TABLE other.a4"} {
			_, err := other.Exec(t.Context(), "SET lock_timeout = '50ms'; "+statement)
			if codeOf(err) != lockNotAvailable {
				t.Errorf("%s: %v", statement, err)
			}
		}
		w.exec(other, "SET lock_timeout = 0")
		got, err := copied(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(got["a"])
		if d := cmp.Diff(want, got["a"]); d != "" {
			t.Errorf("as %q: %s", as.role, d)
		}
		s.Close()
	}
	w.program = owner
	w.exec(other, "DROP OWNED BY "+role+"; DROP ROLE "+role)
	w.options.Choices = nil
	if got, err := copied(t.Context(), w.take(w.table("p"))); err != nil || len(got["p"]) != 1 {
		t.Errorf("of a table that others inherit from %v are read, %v", got["p"], err)
	}
}

// TestPartsAreKnown shows which partitions are known to have been empty when they became
// partitions, and that the watch reports whatever came or went.
func TestPartsAreKnown(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, "CREATE TABLE a (id int, k int, v text, PRIMARY KEY (k, id)) PARTITION BY LIST (k)")
	w.choose(every("a")...)
	w.create()
	columns := "(id int NOT NULL, k int NOT NULL, v text)"
	for _, c := range []struct {
		statement string
		unseen    string // what is not in the log; empty: nothing
	}{
		{"CREATE TABLE a1 PARTITION OF a FOR VALUES IN (1)", ""},
		{"BEGIN; CREATE TABLE a2 PARTITION OF a FOR VALUES IN (2); INSERT INTO a VALUES (1, 2); CREATE INDEX ON a2 (v); COMMIT", ""},
		{"CREATE TABLE a3 PARTITION OF a FOR VALUES IN (3) PARTITION BY RANGE (id)", ""},
		{"DO $$BEGIN EXECUTE 'CREATE TABLE a31 PARTITION OF a3 FOR VALUES FROM (0) TO (10)'; INSERT INTO a VALUES (1, 3); END$$", ""},
		{"BEGIN; CREATE TABLE a4 " + columns + "; INSERT INTO a4 VALUES (1, 4); ALTER TABLE a ATTACH PARTITION a4 FOR VALUES IN (4); COMMIT", "a4 was attached"},
		{"BEGIN; CREATE TABLE a5 AS SELECT 1 AS id, 5 AS k, 'v'::text AS v; ALTER TABLE a5 ALTER id SET NOT NULL, ALTER k SET NOT NULL; ALTER TABLE a ATTACH PARTITION a5 FOR VALUES IN (5); COMMIT", "a5 was attached"},
		{"CREATE TABLE a6 (LIKE a INCLUDING ALL); INSERT INTO a6 VALUES (1, 6); ALTER TABLE a ATTACH PARTITION a6 FOR VALUES IN (6)", "a6 was attached"},
		{"CREATE TABLE a7 " + columns + " PARTITION BY LIST (id); CREATE TABLE a71 PARTITION OF a7 DEFAULT; INSERT INTO a7 VALUES (1, 7); ALTER TABLE a ATTACH PARTITION a7 FOR VALUES IN (7)", "attached"},
		{"TRUNCATE a2", "a2 was truncated"},
		{"CREATE TABLE a8 PARTITION OF a FOR VALUES IN (8); COMMIT; INSERT INTO a VALUES (1, 8); TRUNCATE a8", "a8 was attached"},
		{"BEGIN; ALTER TABLE a DETACH PARTITION a5; UPDATE a5 SET v = 'w'; ALTER TABLE a ATTACH PARTITION a5 FOR VALUES IN (5); COMMIT", "a5 was detached, and attached again"},
		{"BEGIN; ALTER TABLE a DETACH PARTITION a3; UPDATE a31 SET v = 'w'; ALTER TABLE a ATTACH PARTITION a3 FOR VALUES IN (3); COMMIT", "a3 was detached, and attached again"},
		{"ALTER TABLE a DETACH PARTITION a4", "detached"},
		{"DROP TABLE a3", "dropped"},
	} {
		f := w.watched(w.confirmed())
		was := f.opened.Tables[0].Table
		w.exec(other, c.statement)
		err := f.until(func(replicator.Change) bool { return false })
		if err := alteredWith(err, 0, "partitions of public.a came, went or were emptied"); err != nil {
			t.Fatalf("%s: %v", c.statement, err)
		}
		f.Close()
		again := w.follow(w.confirmed())
		is := again.opened.Tables[0].Table
		unseen := schema.Unseen(was.Parts, is.Parts, was.Run == is.Run)
		if (unseen == "") != (c.unseen == "") || !strings.Contains(unseen, c.unseen) {
			t.Errorf("%s: %q, want %q", c.statement, unseen, c.unseen)
		}
		again.Close()
	}
}

// TestFrozenPlaceOfAPartition shows that VACUUM does not make a partition look as if it was
// attached again.
func TestFrozenPlaceOfAPartition(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, tree)
	was := w.table("a").Parts
	w.exec(other, `VACUUM FREEZE pg_inherits`)
	w.exec(other, `VACUUM FULL pg_inherits`)
	w.options.Choices = nil
	is := w.table("a").Parts
	for i, p := range is {
		if p.XMin == 0 || p.XMin != was[i].XMin {
			t.Errorf("%v was attached by %d, and now by %d", p.Name, was[i].XMin, p.XMin)
		}
	}
	if unseen := schema.Unseen(was, is, true); unseen != "" {
		t.Error(unseen)
	}
}

// TestColumnOfPartitions shows that a column which is added to a partitioned table is NULL
// in earlier rows only if none of its partitions has a value for them, whatever the root
// says.
func TestColumnOfPartitions(t *testing.T) {
	for _, c := range []struct{ alter, uncertain string }{
		{`ALTER TABLE a ADD plan text`, ""},
		{`ALTER TABLE a ADD plan text; ALTER TABLE a ALTER plan SET DEFAULT 'free'`, ""},
		{`ALTER TABLE a ADD plan text; CREATE TABLE a5 PARTITION OF a FOR VALUES IN (5)`, ""},
		{`ALTER TABLE a ADD plan text NOT NULL DEFAULT 'free'`, "with a default"},
		{`ALTER TABLE a ADD plan text DEFAULT 'free'; ALTER TABLE a ALTER plan DROP DEFAULT`, "with a default"},
		{`ALTER TABLE a ADD plan timestamptz DEFAULT now()`, "with a default"},
		{`CREATE DOMAIN plan AS text DEFAULT 'free'; ALTER TABLE a ADD plan plan`, "with a default"},
		{`ALTER TABLE a ADD plan text DEFAULT 'free'; ALTER TABLE a RENAME plan TO p`, "with a default"},
		{`ALTER TABLE a ADD plan float DEFAULT random()`, "written anew"},
	} {
		w := newWorld(t)
		other := w.dial()
		w.exec(other, tree+`; INSERT INTO a VALUES (1, 2, 'v'), (1, 3, 'v')`)
		was := w.table("a")
		w.exec(other, c.alter)
		w.options.Choices = nil
		is := w.table("a")
		d := schema.Compare(was.Shape(), was.Heap, is)
		why := d.Uncertain + schema.Unseen(was.Parts, is.Parts, was.Run == is.Run)
		if len(d.Added) != 1 || (why == "") != (c.uncertain == "") || !strings.Contains(why, c.uncertain) {
			t.Errorf("%s: added %v, %q, want %q", c.alter, d.Added, why, c.uncertain)
		}
	}
}

// TestRootBesideItsPartition shows that no row is replicated twice.
func TestRootBesideItsPartition(t *testing.T) {
	w := newWorld(t)
	w.exec(w.dial(), tree)
	w.choose(every("a", "a3")...)
	_, err := w.Tables(t.Context())
	if err := refusedWith(err, replicator.TableUnfit, "public.a3: is below public.a"); err != nil {
		t.Error(err)
	}
}

// TestRenamedBelowARoot shows that a table which was renamed and then attached to a chosen
// root is taken out, under the name that the config has for it.
func TestRenamedBelowARoot(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, tree+`; CREATE TABLE b (id int, k int, v text, PRIMARY KEY (k, id))`)
	w.choose(every("a", "b")...)
	w.create()
	first := w.follow(w.confirmed())
	first.Close()
	known := w.knows()
	var b uint32
	for _, p := range first.opened.Tables {
		known.Tables = append(known.Tables, replicator.TableState{OID: p.Table.OID, Name: p.Table.Configured, Target: p.Table.Target})
		if p.Table.Configured.Table == "b" {
			b = p.Table.OID
		}
	}
	w.exec(other, `ALTER TABLE b RENAME TO c; ALTER TABLE a ATTACH PARTITION c FOR VALUES IN (5)`)
	f := w.open(replicator.OpenRequest{After: w.confirmed(), Known: func(context.Context) (replicator.Known, error) { return known, nil }})
	if o := f.opened; len(o.Tables) != 1 || o.Tables[0].Table.Name.Table != "a" || len(o.Unfit) != 1 || o.Unfit[0].OID != b || o.Unfit[0].Name.Table != "b" {
		t.Fatalf("opened with %v, unfit %v", o.Tables, o.Unfit)
	}
	if err := refusedWith(f.opened.Unfit[0].Why, replicator.TableUnfit, "public.b: is below public.a", "take tables.public.b out"); err != nil {
		t.Error(err)
	}
}

// TestTruncatedBesideAnother shows that a table which was published at the time, and is
// described after a root, is not taken for a partition of that root unless a row of the
// root follows.
func TestTruncatedBesideAnother(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, tree+`; CREATE TABLE b (id int PRIMARY KEY); INSERT INTO a VALUES (1, 1, 'v')`)
	w.choose(every("a", "b")...)
	w.create()
	start := w.confirmed()
	w.exec(other, "TRUNCATE a, b")
	w.exec(other, "BEGIN; TRUNCATE a; INSERT INTO b VALUES (1); INSERT INTO a VALUES (1, 1, 'v'); COMMIT")
	w.options.Choices = every("a")
	for range 2 {
		f := w.follow(start)
		if d := cmp.Diff([]string{"truncate a", "truncate a", "insert a new(1|1|v)"}, f.read(w.marked())); d != "" || f.opened.Tables[0].Missed {
			t.Errorf("missed %v, %s", f.opened.Tables[0].Missed, d)
		}
		f.Close()
	}
}

// TestPartitionThatIsGone shows that rows of a partition which came and went while nobody
// looked are reported once, and can then be read past.
func TestPartitionThatIsGone(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, tree)
	w.choose(every("a")...)
	w.create()
	start := w.confirmed()
	w.exec(other, "INSERT INTO a VALUES (1, 1, 'v')")
	w.exec(other, "CREATE TABLE a9 PARTITION OF a FOR VALUES IN (9)")
	w.exec(other, "INSERT INTO a VALUES (1, 9, 'v')")
	w.exec(other, "DROP TABLE a9")
	to := w.marked()
	for i, pass := range []struct{ missed, unfit bool }{{false, true}, {true, false}, {false, false}} {
		f := w.follow(start)
		if missed := f.opened.Tables[0].Missed; missed != pass.missed {
			t.Errorf("opening %d: missed %v", i, missed)
		}
		unfit := false
		err := f.until(func(c replicator.Change) bool {
			unfit = unfit || errors.Is(c.Misread, errPartitions)
			return c.LSN >= to
		})
		if err != nil || unfit != pass.unfit || !slices.Contains(f.lines, "insert a new(1|1|v)") {
			t.Errorf("opening %d: unfit %v, %v: %q", i, unfit, err, f.lines)
		}
		f.Close()
	}
}
