package pgtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Start runs a server for one test and removes it when the test is over. If
// the test failed, the end of the server's log is shown.
func Start(t testing.TB, options ...Options) *Server {
	t.Helper()
	s, err := New(t.Context(), first(options))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("PostgreSQL's log:\n%s", logEnd(s.Dir, 0))
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func first(options []Options) Options {
	if len(options) == 0 {
		return Options{}
	}
	return options[0]
}

// Shared is one server for all tests of a package. The first test that uses it starts
// it. Keep it in a package variable and close it in TestMain:
//
//	var shared pgtest.Shared
//
//	func TestMain(m *testing.M) {
//		defer shared.Close()
//		m.Run()
//	}
type Shared struct {
	// Options may be set before the first use.
	Options Options

	once   sync.Once
	server *Server
	err    error
}

// Server returns the shared server. The test fails if it cannot be started.
func (s *Shared) Server(t testing.TB) *Server {
	t.Helper()
	s.once.Do(func() { s.server, s.err = New(context.Background(), s.Options) })
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.server
}

// Close ends the server if there is one.
func (s *Shared) Close() error {
	if s.server == nil {
		return nil
	}
	return s.server.Close()
}

// Exec runs statements, one by one, in the database "postgres".
func (s *Server) Exec(t testing.TB, statements ...string) {
	t.Helper()
	s.ExecIn(t, "postgres", statements...)
}

// ExecIn runs statements, one by one, on one connection to a database.
func (s *Server) ExecIn(t testing.TB, db string, statements ...string) {
	t.Helper()
	if err := s.exec(context.Background(), db, statements...); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) exec(ctx context.Context, db string, statements ...string) error {
	return s.kept.With(ctx, s.DSN(db), func(conn *pgx.Conn) error {
		for _, statement := range statements {
			if _, err := conn.Exec(ctx, statement); err != nil {
				return fmt.Errorf("%w\n%s", err, statement)
			}
		}
		return nil
	})
}

// CreateDB makes an empty database and returns its name. It drops the database
// at the end of the test, with the sessions and slots that are still in it.
func (s *Server) CreateDB(t testing.TB) string {
	t.Helper()
	s.mu.Lock()
	s.names++
	name := fmt.Sprintf("test_%d", s.names)
	s.mu.Unlock()
	s.Exec(t, "CREATE DATABASE "+name+" TEMPLATE template0")
	t.Cleanup(func() {
		if err := s.dropDB(name); err != nil {
			t.Logf("dropping database %s: %v", name, err)
		}
	})
	return name
}

// dropDB ends the readers of the database's slots, which takes them a moment, and drops
// slots and database. It rolls back transactions that a failed test has left prepared:
// they keep the database from being dropped, and all later tests would have to wait for
// them. It does nothing on a stopped server.
func (s *Server) dropDB(name string) error {
	s.mu.Lock()
	stopped := s.process == nil
	s.mu.Unlock()
	if stopped {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.exec(ctx, "postgres",
			"SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active AND database = '"+name+"'",
			"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active AND database = '"+name+"'",
			"DROP DATABASE "+name+" WITH (FORCE)")
		if err == nil {
			return nil
		}
		err = errors.Join(err, s.rollBackPrepared(ctx, name))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}

// rollBackPrepared ends the prepared transactions of a database.
func (s *Server) rollBackPrepared(ctx context.Context, name string) error {
	conn, err := pgx.Connect(ctx, s.DSN(name))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, "SELECT 'ROLLBACK PREPARED ' || quote_literal(gid) FROM pg_prepared_xacts WHERE database = current_database()")
	if err != nil {
		return err
	}
	statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
	for _, statement := range statements {
		_, failed := conn.Exec(ctx, statement)
		err = errors.Join(err, failed)
	}
	return err
}
