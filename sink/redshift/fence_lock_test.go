package redshift

import (
	"context"
	"strings"
	"testing"
	"time"

	"rowshift/replicator"
	"rowshift/test/redshifttest"

	"github.com/jackc/pgx/v5"
)

// begun opens a session of the loader's user that has begun a transaction and run statements in
// it. It sets its application name only after it has connected, so that its statements are not
// recorded as the daemon's.
func (w *world) begun(application string, statements ...string) *pgx.Conn {
	w.t.Helper()
	conn, err := pgx.ConnectConfig(w.t.Context(), must(w.config("loader")(w.t.Context())))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.PgConn().Conn().Close() })
	for _, sql := range append([]string{"SET application_name TO '" + application + "'", "BEGIN"}, statements...) {
		if _, err := conn.Exec(w.t.Context(), sql); err != nil {
			w.t.Fatal(err)
		}
	}
	return conn
}

const lockFence = "LOCK rowshift_accounts.fence"

// A daemon that died inside its transaction leaves a session that holds the fence.
func TestFenceEndsWhoVanishedHoldingIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	upper := func(o *Options) { o.MetadataSchema = "Rowshift_Accounts" }
	w.fence(w.warehouse(upper))
	holder := w.begun("rowshift/accounts", lockFence, "UPDATE rowshift_accounts.checkpoint SET lsn = '0/FF'")
	if err := holder.PgConn().Conn().Close(); err != nil { // without good-bye
		t.Fatal(err)
	}
	if c := w.fence(w.warehouse(upper)); c.Epoch != 2 || c.LSN != 100 {
		t.Errorf("took over epoch %d at %v", c.Epoch, c.LSN)
	}
}

// Redshift shows application names to superusers only.
func TestFenceEndsWhoHoldsItWithoutAKnownName(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fence(w.warehouse(nil))
	w.begun("rowshift/accounts", lockFence)
	hidden := w.server.Inject(redshifttest.Fault{Match: "sys_connection_log", Code: "42501", Message: "permission denied for relation sys_connection_log"})
	defer hidden.Remove()
	if c := w.fence(w.warehouse(nil)); c.Epoch != 2 || hidden.Hits() == 0 {
		t.Errorf("took over epoch %d; the name was asked for %d times", c.Epoch, hidden.Hits())
	}
}

// Sessions of our user that do not belong to a daemon are waited for, and never ended: one with
// another application name that locks the fence, and one that only reads it.
func TestFenceEndsNobodyElse(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{"locking": lockFence, "reading": "SELECT COUNT(*) FROM rowshift_accounts.fence"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.fence(w.warehouse(nil))
			application := "psql"
			if name == "reading" {
				application = "rowshift/accounts"
			}
			admin := w.begun(application, statement)
			looked := w.server.Inject(redshifttest.Fault{Match: "svv_transactions", Nth: 2}) // by then, the first look has ended nobody
			defer looked.Remove()
			taken := make(chan replicator.Checkpoint, 1)
			go func() {
				c, err := w.warehouse(nil).Fence(t.Context(), first())
				if err != nil {
					t.Error(err)
				}
				taken <- c
			}()
			<-looked.Reached()
			if _, err := admin.Exec(t.Context(), "ROLLBACK"); err != nil {
				t.Errorf("the session was ended: %v", err)
			}
			if c := <-taken; c.Epoch != 2 {
				t.Errorf("took over epoch %d", c.Epoch)
			}
		})
	}
}

// A merge does not wait for ever for a client that vanished with the fence: its pass ends, and
// the next one ends the client's session.
func TestMergeDoesNotWaitForWhoVanished(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, table := w.withWords()
	r.options.FenceWait = 300 * time.Millisecond
	holder := w.begun("rowshift/accounts", lockFence)
	if err := holder.PgConn().Conn().Close(); err != nil { // without good-bye
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	m := w.merging(w.stage(batch(t, table, "insert a|1|x"))...)
	_, err := r.Merge(ctx, m)
	if err == nil || codeOf(err) != cancelled || replicator.Retryable(err) || replicator.Final(err) || !strings.Contains(err.Error(), "kept the fence locked") {
		t.Fatalf("%v", err)
	}
	w.unmoved()
	m.Checkpoint.Epoch = w.fence(r).Epoch
	r.options.FenceWait = 0 // no limit
	if _, err := r.Merge(t.Context(), m); err != nil {
		t.Error(err)
	}
	w.want(w.words(), "a|1|x")
}

// If statement_timeout does not end a wait for a lock, the server is asked to cancel it.
func TestALockIsCancelled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, table := w.withWords()
	r.options.FenceWait = 100 * time.Millisecond
	deaf := w.server.Inject(redshifttest.Fault{Class: "LOCK", Stall: -1, Nth: 1})
	m := w.merging(w.stage(batch(t, table, "insert a|1|x"))...)
	if _, err := r.Merge(t.Context(), m); codeOf(err) != cancelled || !strings.Contains(err.Error(), "kept the fence locked") {
		t.Errorf("%v", err)
	}
	deaf.Remove()
	if _, err := r.Merge(t.Context(), m); err != nil {
		t.Error(err)
	}
	w.want(w.words(), "a|1|x")
}

// A resize ends statements as a timeout does. Then nobody is suspected of holding the fence, nor
// is a session ended.
func TestFenceBesideAResize(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, table := w.withWords()
	w.server.SetResizing(true)
	looked := w.server.Inject(redshifttest.Fault{Class: "SELECT", Match: "svv_transactions", Code: "XX000", Message: "assert"})
	if _, err := r.Fence(t.Context(), first(table)); !replicator.Retryable(err) || looked.Hits() != 0 {
		t.Errorf("%v; the holders of the fence were looked for %d times", err, looked.Hits())
	}
	w.server.SetResizing(false)
	w.fence(r, table)
}

// A merge goes on waiting while this daemon applies held changes.
func TestMergeWaitsForWhatIsApplied(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, table := w.withWords()
	r.options.FenceWait = 300 * time.Millisecond
	r.applies.Store(true)
	holder := w.begun("rowshift/accounts", lockFence)
	m := w.merging(w.stage(batch(t, table, "insert a|1|x"))...)
	if _, err := r.Merge(t.Context(), m); codeOf(err) != cancelled || !replicator.Retryable(err) || strings.Contains(err.Error(), "kept the fence locked") {
		t.Errorf("%v", err)
	}
	if _, err := holder.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Error(err)
	}
	r.options.FenceWait = 0 // no limit
	if _, err := r.Merge(t.Context(), m); err != nil {
		t.Error(err)
	}
}

// Once a merge has the fence it has no limit: it waits for whoever has a target. The server is told
// so before the wait begins.
func TestMergeThatHasTheFenceIsNotBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, table := w.withWords()
	limited := w.server.Inject(redshifttest.Fault{Match: setTimeout(r.options.FenceWait), Stall: time.Nanosecond})
	reader := w.begun("psql", "LOCK public_copy.words")
	m := w.merging(w.stage(batch(t, table, "insert a|1|x"))...)
	unlimited := w.server.Inject(redshifttest.Fault{Match: setTimeout(0), Stall: time.Nanosecond})
	merged := make(chan error, 1)
	go func() {
		_, err := r.Merge(t.Context(), m)
		merged <- err
	}()
	w.eventually("the merge waits for the target", func() bool {
		return w.below("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'public_copy.words'::regclass")[0] == "1"
	})
	if limited.Hits() != 1 || unlimited.Hits() != 1 {
		t.Errorf("the limit was set %d times, and taken away %d times", limited.Hits(), unlimited.Hits())
	}
	if _, err := reader.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Error(err)
	}
	if err := <-merged; err != nil {
		t.Error(err)
	}
}
