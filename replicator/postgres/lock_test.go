package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"rowshift/replicator"
	"rowshift/schema"
)

// TestLockWaits shows that locking waits for somebody who alters a table, without standing
// in anybody's way, and says whom it waits for.
func TestLockWaits(t *testing.T) {
	tests := []struct {
		name  string
		begin string
		said  string
		end   string
	}{
		{name: "altered", begin: `SET application_name = 'deploy'; BEGIN; ALTER TABLE b ADD c int`, said: "(deploy)", end: `COMMIT`},
		{name: "truncated", begin: `BEGIN; TRUNCATE b`, said: "a lock of public.b, which session", end: `ROLLBACK`},
		{name: "truncated and prepared", begin: `BEGIN; TRUNCATE b; PREPARE TRANSACTION 'p'`, said: "prepared transaction", end: `COMMIT PREPARED 'p'`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			other, third := w.dial(), w.dial()
			w.exec(other, `CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)`)
			a, b := w.table("a"), w.table("b")
			w.exec(other, test.begin)
			locked := make(chan *lock, 1)
			go func() {
				l, err := w.lock(t.Context(), tables(a, b))
				if err != nil {
					t.Error(err)
				}
				locked <- l
			}()
			w.heard(test.said)
			w.exec(third, `SET lock_timeout = '5s'; TRUNCATE a`) // between two tries of ours
			w.exec(other, test.end)
			if l := <-locked; l != nil {
				shut(l.conn)
			}
			w.deserted()
		})
	}
}

func TestLockEndsWithItsContext(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY)`)
	a := w.table("a")
	w.exec(other, `BEGIN; LOCK a`)
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := w.lock(ctx, tables(a))
		failed <- err
	}()
	w.heard("a lock of public.a")
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	w.deserted()
}

// TestYield shows that a load gives way to whoever waits for its locks, and that what they
// wanted to do then happens.
func TestYield(t *testing.T) {
	tests := []struct {
		name  string
		wants string // what another session does
		table string
		quiet bool // nothing is read before
	}{
		{name: "before anything is read", wants: `TRUNCATE a`, table: "a", quiet: true},
		{name: "TRUNCATE", wants: `TRUNCATE a`, table: "a"},
		{name: "VACUUM FULL", wants: `VACUUM FULL a`, table: "a"},
		{name: "ALTER TABLE", wants: `ALTER TABLE a ADD c int`, table: "a"},
		{name: "DROP TABLE", wants: `DROP TABLE a`, table: "a"},
		{name: "REINDEX", wants: `REINDEX TABLE a`, table: "a_pkey"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			w.options.LoadYield = time.Second
			other := w.dial()
			w.exec(other, `CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a SELECT generate_series(1, 100)`)
			s := w.takeInTime(w.table("a"))
			if !test.quiet { // an idle reader holds locks too
				if _, err := copied(t.Context(), s); err != nil {
					t.Fatal(err)
				}
			}
			w.exec(other, test.wants) // returns only once we gave way
			_, err := copied(t.Context(), s)
			if !errors.Is(err, replicator.ErrYielded) {
				t.Fatalf("got %v", err)
			}
			if !strings.Contains(err.Error(), "our lock of public."+test.table+" ") {
				t.Errorf("got %v", err)
			}
			w.deserted()
		})
	}
}

// TestYieldNotToOthers shows whom a load does not give way to: those that wait for somebody
// else, and those that wait less than the limit.
func TestYieldNotToOthers(t *testing.T) {
	w := newWorld(t)
	w.options.LoadYield = 4 * time.Second
	other, third, fourth := w.dial(), w.dial(), w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); INSERT INTO a VALUES (1)`)
	s := w.takeInTime(w.table("a"))
	w.exec(other, `BEGIN; LOCK b`)
	waited := make(chan error, 1)
	go func() {
		_, err := third.Exec(t.Context(), `BEGIN; LOCK TABLE b`)
		waited <- err
	}()
	const waits = `EXISTS (SELECT FROM pg_locks WHERE pid = $1 AND NOT granted AND clock_timestamp() - waitstart > $2::float8 * interval '1 second')`
	w.until(other, waits, third.PgConn().PID(), 0)
	for range 3 { // each for less than the limit, in all for more
		if _, err := fourth.Exec(t.Context(), `SET lock_timeout = '1500ms'; TRUNCATE a`); codeOf(err) != lockNotAvailable {
			t.Fatalf("TRUNCATE: %v", err)
		}
	}
	w.until(other, waits, third.PgConn().PID(), (w.options.LoadYield + 2*maxWatch).Seconds())
	if rows, err := copied(t.Context(), s); err != nil || len(rows["a"]) != 1 {
		t.Errorf("copied %v, %v", rows, err)
	}
	w.exec(other, `ROLLBACK`)
	if err := <-waited; err != nil {
		t.Error(err)
	}
}

// TestYieldWhileARowIsWritten shows that a session keeps no lock while nobody takes its
// current row.
func TestYieldWhileARowIsWritten(t *testing.T) {
	w := newWorld(t)
	w.options.LoadYield = time.Second
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a SELECT n, repeat('x', 1000) FROM generate_series(1, 50000) AS n`)
	s := w.takeInTime(w.table("a"))
	writing, given := make(chan struct{}), make(chan struct{})
	failed := make(chan error, 1)
	go func() {
		first := true
		failed <- s.Copy(t.Context(), s.Taken().Ranges[0], func(replicator.Tuple) error {
			if first {
				first = false
				close(writing)
				<-given
			}
			return nil
		})
	}()
	<-writing
	w.exec(other, `TRUNCATE a`)
	close(given)
	if err := <-failed; !errors.Is(err, replicator.ErrYielded) {
		t.Errorf("got %v", err)
	}
	w.deserted()
}

// TestLostSessions shows that a snapshot that has lost its locks or its keeper is given up,
// and that no range which is read meanwhile counts.
func TestLostSessions(t *testing.T) {
	tests := []struct {
		name string
		lost func(*snapshot) *session
	}{
		{name: "the locks", lost: func(s *snapshot) *session { return s.lock.conn }},
		{name: "the keeper", lost: func(s *snapshot) *session { return s.keeper }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			other := w.dial()
			w.exec(other, `CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)`)
			s := w.take(w.table("a")).(*snapshot)
			w.until(other, `pg_terminate_backend($1)`, test.lost(s).PgConn().PID())
			<-s.gone
			if _, err := copied(t.Context(), s); !errors.Is(err, replicator.ErrYielded) {
				t.Errorf("got %v", err)
			}
			w.deserted()
		})
	}
}

// TestLostLocksSpoilARange shows that a range does not count as read if the locks were lost
// meanwhile, even if the watch has not noticed that yet.
func TestLostLocksSpoilARange(t *testing.T) {
	w := newWorld(t)
	w.options.LoadYield = time.Hour // so it looks once a second at most
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1)`)
	s := w.take(w.table("a")).(*snapshot)
	err := s.Copy(t.Context(), s.Taken().Ranges[0], func(replicator.Tuple) error {
		w.until(other, `pg_terminate_backend($1)`, s.lock.conn.PgConn().PID())
		w.until(other, `NOT EXISTS (SELECT FROM pg_locks WHERE pid = $1)`, s.lock.conn.PgConn().PID())
		return nil
	})
	if !errors.Is(err, replicator.ErrYielded) {
		t.Errorf("got %v", err)
	}
}

// TestManyTablesBehindASlowLink shows that a load of many tables does not give way because
// of its own round trips, while nobody waits for it.
func TestManyTablesBehindASlowLink(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `DO $$ BEGIN FOR n IN 1..100 LOOP EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY)', n); END LOOP; END $$`)
	all := make([]*schema.Table, 100)
	for n := range all {
		all[n] = w.table(fmt.Sprint("t", n+1))
	}
	w.options.LoadYield = time.Second
	var writes atomic.Int64
	w.program.BuildFrontend = func(from io.Reader, to io.Writer) *pgproto3.Frontend {
		return pgproto3.NewFrontend(from, slowLink{to, &writes})
	}
	ctx, cancel := context.WithTimeout(t.Context(), atMost)
	defer cancel()
	l, err := w.lock(ctx, all)
	if err != nil {
		t.Fatalf("a hundred tables cannot be locked in time: %v", err)
	}
	defer shut(l.conn)
	before := writes.Load()
	_, err = measure(ctx, l.conn, all)
	if trips := writes.Load() - before; err != nil || trips == 0 || time.Duration(trips)*slowness > w.options.LoadYield {
		t.Errorf("measured in %d round trips, %v", trips, err)
	}
}

// slowLink delays each message, and counts them.
type slowLink struct {
	io.Writer
	writes *atomic.Int64
}

const slowness = 20 * time.Millisecond

func (l slowLink) Write(b []byte) (int, error) {
	l.writes.Add(1)
	<-time.After(slowness)
	return l.Writer.Write(b)
}
