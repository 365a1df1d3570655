package postgres

import (
	"context"
	"errors"
	"testing"
	"time"

	"rowshift/replicator"
)

// TestSettleWaits shows, for each way in which a transaction can linger, that settle waits
// for its end and says what it waits for.
func TestSettleWaits(t *testing.T) {
	hangUp := func(w *world, third, other *session) {
		w.until(third, `pg_terminate_backend($1)`, other.PgConn().PID())
	}
	tests := []struct {
		name  string
		begin string // by another session
		said  []string
		end   func(w *world, third, other *session)
	}{
		{
			name:  "in progress",
			begin: `SET application_name = 'nightly job'; BEGIN; INSERT INTO a VALUES (1)`,
			said:  []string{"session", "(nightly job)", "since"},
			end:   hangUp,
		},
		{
			name:  "in a subtransaction",
			begin: `BEGIN; SAVEPOINT s; INSERT INTO a VALUES (1); RELEASE s`,
			said:  []string{"session"},
			end:   hangUp,
		},
		{
			name:  "two of them",
			begin: `BEGIN; INSERT INTO a VALUES (1); PREPARE TRANSACTION 'b'; BEGIN; INSERT INTO a VALUES (2)`,
			said:  []string{"and 1 more"},
			end: func(w *world, third, other *session) {
				hangUp(w, third, other)
				w.exec(third, `COMMIT PREPARED 'b'`)
			},
		},
		{
			name:  "prepared",
			begin: `BEGIN; INSERT INTO a VALUES (1); PREPARE TRANSACTION 'order 7'`,
			said:  []string{`prepared transaction "order 7"`, "COMMIT PREPARED"},
			end: func(w *world, third, _ *session) {
				w.exec(third, `ROLLBACK PREPARED 'order 7'`)
			},
		},
		{
			name:  "waits for a standby",
			begin: `SET synchronous_commit = on; INSERT INTO a VALUES (1)`,
			said:  []string{"synchronous standby"},
			end: func(w *world, third, other *session) {
				w.until(third, `pg_cancel_backend($1)`, other.PgConn().PID())
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			other, third, ours := w.dial(), w.dial(), w.ours()
			w.exec(third, `CREATE TABLE a (id int)`)
			begun := make(chan struct{})
			go func() {
				defer close(begun)
				_, _ = other.Exec(context.Background(), test.begin) // ends when test.end does
			}()
			w.until(third, `EXISTS (SELECT FROM pg_locks WHERE locktype = 'relation' AND relation = 'a'::regclass)`)
			settled := make(chan error, 1)
			go func() { settled <- w.settle(t.Context(), ours) }()
			w.heard(test.said...)
			select {
			case err := <-settled:
				t.Errorf("settled before the end: %v", err)
			default:
			}
			test.end(w, third, other)
			if err := <-settled; err != nil {
				t.Error(err)
			}
			<-begun
		})
	}
}

// TestSettlePasses shows that settle does not wait for transactions that only read or began
// later.
func TestSettlePasses(t *testing.T) {
	w := newWorld(t)
	reads := w.dial()
	w.exec(reads, `BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM pg_class`)
	ctx, cancel := context.WithTimeout(t.Context(), atMost)
	defer cancel()
	if err := w.settle(ctx, w.ours()); err != nil {
		t.Fatalf("%v, after it said %q", err, w.said)
	}
	if len(w.said) > 0 {
		t.Errorf("said %q", w.said)
	}
}

func TestSettleEndsWithItsContext(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int); BEGIN; INSERT INTO a VALUES (1)`)
	ctx, cancel := context.WithCancel(t.Context())
	settled := make(chan error, 1)
	ours := w.ours()
	go func() { settled <- w.settle(ctx, ours) }()
	w.heard("session")
	cancel()
	select {
	case err := <-settled:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	case <-time.After(atMost):
		t.Error("still waits")
	}
}

// TestMark shows where a mark lies: at or after every commit before the call, and before
// the end of what is flushed, even though a standby is missing.
func TestMark(t *testing.T) {
	w := newWorld(t)
	other, ours := w.dial(), w.ours()
	w.exec(other, `CREATE TABLE a (id int); SET synchronous_commit = off; INSERT INTO a VALUES (1)`)
	before := w.lsn(other, `pg_current_wal_insert_lsn()`)
	at, err := w.mark(t.Context(), ours)
	if err != nil {
		t.Fatal(err)
	}
	if at <= before {
		t.Errorf("marked %s, and what committed before ends at %s", at, before)
	}
	if flushed := w.lsn(other, `pg_current_wal_flush_lsn()`); flushed <= at {
		t.Errorf("marked %s, and only %s is flushed", at, flushed)
	}
	again, err := w.mark(t.Context(), ours)
	if err != nil {
		t.Fatal(err)
	}
	if again <= at {
		t.Errorf("marked %s after %s", again, at)
	}
	if ours.PgConn().TxStatus() != 'I' {
		t.Errorf("the session is left in a transaction")
	}
}

// lsn asks the server for a position.
func (w *world) lsn(conn *session, expression string) replicator.LSN {
	w.t.Helper()
	var text string
	if err := conn.QueryRow(w.t.Context(), `SELECT `+expression+`::text`).Scan(&text); err != nil {
		w.t.Fatal(err)
	}
	lsn, err := replicator.ParseLSN(text)
	if err != nil {
		w.t.Fatal(err)
	}
	return lsn
}
