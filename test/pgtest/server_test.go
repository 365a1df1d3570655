package pgtest_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"rowshift/test/pgtest"
)

var shared pgtest.Shared

func TestMain(m *testing.M) {
	if os.Getenv(serveOnly) != "" {
		fmt.Fprintln(os.Stderr, serve())
		os.Exit(1)
	}
	defer shared.Close()
	m.Run()
}

func ask(t *testing.T, dsn, query string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var answer string
	if err := conn.QueryRow(t.Context(), query).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return answer
}

func TestServerIsMadeForLogicalReplication(t *testing.T) {
	s := shared.Server(t)
	if got := ask(t, s.DSN("postgres"), "SHOW wal_level"); got != "logical" {
		t.Errorf("wal_level is %s", got)
	}
	if got := ask(t, s.DSN("postgres"), "SHOW server_version"); !strings.HasPrefix(got, strconv.Itoa(s.Major())) {
		t.Errorf("version %s is not of major %d", got, s.Major())
	}
	socket := "host=" + s.Dir + " port=" + strconv.Itoa(s.Port) + " user=postgres dbname=postgres"
	if got := ask(t, socket, "SELECT current_user::text"); got != pgtest.Superuser {
		t.Errorf("through the socket we are %s", got)
	}
}

func TestSettingsWin(t *testing.T) {
	s := pgtest.Start(t, pgtest.Options{Settings: map[string]string{"wal_level": "replica", "application_name": "it's"}})
	if got := ask(t, s.DSN("postgres"), "SHOW wal_level"); got != "replica" {
		t.Errorf("wal_level is %s", got)
	}
}

func TestDatabasesAreFreshAndGo(t *testing.T) {
	s := shared.Server(t)
	var first string
	t.Run("with a slot and a session", func(t *testing.T) {
		first = s.CreateDB(t)
		second := s.CreateDB(t)
		if first == second {
			t.Fatalf("both are %s", first)
		}
		s.ExecIn(t, first, "CREATE TABLE t (a int)", "SELECT pg_create_logical_replication_slot('s', 'pgoutput')")
		if got := ask(t, s.DSN(second), "SELECT count(*)::text FROM pg_tables WHERE tablename = 't'"); got != "0" {
			t.Error("a fresh database has the other's table")
		}
		conn, err := pgx.Connect(t.Context(), s.DSN(first))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close(context.Background()) })
	})
	left := ask(t, s.DSN("postgres"), "SELECT (SELECT count(*) FROM pg_database WHERE datname = '"+first+"')::text || (SELECT count(*) FROM pg_replication_slots)")
	if left != "00" {
		t.Errorf("databases and slots left: %s", left)
	}
}

// A failed test may leave a prepared transaction, for which all later tests would have
// to wait.
func TestDatabaseGoesWithWhatIsPrepared(t *testing.T) {
	s := pgtest.Start(t, pgtest.Options{Settings: map[string]string{"max_prepared_transactions": "5"}})
	t.Run("prepared", func(t *testing.T) {
		s.ExecIn(t, s.CreateDB(t), "CREATE TABLE t (a int)", "BEGIN", "INSERT INTO t VALUES (1)", "PREPARE TRANSACTION 'it''s left'")
	})
	left := ask(t, s.DSN("postgres"), "SELECT (SELECT count(*) FROM pg_database WHERE datname LIKE 'test%')::text || (SELECT count(*) FROM pg_prepared_xacts)")
	if left != "00" {
		t.Errorf("databases and prepared transactions left: %s", left)
	}
}

func TestScramAndTLS(t *testing.T) {
	s := pgtest.Start(t, pgtest.Options{Auth: pgtest.SCRAM, TLS: true})
	if got := ask(t, s.DSN("postgres"), "SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid()"); got != "true" {
		t.Errorf("ssl is %s", got)
	}
	plain := "postgres://postgres:postgres@" + net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) + "/postgres?sslmode=disable"
	if conn, err := pgx.Connect(t.Context(), plain); err == nil {
		conn.Close(t.Context())
		t.Error("a client without TLS was let in")
	}
	wrong := strings.Replace(s.DSN("postgres"), "postgres:postgres@", "postgres:other@", 1)
	if conn, err := pgx.Connect(t.Context(), wrong); err == nil {
		conn.Close(t.Context())
		t.Error("a wrong password was let in")
	}
}

func TestRestartKeepsWhatWasCommitted(t *testing.T) {
	s := pgtest.Start(t)
	s.Exec(t, "CREATE TABLE kept (a int)", "INSERT INTO kept VALUES (7)")
	for _, mode := range []pgtest.Mode{pgtest.Fast, pgtest.Immediate} {
		port := s.Port
		if err := s.Restart(mode); err != nil {
			t.Fatal(err)
		}
		if got := ask(t, s.DSN("postgres"), "SELECT a::text FROM kept"); got != "7" || s.Port != port {
			t.Errorf("after %v: row %s, port %d, was %d", mode, got, s.Port, port)
		}
	}
	if err := s.Stop(pgtest.Fast); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if conn, err := pgx.Connect(ctx, s.DSN("postgres")); err == nil {
		conn.Close(ctx)
		t.Error("a stopped server answers")
	}
}

func TestOwnIdentity(t *testing.T) {
	s := pgtest.Start(t, pgtest.Options{OwnIdentity: true})
	const identifier = "SELECT system_identifier::text FROM pg_control_system()"
	if ask(t, s.DSN("postgres"), identifier) == ask(t, shared.Server(t).DSN("postgres"), identifier) {
		t.Error("two clusters have one identity")
	}
}

func TestCloseRemovesTheFolder(t *testing.T) {
	s, err := pgtest.New(t.Context(), pgtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.Dir); !os.IsNotExist(err) {
		t.Errorf("the folder is still there: %v", err)
	}
}

func TestFailureSaysWhy(t *testing.T) {
	_, err := pgtest.New(t.Context(), pgtest.Options{Settings: map[string]string{"wal_level": "loud"}})
	if err == nil || !strings.Contains(err.Error(), `"wal_level": "loud"`) {
		t.Errorf("the error does not name the setting: %v", err)
	}
	_, err = pgtest.New(t.Context(), pgtest.Options{Version: "9"})
	if err == nil || !strings.Contains(err.Error(), "14 to 18") {
		t.Errorf("the error does not name the versions: %v", err)
	}
	t.Setenv("PGTEST_BIN", filepath.Join(t.TempDir(), "nowhere"))
	if _, err = pgtest.New(t.Context(), pgtest.Options{}); err == nil || !strings.Contains(err.Error(), "PGTEST_BIN") {
		t.Errorf("the error does not name PGTEST_BIN: %v", err)
	}
}
