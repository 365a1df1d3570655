package redshifttest_test

import (
	"fmt"
	"strings"
	"testing"

	"rowshift/test/redshifttest"

	"github.com/jackc/pgx/v5"
)

// seekWorld is a cluster with a large table, and a session with a temporary table of one
// row.
type seekWorld struct {
	*cluster
	conn  *pgx.Conn
	below *pgx.Conn // a session on the backing server
}

func newSeekWorld(t *testing.T, o redshifttest.Options) *seekWorld {
	t.Helper()
	w := &seekWorld{cluster: newCluster(t, o)}
	w.conn = w.dial()
	exec(t, w.conn, "CREATE TABLE large (id INT, n INT, body VARCHAR(600)) DISTKEY (id)", "CREATE TABLE medium (LIKE large)", "CREATE TABLE tiny (LIKE large)",
		"CREATE TEMP TABLE few (id INT)", "INSERT INTO few VALUES (7)", "CREATE TEMP TABLE nothing (id INT)")
	var err error
	if w.below, err = pgx.Connect(t.Context(), backing.Server(t).DSN(w.database)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.below.Close(t.Context()) })
	for table, rows := range map[string]int{"large": 16000, "medium": 1600, "tiny": 100} {
		if _, err := w.below.Exec(t.Context(), fmt.Sprintf("INSERT INTO public.%s SELECT n, n, repeat('x', 600) FROM generate_series(1, %d) n", table, rows)); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// indexed returns the columns of a table that have an index.
func (w *seekWorld) indexed(table string) string {
	w.t.Helper()
	return one[string](w.t, w.below, `SELECT coalesce(string_agg(a.attname, ' ' ORDER BY a.attnum), '') FROM pg_index i
		JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0] WHERE i.indrelid = 'public.`+table+`'::regclass`)
}

const seekFew = "DELETE FROM large USING few WHERE large.id = few.id"

// A large table whose rows are sought for those of another gets an index, within the
// transaction that seeks them and invisibly to clients.
func TestRowsOfALargeTableAreFound(t *testing.T) {
	w := newSeekWorld(t, redshifttest.Options{})
	locks := func() string {
		return one[string](t, w.dial(), "SELECT LISTAGG(relation || ' ' || lock_mode, ', ') WITHIN GROUP (ORDER BY relation, lock_mode) FROM svv_transactions") +
			one[string](t, w.dial(), "SELECT ': ' || LISTAGG(table_id, ', ') WITHIN GROUP (ORDER BY table_id) FROM stv_locks")
	}
	exec(t, w.conn, "BEGIN", "DELETE FROM large USING few WHERE large.n = few.id") // by another column, so no index is made
	before := locks()
	if ours := one[int](t, w.dial(), "SELECT COUNT(*) FROM svv_transactions WHERE relation > 16383 AND relation NOT IN (SELECT oid FROM pg_class)"); ours != 1 { // the session's temporary table
		t.Errorf("%d locks are seen of relations that nobody knows", ours)
	}
	exec(t, w.conn, "ROLLBACK", "BEGIN", seekFew)
	if after := locks(); after != before || !strings.Contains(before, "ShareRowExclusiveLock") {
		t.Errorf("its locks are seen:\n%s\n%s before", after, before)
	}
	exec(t, w.conn, "ROLLBACK")
	if had := w.indexed("large"); had != "" {
		t.Fatalf("what was rolled back has left an index of %s", had)
	}
	exec(t, w.conn, seekFew)
	if had := w.indexed("large"); had != "id" {
		t.Fatalf("it has an index of %q", had)
	}
	if plan := one[string](t, w.dial(), "EXPLAIN SELECT n FROM large WHERE id = 8"); !strings.Contains(plan, "Index") {
		t.Errorf("it is not used: %s", plan)
	}
	for _, query := range []string{
		"SELECT COUNT(*) FROM pg_class WHERE relname LIKE 'distkey%'", "SELECT COUNT(*) FROM pg_index", "SELECT COUNT(*) FROM svv_tables WHERE table_name LIKE 'distkey%'",
		"SELECT COUNT(*) FROM pg_tables WHERE hasindexes AND schemaname = 'public'",
	} {
		if n := one[int](t, w.conn, query); n != 0 {
			t.Errorf("%s: %d", query, n)
		}
	}
	exec(t, w.conn, "ALTER TABLE large ALTER DISTKEY n")
	exec(t, w.conn, "DELETE FROM large USING few WHERE large.n = few.id")
	if had := w.indexed("large"); had != "id n" {
		t.Errorf("by another key it has indexes of %q", had)
	}
	exec(t, w.conn, "ALTER TABLE large RENAME TO named", "TRUNCATE named", "DROP TABLE named")
}

// The table gets its index as well if the writer does not own it.
func TestRowsOfAnothersTableAreFound(t *testing.T) {
	w := newSeekWorld(t, redshifttest.Options{})
	exec(t, w.conn, "GRANT SELECT, UPDATE ON large TO ann")
	w.conn = w.connect(w.config("ann", "ann"))
	exec(t, w.conn, "CREATE TEMP TABLE few (id INT)", "INSERT INTO few VALUES (8)")
	exec(t, w.conn, "UPDATE large SET n = 1 FROM few WHERE few.id = large.id")
	if had := w.indexed("large"); had != "id" {
		t.Errorf("it has an index of %q", had)
	}
}

// A table gets no index where that would not pay.
func TestTablesWithoutAnIndex(t *testing.T) {
	w := newSeekWorld(t, redshifttest.Options{})
	for _, statement := range []string{
		"INSERT INTO large SELECT * FROM tiny",
		"DELETE FROM large USING few WHERE large.n = few.id",             // by another column
		"UPDATE medium SET n = 1 FROM large AS l WHERE medium.id = l.id", // it reads the large table
		"DELETE FROM medium USING nothing WHERE medium.id = nothing.id",  // a small table
		"UPDATE few SET id = l.id FROM large AS l WHERE few.id = l.id",   // a temporary table
		"DELETE FROM large WHERE id = 3",
	} {
		exec(t, w.conn, statement)
	}
	exec(t, w.conn, "BEGIN", "DECLARE c CURSOR FOR SELECT id FROM large")
	exec(t, w.conn, seekFew)
	exec(t, w.conn, "COMMIT")
	for _, table := range []string{"large", "medium", "tiny"} {
		if had := w.indexed(table); had != "" {
			t.Errorf("%s has an index of %s", table, had)
		}
	}
}

// Serializable sessions, which conflict by whole tables, neither use nor make an index.
func TestSerializableSessionsUseNoIndex(t *testing.T) {
	w := newSeekWorld(t, redshifttest.Options{Isolation: redshifttest.Serializable})
	exec(t, w.conn, seekFew)
	if had := w.indexed("large"); had != "" {
		t.Errorf("it has an index of %s", had)
	}
}
