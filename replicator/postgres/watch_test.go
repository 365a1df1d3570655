package postgres

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"rowshift/replicator"
)

// asked counts the queries on a connection.
type asked struct{ queries int }

func (a *asked) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	a.queries++
	return ctx
}

func (a *asked) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TestTheCatalogueIsReadOnceItWasAltered shows that a look is one query as long as nothing
// has been altered since the stream was opened, whatever else is done to the tables, and
// that whatever alters a table is noticed.
func TestTheCatalogueIsReadOnceItWasAltered(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `CREATE SCHEMA s; CREATE DOMAIN d AS int; CREATE TYPE e AS ENUM ('x');
		CREATE TABLE a (id int PRIMARY KEY, v text, n d, e e); CREATE TABLE b (id int PRIMARY KEY, k int NOT NULL); CREATE UNIQUE INDEX i ON b (k);
		CREATE TABLE r (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE r1 PARTITION OF r FOR VALUES FROM (1) TO (9); CREATE TABLE other (x int)`)
	w.choose(every("a", "b", "r")...)
	w.create()
	s, err := serverOf(t.Context(), w.ours())
	if err != nil {
		t.Fatal(err)
	}
	traced := w.config.Copy()
	counted := &asked{}
	traced.Tracer = counted
	conn := w.dialAs(traced)
	watcher := &watcher{Origin: w.Origin, server: s}
	look := func() (found string, questions int) {
		t.Helper()
		before := counted.queries
		if err := watcher.look(t.Context(), conn); err != nil {
			t.Fatal(err)
		}
		if a := watcher.altered.Swap(nil); a != nil {
			found = a.Found
		}
		return found, counted.queries - before
	}
	for _, altered := range []string{"", `ALTER TABLE a ADD early int`} {
		opening := &opening{Origin: w.Origin, conn: conn, server: s, matcher: &matcher{tables: map[uint32]chosen{}}}
		if err := opening.look(t.Context()); err != nil {
			t.Fatal(err)
		}
		watcher.opened, watcher.print = opening.sight, opening.sight.print
		w.exec(other, "SELECT 1; "+altered)
		if found, n := look(); (n > 1 || found != "") != (altered != "") {
			t.Errorf("opened, and then %q: %d questions, and found %q", altered, n, found)
		}
	}
	for _, c := range []struct {
		statements string
		read       bool // more than the one query is sent
		altered    bool
	}{
		{`SELECT 1`, false, false},
		{`INSERT INTO a VALUES (1), (2); UPDATE a SET v = 'x'; DELETE FROM b`, false, false},
		{`ANALYZE`, false, false},
		{`VACUUM a`, false, false},
		{`CREATE TABLE more (id int PRIMARY KEY)`, true, false},
		{`TRUNCATE other`, true, false}, // it has another file
		{`CREATE TABLE r2 PARTITION OF r FOR VALUES FROM (10) TO (20)`, true, true},
		{`TRUNCATE r2`, true, true},
		{`ALTER TABLE a ADD w int`, true, true},
		{`ALTER TABLE a ALTER w TYPE bigint`, true, true},
		{`ALTER TABLE a RENAME w TO u`, true, true},
		{`ALTER TABLE a DROP u`, true, true},
		{`ALTER TYPE e ADD VALUE 'y'`, true, false},
		{`ALTER TYPE e RENAME VALUE 'x' TO 'z'`, true, true},
		{`ALTER TABLE b DROP CONSTRAINT b_pkey`, true, true},
		{`ALTER TABLE b REPLICA IDENTITY NOTHING`, true, true}, // it is parked for another reason
		{`ALTER TABLE b REPLICA IDENTITY USING INDEX i`, true, true},
		{`ALTER TABLE a RENAME TO aa; ALTER TABLE aa RENAME TO a`, true, false},
		{`ALTER TABLE a SET SCHEMA s`, true, true},
		{`ALTER TABLE s.a SET SCHEMA public`, true, true},
		{`ALTER SCHEMA public RENAME TO private`, true, true},
		{`ALTER SCHEMA private RENAME TO public`, true, true},
		{`ALTER PUBLICATION rowshift SET (publish = 'insert')`, true, true},
		{`ALTER PUBLICATION rowshift ADD TABLE other`, true, true},
		{`DROP TABLE a`, true, true},
		{`DROP PUBLICATION rowshift`, true, true},
	} {
		if watcher.opened, err = w.see(t.Context(), conn, s); err != nil {
			t.Fatal(err)
		}
		look() // what the stream was opened with may be out of date already
		w.exec(other, c.statements)
		found, n := look()
		if n > 1 != c.read || (found != "") != c.altered {
			t.Errorf("%s: %d questions, and found %q", c.statements, n, found)
		}
	}
}

// TestLooksThatFail shows that it is reported if the catalogue cannot be looked at, and
// that the stream goes on meanwhile.
func TestLooksThatFail(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY)`)
	w.choose(every("a")...)
	w.create()
	f := w.watched(w.confirmed())
	admin := w.dialAs(must(pgx.ParseConfig(shared.Server(t).DSN("postgres"))))
	w.exec(admin, "ALTER DATABASE "+w.config.Database+" ALLOW_CONNECTIONS false")
	w.exec(other, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rowshift' AND datname = current_database() AND backend_type = 'client backend'`)
	w.heard("a look at the catalogue, which fails", "not currently accepting connections")
	w.exec(admin, "ALTER DATABASE "+w.config.Database+" ALLOW_CONNECTIONS true")
	w.exec(other, `INSERT INTO a VALUES (1)`)
	if d := cmp.Diff([]string{"insert a new(1)"}, f.read(w.marked())); d != "" {
		t.Error(d)
	}
}

// TestLooksEndNoTransaction shows that if something is found to be altered, a stream ends
// after the transaction that is being received, and not inside it.
func TestLooksEndNoTransaction(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY)`)
	w.choose(every("a")...)
	w.create()
	f := w.watched(w.confirmed())
	f.read(w.marked())
	w.exec(other, `INSERT INTO a VALUES (1), (2)`)
	var ops []replicator.Op
	err := f.until(func(c replicator.Change) bool {
		if c.Op == replicator.Begin {
			f.Source.(*stream).watcher.altered.Store(&replicator.Altered{Found: "it was"})
		}
		if c.Op != replicator.Mark {
			ops = append(ops, c.Op)
		}
		return false
	})
	if err := alteredWith(err, 0, "it was"); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff([]replicator.Op{replicator.Begin, replicator.Insert, replicator.Insert, replicator.Commit}, ops); d != "" {
		t.Error(d)
	}
}
