package postgres

import (
	"testing"
)

// TestHandOverWaitsForAHungCommit shows that a snapshot sees what was committed before the
// slot's first transaction and hangs on its standby.
func TestHandOverWaitsForAHungCommit(t *testing.T) {
	s := newStage(t)
	wrong, err := s.behind(snapshotted, unseen, true)
	if err != nil || wrong != "" {
		t.Error(wrong, err)
	}
}

// behind is play with one order of events instead of chance. A transaction commits before
// the slot's first one, so the stream does not bring it, and still hangs on its standby
// when a view is begun, so a view that does not wait for it does not see it. waits says
// whether take waits.
//
// While a slot is made, it waits twice for running transactions, and it brings what commits
// after that. The second time it does not wait for what began meanwhile: see the states of
// SnapBuild in
// https://github.com/postgres/postgres/blob/REL_15_STABLE/src/backend/replication/logical/snapbuild.c
func (s *stage) behind(take taking, applied rule, waits bool) (wrong string, err error) {
	third, first, second, hung := s.dial(), s.writers[0].conn, s.writers[1].conn, s.writers[2].conn
	s.drop(s.admin)
	s.exec(first, `BEGIN; INSERT INTO a VALUES (1, 'first')`)
	made := s.beside(func() error { return s.slot(s.t.Context(), s.admin) })
	s.waitedFor(third, first)
	s.exec(second, `BEGIN; INSERT INTO a VALUES (2, 'second')`)
	s.exec(first, `COMMIT`)
	s.waitedFor(third, second)
	committed := s.beside(func() error {
		_, err := hung.Exec(s.t.Context(), `SET synchronous_commit = on; INSERT INTO a VALUES (3, 'hung')`)
		return err
	})
	s.until(third, `EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'SyncRep')`, hung.PgConn().PID())
	s.exec(second, `COMMIT`)
	if err := <-made; err != nil {
		return "", err
	}
	var v view
	taken := s.beside(func() (err error) { v, err = take(s.t.Context(), s, s.tables); return err })
	if waits {
		s.heard("synchronous standby")
	} else if err := <-taken; err != nil {
		return "", err
	}
	s.until(third, `pg_cancel_backend($1)`, hung.PgConn().PID())
	if err := <-committed; err != nil {
		return "", err
	}
	if waits {
		if err := <-taken; err != nil {
			return "", err
		}
	}
	stream, err := s.streamed(s.t.Context())
	return judge(v, stream, applied, s.held()), err
}

// beside calls do in another goroutine, and sends how it ended.
func (s *stage) beside(do func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	return done
}

// waitedFor waits until somebody waits for the transaction of a session.
func (s *stage) waitedFor(third, conn *session) {
	s.t.Helper()
	s.until(third, `EXISTS (SELECT FROM pg_locks AS w JOIN pg_locks AS h USING (transactionid)
		WHERE w.locktype = 'transactionid' AND NOT w.granted AND h.granted AND h.pid = $1)`, conn.PgConn().PID())
}
