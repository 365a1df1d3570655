package redshifttest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"rowshift/test/redshifttest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// vanish cuts a client's connection without a good-bye.
func vanish(conn *pgx.Conn) { _ = conn.PgConn().Conn().Close() }

// the transaction of a client that has vanished is visible, and stays until
// its user terminates it.
func TestAVanishedClientsTransaction(t *testing.T) {
	c := newCluster(t, redshifttest.Options{})
	config := c.config("ann", "ann")
	config.RuntimeParams["application_name"] = "loader 7"
	gone, again, other := c.connect(config), c.connect(c.config("ann", "ann")), c.connect(c.config("bob", "bob"))
	exec(t, c.dial(), "CREATE TABLE t (id INT)", "GRANT ALL ON t TO ann")
	exec(t, gone, "BEGIN", "LOCK t", "INSERT INTO t VALUES (1)")
	pid := gone.PgConn().PID()
	vanish(gone)
	done := start(t, again, "INSERT INTO t VALUES (2)")
	c.waits(again)
	watcher := c.dial()
	for _, query := range []string{
		"SELECT COUNT(*) > 0 FROM stv_locks WHERE lock_owner_pid = $1", "SELECT COUNT(*) > 0 FROM svv_transactions WHERE pid = $1",
		"SELECT COUNT(*) = 1 FROM stv_sessions WHERE process = $1",
		"SELECT COUNT(*) = 1 FROM stl_connection_log WHERE pid = $1 AND application_name = 'loader 7'",
	} {
		var seen bool
		if err := watcher.QueryRow(t.Context(), query, pid).Scan(&seen); err != nil || !seen {
			t.Errorf("%s: %v, %v", query, seen, err)
		}
	}
	if _, err := other.Exec(t.Context(), "SELECT pg_terminate_backend($1)", pid); code(err) != "42501" {
		t.Errorf("another user: %v", err)
	}
	third := c.connect(c.config("ann", "ann"))
	if _, err := third.Exec(t.Context(), "SELECT pg_terminate_backend($1)", pid); err != nil {
		t.Fatal(err)
	}
	if err := ended(t, done); err != nil {
		t.Error(err)
	}
	if n := one[int](t, third, "SELECT COUNT(*) FROM t"); n != 1 {
		t.Errorf("%d rows: what was not committed is gone", n)
	}
}

// a statement whose client has vanished runs to its end.
func TestAVanishedClientsStatement(t *testing.T) {
	c := newCluster(t, redshifttest.Options{})
	conn, holder := c.dial(), c.dial()
	exec(t, conn, "CREATE TABLE t (id INT)")
	for _, statement := range []string{
		"INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (1); SELECT 1", "BEGIN; INSERT INTO t VALUES (1); COMMIT",
	} {
		exec(t, holder, "BEGIN", "LOCK t")
		gone, _ := c.raw(version30, nil) // pgx would cancel its statement when it closes
		gone.send(&pgproto3.Query{String: statement})
		c.until("it waits", "SELECT count(*) > 0 FROM pg_locks WHERE pid = $1 AND NOT granted", gone.secret.ProcessID)
		_ = gone.conn.Close()
		exec(t, holder, "COMMIT")
		c.until("the row of "+statement, "SELECT count(*) = 1 FROM t")
		exec(t, conn, "DELETE FROM t")
	}
	stalled := c.Inject(redshifttest.Fault{Class: "COMMIT", Stall: -1, Application: "vanishing"})
	gone, _ := c.raw(version30, map[string]string{"application_name": "vanishing"})
	gone.talk("ready T", &pgproto3.Query{String: "BEGIN; INSERT INTO t VALUES (1)"})
	gone.send(&pgproto3.Query{String: "COMMIT"})
	<-stalled.Reached()
	_ = gone.conn.Close()
	stalled.Remove()
	c.until("the row", "SELECT count(*) = 1 FROM t")
}

// a session that is terminated is told so.
func TestATerminatedSession(t *testing.T) {
	c := newCluster(t, redshifttest.Options{})
	conn, other := c.dial(), c.dial()
	exec(t, conn, "BEGIN")
	exec(t, other, "CREATE TABLE t (id INT)")
	if _, err := other.Exec(t.Context(), "SELECT pg_terminate_backend($1)", conn.PgConn().PID()); err != nil {
		t.Fatal(err)
	}
	_, err := conn.Exec(t.Context(), "SELECT COUNT(*) FROM t")
	if code(err) != "57P01" || problem(err).Severity != "FATAL" {
		t.Error(err)
	}
}

// statements are cancelled in four ways.
func TestCancel(t *testing.T) {
	c := newCluster(t, redshifttest.Options{})
	holder, victim := c.connect(c.config("ann", "ann")), c.connect(c.config("ann", "ann"))
	exec(t, c.dial(), "CREATE TABLE t (id INT)", "GRANT ALL ON t TO ann")
	const byDefault = "cancelled on user's request"
	pid := victim.PgConn().PID()
	tests := []struct {
		name, words string
		cancel      func() error
	}{
		{"CancelRequest", byDefault, func() error { return victim.PgConn().CancelRequest(t.Context()) }},
		{"CANCEL", byDefault, func() error { return c.statement(holder, "CANCEL %d", pid) }},
		{"CANCEL with words", "Long-running query", func() error { return c.statement(holder, "CANCEL %d 'Long-running query'", pid) }},
		{"pg_cancel_backend", byDefault, func() error { return c.statement(holder, "SELECT pg_cancel_backend(%d)", pid) }},
	}
	for _, test := range tests {
		exec(t, holder, "BEGIN", "LOCK t")
		done := start(t, victim, "DELETE FROM t")
		c.waits(victim)
		if err := test.cancel(); err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if err := ended(t, done); code(err) != "57014" || !strings.Contains(err.Error(), test.words) {
			t.Errorf("%s: %v", test.name, err)
		}
		exec(t, holder, "COMMIT")
		exec(t, victim, "DELETE FROM t")
	}
	if err := c.statement(c.connect(c.config("bob", "bob")), "CANCEL %d", pid); code(err) != "42501" {
		t.Errorf("another user's: %v", err)
	}
	stalled := c.Inject(redshifttest.Fault{Class: "DELETE", Stall: -1})
	done := start(t, victim, "DELETE FROM t")
	<-stalled.Reached()
	if err := c.statement(holder, "CANCEL %d", pid); err != nil {
		t.Fatal(err)
	}
	if err := ended(t, done); code(err) != "57014" {
		t.Errorf("a stalled one: %v", err)
	}
}

// sessions that are idle for too long are ended.
func TestIdleSessions(t *testing.T) {
	t.Parallel()
	c := newCluster(t, redshifttest.Options{IdleTimeout: 3 * time.Second, IdleInTransactionTimeout: 1500 * time.Millisecond})
	said := func(conn *pgx.Conn) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		err := conn.PgConn().WaitForNotification(ctx)
		if problem(err) == nil {
			return err.Error()
		}
		return problem(err).Severity + " " + problem(err).Message
	}
	exec(t, c.dial(), "CREATE TABLE t (id INT)")
	if got := said(c.dial()); got != "FATAL terminating connection due to idle session timeout" {
		t.Error(got)
	}
	inside := c.dial()
	exec(t, inside, "BEGIN; LOCK t")
	if got := said(inside); got != "FATAL terminating connection due to idle-in-transaction timeout" {
		t.Error(got)
	}
	gone := c.dial()
	exec(t, gone, "BEGIN; LOCK t")
	vanish(gone)
	c.until("the transaction of the client that has vanished ends", "SELECT count(*) = 0 FROM pg_locks WHERE relation = 't'::regclass")
}
