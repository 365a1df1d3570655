package redshifttest_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"rowshift/test/redshifttest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// connect starts a stand-in and connects to it as a client of Redshift does.
func connect(t *testing.T, o redshifttest.Options) (*redshifttest.Server, *pgx.Conn) {
	t.Helper()
	own := o.Postgres == ""
	if own {
		o.Postgres = backing.Server(t).DSN("postgres")
	}
	s, err := redshifttest.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if own {
			dropDatabase(t, o.Postgres)
		}
	})
	return s, dial(t, s)
}

// dropDatabase drops the stand-in's database, so that the next test finds nothing of it.
func dropDatabase(t *testing.T, postgres string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, postgres)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "DROP DATABASE dev WITH (FORCE)"); err != nil {
		t.Error(err)
	}
}

func dial(t *testing.T, s *redshifttest.Server) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig("postgres://dev:dev@" + s.Addr() + "/dev?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if _, err := conn.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// problem returns err as the server's error, or nil if it is none.
func problem(err error) *pgconn.PgError {
	var p *pgconn.PgError
	if errors.As(err, &p) {
		return p
	}
	return nil
}

func code(err error) string {
	if p := problem(err); p != nil {
		return p.Code
	}
	return ""
}

func TestRefused(t *testing.T) {
	_, conn := connect(t, redshifttest.Options{})
	exec(t, conn, "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(3), n DECIMAL(19,0)) DISTSTYLE KEY DISTKEY (id) SORTKEY (id)", "CREATE TABLE s (id INT, v VARCHAR(10))")
	tests := []struct{ statement, code, message string }{
		{"INSERT INTO t (id) VALUES (1) ON CONFLICT DO NOTHING", "42601", "syntax error"},
		{"INSERT INTO t (id) VALUES (1) RETURNING id", "42601", "syntax error"},
		{"DELETE FROM t AS x USING s WHERE x.id = s.id", "42601", "syntax error"},
		{"DELETE t USING s WHERE t.id = s.id", "42601", "syntax error"},
		{"UPDATE t SET v = s.v FROM s WHERE t.id = s.id OR t.id IS NULL", "", "equijoin"},
		{"CREATE TABLE x (c jsonb)", "42704", `type "jsonb" does not exist`},
		{"CREATE TABLE x (c bytea)", "0A000", "unsupported type"},
		{"CREATE TABLE x (c numeric(39,2))", "0A000", "precision"},
		{"CREATE TABLE x (old INT)", "42601", "syntax error"},
		{"SELECT E'a'", "42704", "does not exist"},
		{"SELECT v FROM t WHERE v IS DISTINCT FROM 'a'", "42601", "syntax error"},
		{"SELECT array_agg(id) FROM t", "42883", "does not exist"},
		{"SELECT now(), id FROM t", "0A000", "not supported on Redshift tables"},
		{"SAVEPOINT a", "0A000", "not supported"},
		{"DISCARD ALL", "42601", "syntax error"},
		{"SET standard_conforming_strings = on", "42704", "unrecognized configuration parameter"},
		{"ALTER TABLE t ALTER COLUMN v SET NOT NULL", "0A000", "not supported"},
		{"ALTER TABLE t ADD COLUMN a INT, ADD COLUMN b INT", "42601", "syntax error"},
		{"INSERT INTO t (id, v) VALUES (1, 'abcd')", "XX000", "Value too long"},
		{"CREATE SEQUENCE s1", "42601", "syntax error"},
		{"EXPLAIN ANALYZE SELECT 1", "42601", "syntax error"},
		{"COPY t FROM 's3://b/prefix' IAM_ROLE default FORMAT AS CSV", "0A000", "MANIFEST"},
		{"COPY t FROM STDIN", "42601", "syntax error"},
	}
	for _, test := range tests {
		_, err := conn.Exec(t.Context(), test.statement)
		if err == nil {
			t.Errorf("%s was taken", test.statement)
			continue
		}
		if test.code != "" && code(err) != test.code || !strings.Contains(err.Error(), test.message) {
			t.Errorf("%s: %v, want %s %q", test.statement, err, test.code, test.message)
		}
	}
}

func TestTransactions(t *testing.T) {
	_, conn := connect(t, redshifttest.Options{})
	exec(t, conn, "CREATE TABLE t (id INT)", "BEGIN", "INSERT INTO t (id) VALUES (1)", "TRUNCATE t")
	if status := conn.PgConn().TxStatus(); status != 'I' {
		t.Errorf("TRUNCATE left the session in transaction status %c: it commits", status)
	}
	exec(t, conn, "CREATE TABLE v (c VARCHAR(10))", "BEGIN")
	if _, err := conn.Exec(t.Context(), "ALTER TABLE v ALTER COLUMN c TYPE VARCHAR(20)"); code(err) != "25001" {
		t.Errorf("ALTER COLUMN TYPE in a transaction: %v", err)
	}
	if _, err := conn.Exec(t.Context(), "SELECT 1"); code(err) != "25P02" {
		t.Errorf("after an error: %v", err)
	}
	exec(t, conn, "ROLLBACK", "ALTER TABLE v ALTER COLUMN c TYPE VARCHAR(20)", "INSERT INTO v VALUES ('twelve chars')")
}

func TestTrailingBlanksAreNoDifference(t *testing.T) {
	_, conn := connect(t, redshifttest.Options{})
	exec(t, conn, "CREATE TABLE t (v VARCHAR(10))", "INSERT INTO t VALUES ('a '), ('a')")
	var same, bytes int
	if err := conn.QueryRow(t.Context(), "SELECT COUNT(*), SUM(OCTET_LENGTH(v)) FROM t WHERE v = 'a'").Scan(&same, &bytes); err != nil {
		t.Fatal(err)
	}
	if same != 2 || bytes != 3 {
		t.Errorf("%d rows of %d bytes are equal to 'a'; Redshift finds 2, of 3", same, bytes)
	}
}

func TestNoStandardConformingStrings(t *testing.T) {
	_, conn := connect(t, redshifttest.Options{})
	if v := conn.PgConn().ParameterStatus("standard_conforming_strings"); v != "" {
		t.Errorf("standard_conforming_strings is %q", v)
	}
	var got string
	if err := conn.QueryRow(t.Context(), `SELECT 'a\\b\'c'`).Scan(&got); err != nil || got != `a\b'c` {
		t.Errorf("%q, %v", got, err)
	}
	tag, err := conn.Exec(t.Context(), "SELECT 1")
	if err != nil || tag.String() != "SELECT" {
		t.Errorf("the tag is %q, %v", tag, err)
	}
}

func TestAVanishedClientKeepsItsLocks(t *testing.T) {
	s, conn := connect(t, redshifttest.Options{})
	exec(t, conn, "CREATE TABLE t (id INT)")
	gone := dial(t, s)
	exec(t, gone, "BEGIN", "LOCK t")
	pid := gone.PgConn().PID()
	_ = gone.PgConn().Conn().Close()
	hasty := dial(t, s)
	exec(t, hasty, "BEGIN", "SET statement_timeout TO 300")
	if _, err := hasty.Exec(t.Context(), "LOCK t"); code(err) != "57014" {
		t.Fatalf("the lock was not held any more: %v", err)
	}
	if _, err := conn.Exec(t.Context(), "SELECT pg_terminate_backend($1)", pid); err != nil {
		t.Fatal(err)
	}
	exec(t, conn, "BEGIN", "LOCK t", "COMMIT")
}

func TestFaults(t *testing.T) {
	s, conn := connect(t, redshifttest.Options{})
	exec(t, conn, "CREATE TABLE t (id INT)")
	f := s.Inject(redshifttest.Fault{Class: "INSERT", Nth: 2, Code: "40P01", Message: "deadlock detected"})
	defer f.Remove()
	exec(t, conn, "INSERT INTO t VALUES (1)")
	if _, err := conn.Exec(t.Context(), "INSERT INTO t VALUES (2)"); code(err) != "40P01" {
		t.Errorf("the second INSERT: %v", err)
	}
	lost := s.Inject(redshifttest.Fault{Class: "COMMIT", After: true, Drop: true})
	exec(t, conn, "BEGIN", "INSERT INTO t VALUES (3)")
	if _, err := conn.Exec(t.Context(), "COMMIT"); err == nil {
		t.Error("the answer to COMMIT was not lost")
	}
	lost.Remove()
	var n int
	if err := dial(t, s).QueryRow(t.Context(), "SELECT COUNT(*) FROM t").Scan(&n); err != nil || n != 2 {
		t.Errorf("%d rows, %v: the COMMIT whose answer was lost has happened", n, err)
	}
}
