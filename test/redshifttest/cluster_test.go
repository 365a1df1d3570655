package redshifttest_test

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"rowshift/test/pgtest"
	"rowshift/test/redshifttest"

	"github.com/jackc/pgx/v5"
)

var (
	backing   = pgtest.Shared{Options: pgtest.Options{Least: redshifttest.BackingMajor}}
	databases atomic.Int64
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := backing.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// cluster is a stand-in with a database of its own.
type cluster struct {
	*redshifttest.Server
	t        *testing.T
	database string
}

func newCluster(t *testing.T, o redshifttest.Options) *cluster {
	t.Helper()
	c := &cluster{t: t, database: fmt.Sprintf("cluster%d", databases.Add(1))}
	o.Postgres, o.Database = backing.Server(t).DSN("postgres"), c.database
	if o.Users == nil {
		o.Users = map[string]string{"dev": "dev", "ann": "ann", "bob": "bob"}
	}
	var err error
	if c.Server, err = redshifttest.New(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// config returns how a user connects.
func (c *cluster) config(user, password string) *pgx.ConnConfig {
	c.t.Helper()
	config, err := pgx.ParseConfig("postgres://" + c.Addr() + "/" + c.database + "?sslmode=disable")
	if err != nil {
		c.t.Fatal(err)
	}
	config.User, config.Password = user, password
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	return config
}

func (c *cluster) connect(config *pgx.ConnConfig) *pgx.Conn {
	c.t.Helper()
	conn, err := pgx.ConnectConfig(c.t.Context(), config)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(c.t.Context())) })
	return conn
}

func (c *cluster) dial() *pgx.Conn { c.t.Helper(); return c.connect(c.config("dev", "dev")) }

// one returns the single value of a query.
func one[T any](t *testing.T, conn *pgx.Conn, query string) (v T) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), query).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

// start runs a statement in the background.
func start(t *testing.T, conn *pgx.Conn, statement string) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := conn.Exec(context.WithoutCancel(t.Context()), statement)
		done <- err
	}()
	return done
}

// patience is how long a test waits for something that must happen.
const patience = 20 * time.Second

// until repeats a query until it holds.
func (c *cluster) until(what, query string, args ...any) {
	c.t.Helper()
	conn, err := pgx.Connect(c.t.Context(), backing.Server(c.t).DSN(c.database))
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close(c.t.Context())
	tick := time.NewTicker(3 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-tick.C {
		var so bool
		if err := conn.QueryRow(c.t.Context(), query, args...).Scan(&so); err != nil {
			c.t.Fatal(err)
		}
		if so {
			return
		}
	}
	c.t.Fatalf("%s: never", what)
}

// waits waits until a session waits for a lock.
func (c *cluster) waits(conn *pgx.Conn) {
	c.t.Helper()
	c.until("a session waits for a lock", "SELECT count(*) > 0 FROM pg_locks WHERE pid = $1 AND NOT granted", conn.PgConn().PID())
}

// ended waits for the end of a statement that start began.
func ended(t *testing.T, done <-chan error) error {
	t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		t.Fatal("it does not end")
		return nil
	}
}

// statement runs a formatted statement.
func (c *cluster) statement(conn *pgx.Conn, format string, args ...any) error {
	_, err := conn.Exec(c.t.Context(), fmt.Sprintf(format, args...))
	return err
}
