package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rowshift/replicator"
	"rowshift/test/pgtest"
)

// nothingKnown is for an opening with a watcher.
func nothingKnown(context.Context) (replicator.Known, error) { return replicator.Known{}, nil }

// TestShutdownOfAServerThatIsBehind shows that a server which shuts down is let go by a
// reader that would need long to read what it has: one that reads slowly, and one that only
// acknowledges because its sink is busy, to which the server can say nothing. Neither waits
// for the next look at the catalogue.
func TestShutdownOfAServerThatIsBehind(t *testing.T) {
	for name, reads := range map[string]bool{"the reader only acknowledges": false, "the reader is slow": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := pgtest.Start(t, pgtest.Options{Settings: map[string]string{"wal_sender_timeout": "10s"}})
			w := on(newWorld(t), s)
			other := w.dial()
			w.exec(other, `CREATE TABLE a (id int PRIMARY KEY, v text)`)
			w.choose(every("a")...)
			w.create()
			start := w.confirmed()
			w.exec(other, `INSERT INTO a SELECT n, repeat('x', 1000) FROM generate_series(1, 30000) n`)
			w.options.LookEvery = time.Hour
			f := w.open(replicator.OpenRequest{After: start, Known: nothingKnown})
			stopped := make(chan error, 1)
			go func() { stopped <- s.Stop(pgtest.Fast) }()
			ctx, cancel := context.WithTimeout(t.Context(), atMost)
			defer cancel()
			err := f.Acknowledge(ctx, start)
			for err == nil && sleep(ctx, 50*time.Millisecond) == nil {
				if reads {
					_, err = f.Next(ctx, 0)
				}
				err = errors.Join(err, f.Acknowledge(ctx, start))
			}
			if !errors.Is(err, replicator.ErrShutdown) || replicator.Final(err) {
				t.Errorf("got %v", err)
			}
			f.Close()
			if err := <-stopped; err != nil {
				t.Error(err)
			}
		})
	}
}

// TestShutdownWhileReaderWaits shows that a reader which waits for a server that says nothing
// is woken.
func TestShutdownWhileReaderWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(w.dial(), `CREATE TABLE a (id int PRIMARY KEY)`)
	w.choose(every("a")...)
	w.options.Heartbeat = time.Hour
	w.create()
	f := w.watched(w.confirmed())
	for quiet := false; !quiet; {
		c, err := f.Next(t.Context(), 100*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		quiet = c.Idle
	}
	s := f.Source.(*stream)
	s.wire.from = &begins{from: s.wire.from, read: func() { s.watcher.down.Store(true) }}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // the server mostly says something later than that
	defer cancel()
	var err error
	for err == nil {
		_, err = f.Next(ctx, 0)
	}
	if !errors.Is(err, replicator.ErrShutdown) {
		t.Errorf("got %v", err)
	}
}

// begins calls read whenever a read begins.
type begins struct {
	from io.Reader
	read func()
}

func (b *begins) Read(p []byte) (int, error) {
	b.read()
	return b.from.Read(p)
}

// TestEndOfASessionIsNoShutdown shows that the stream outlives the end of the session beside
// it, in whose place another is opened before the next look.
func TestEndOfASessionIsNoShutdown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY)`)
	w.choose(every("a")...)
	w.create()
	w.options.LookEvery = time.Hour
	f := w.open(replicator.OpenRequest{After: w.confirmed(), Known: nothingKnown})
	const session = `FROM pg_stat_activity WHERE application_name = 'rowshift' AND datname = current_database() AND backend_type = 'client backend'`
	for range 2 {
		var pid int
		w.until(other, `count(*) = 1 `+session)
		if err := other.QueryRow(t.Context(), `SELECT pid `+session).Scan(&pid); err != nil {
			t.Fatal(err)
		}
		w.exec(other, fmt.Sprintf(`SELECT pg_terminate_backend(%d)`, pid))
		w.until(other, `EXISTS (SELECT `+session+` AND pid <> $1)`, pid)
	}
	w.exec(other, `INSERT INTO a VALUES (1)`)
	if d := cmp.Diff([]string{"insert a new(1)"}, f.read(w.marked())); d != "" {
		t.Error(d)
	}
	if err := f.Acknowledge(t.Context(), f.ends[0]); err != nil {
		t.Error(err)
	}
}

// TestASessionThatWasCutOff shows that a watcher whose session could not be opened, with
// nobody to say why, opens one before the next look. A server that has just begun to shut
// down may be what cut it off.
func TestASessionThatWasCutOff(t *testing.T) {
	w := newWorld(t)
	watcher := &watcher{Origin: w.Origin}
	port := w.program.Port
	w.program.Port = 1 // where nobody listens
	if conn, err := watcher.enter(t.Context()); err == nil {
		shut(conn)
		t.Fatal("somebody listens there")
	}
	w.program.Port = port
	conn := watcher.check(t.Context(), nil)
	if conn == nil {
		t.Fatal("it waits for the next look")
	}
	shut(conn)
}

// TestShutdownWhileTheWarehouseIsAway shows that a server which shuts down is let go by an
// opening that waits to be told what is remembered, since that is in the warehouse.
func TestShutdownWhileTheWarehouseIsAway(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t)
	w := on(newWorld(t), s)
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY)`)
	w.choose(every("a")...)
	w.create()
	start := w.confirmed()
	w.exec(other, `INSERT INTO a VALUES (1)`)
	stopped := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), atMost)
	defer cancel()
	_, _, err := w.Open(ctx, replicator.OpenRequest{After: start, Known: func(ctx context.Context) (replicator.Known, error) {
		go func() { stopped <- s.Stop(pgtest.Fast) }()
		<-ctx.Done()
		return replicator.Known{}, ctx.Err()
	}})
	if err == nil || ctx.Err() != nil || replicator.Final(err) {
		t.Errorf("got %v", err)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}
