package postgres

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"rowshift/replicator"
)

// second returns the Origin of another daemon, with the same slot.
func (w *world) second() *Origin {
	o := New(w.options)
	o.silent = 200 * time.Millisecond
	return o
}

// TestAlone shows that only one daemon at a time makes the slot. Another one waits, says
// so, and goes on as soon as the first is done. No setting of the role ends the first one's
// session while it is idle.
func TestAlone(t *testing.T) {
	w := newWorld(t)
	w.named(true)
	w.exec(w.dial(), fmt.Sprintf("CREATE ROLE %[1]s LOGIN SUPERUSER; ALTER ROLE %[1]s SET idle_session_timeout = '2s'", w.role()))
	w.program.User = w.role()
	within, let, done := make(chan struct{}), make(chan struct{}), make(chan error, 2)
	go func() {
		done <- w.Alone(t.Context(), func(context.Context) error {
			close(within)
			<-let
			_, err := w.alone.Exec(t.Context(), "DO $$ BEGIN ASSERT current_setting('idle_session_timeout') = '0'; END $$")
			return err
		})
	}()
	<-within
	if s, err := w.SlotState(t.Context()); err != nil || !s.Making {
		t.Errorf("%+v, %v", s, err)
	}
	other := New(w.options)
	go func() {
		done <- other.Alone(t.Context(), func(context.Context) error {
			select {
			case <-let:
				return nil
			default:
				return errors.New("two make the slot at a time")
			}
		})
	}()
	w.heard("which another daemon makes, in server process")
	close(let)
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	w.deserted()
	if s, err := w.SlotState(t.Context()); err != nil || s.Making {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestAloneTakesOver shows that nobody waits for a daemon that has gone silent, and that
// this daemon drops no slot once another has taken its place.
func TestAloneTakesOver(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY)`)
	w.choose(every("a")...)
	w.named(true)
	if _, err := w.Create(t.Context(), replicator.CreateRequest{}); err != nil {
		t.Fatal(err)
	}
	err := w.Alone(t.Context(), func(ctx context.Context) error {
		took := false
		if err := w.second().Alone(ctx, func(context.Context) error { took = true; return nil }); err != nil || !took {
			t.Errorf("its place is not taken: %v", err)
		}
		_, err := w.Create(ctx, replicator.CreateRequest{Resumed: true, Reset: true})
		return err
	})
	if err == nil {
		t.Error("a daemon whose place was taken has made the slot anew")
	}
	w.until(other, `EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = current_database())`)
}

// TestAloneWaitsForStrangers shows that a session which is not ours is not ended, however
// silent it is.
func TestAloneWaitsForStrangers(t *testing.T) {
	w := newWorld(t)
	w.named(true)
	theirs := w.dial()
	if _, err := theirs.Exec(t.Context(), `SELECT pg_advisory_lock($1)`, w.slotKey()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 600*time.Millisecond)
	defer cancel()
	if err := w.second().Alone(ctx, func(context.Context) error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	w.exec(theirs, `SELECT 1`)
}
