package redshifttest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// SetResizing begins or ends a resize of the cluster, during which it is read-only.
// https://docs.aws.amazon.com/redshift/latest/mgmt/managing-cluster-operations.html
func (s *Server) SetResizing(on bool) { s.resizing.Store(on) }

// harmless are the classes of statements that a cluster accepts while it is being
// resized.
var harmless = map[string]bool{
	"SELECT": true, "SHOW": true, "SET": true, "BEGIN": true, "COMMIT": true, "ROLLBACK": true,
	"DECLARE": true, "FETCH": true, "CLOSE": true, "CANCEL": true,
}

// limit refuses writes while the cluster is being resized. The text is among those that
// github.com/rudderlabs/rudder-server knows; the SQLSTATE is on
// https://segment.com/docs/connections/storage/warehouses/warehouse-errors/.
func (s *Server) limit(class string) error {
	if !s.resizing.Load() || harmless[class] {
		return nil
	}
	return &Refusal{Code: "57014", Message: resizeText, Rule: "R-160"}
}

const resizeText = "Cannot execute write query because system is in resize mode"

// Stop ends all sessions, rolls back their transactions and refuses connections until
// Start.
func (s *Server) Stop() error {
	s.mu.Lock()
	s.closed = true
	for conn := range s.connections {
		_ = conn.Close()
	}
	for _, c := range s.sessions {
		c.ended.Store(true)
		c.running.strike("")
		_ = c.backing.CancelRequest(context.Background())
	}
	for _, end := range s.ghosts {
		end()
	}
	listener := s.listener
	s.mu.Unlock()
	err := listener.Close()
	s.attended.Wait()
	return err
}

// Start listens again, at the same address.
func (s *Server) Start() error {
	listener, err := net.Listen("tcp", s.Addr())
	if err != nil {
		return fmt.Errorf("redshifttest: %w", err)
	}
	s.mu.Lock()
	s.listener, s.closed = listener, false
	s.mu.Unlock()
	s.listening.Go(func() { s.serve(listener) })
	return nil
}

// restartLater stops the server, and starts it again after a while.
func (s *Server) restartLater(down time.Duration) {
	s.listening.Go(func() {
		if s.Stop() != nil {
			return // it is down already
		}
		timer := time.NewTimer(down)
		defer timer.Stop()
		select {
		case <-timer.C:
			_ = s.Start()
		case <-s.over:
		}
	})
}

// Close ends all sessions and faults.
func (s *Server) Close() error {
	close(s.over)
	s.faults.removeAll()
	err := s.Stop()
	if errors.Is(err, net.ErrClosed) {
		err = nil // it had been stopped already
	}
	s.listening.Wait()
	err = errors.Join(err, s.log.close(context.Background()))
	s.controlMu.Lock()
	defer s.controlMu.Unlock()
	if s.controlConn != nil {
		err = errors.Join(err, s.controlConn.Close(context.Background()))
	}
	return err
}

// cancelBySecret carries out a CancelRequest.
func (s *Server) cancelBySecret(ctx context.Context, m *pgproto3.CancelRequest) error {
	s.mu.Lock()
	c := s.sessions[int(m.ProcessID)]
	s.mu.Unlock()
	if c == nil || len(m.SecretKey) != 4 || c.secret != binary.BigEndian.Uint32(m.SecretKey) {
		return nil
	}
	c.running.strike("")
	return c.backing.CancelRequest(ctx)
}

// cancelStatement runs CANCEL. A superuser may cancel in any session, other users in
// their own.
func (c *session) cancelStatement(ctx context.Context, s *statement) error {
	c.server.mu.Lock()
	other := c.server.sessions[s.cancels]
	c.server.mu.Unlock()
	switch {
	case other == nil:
		c.notice("WARNING", "00000", fmt.Sprintf("PID %d is not a PostgreSQL server process", s.cancels))
	case other.user != c.user && !c.superuser:
		return &Refusal{Code: "42501", Message: "must be superuser to signal other server processes", Rule: "R-017"}
	default:
		other.running.strike(s.message)
		if err := other.backing.CancelRequest(ctx); err != nil {
			return err
		}
	}
	c.complete(s.tag)
	return nil
}

// checkLock refuses LOCK of a view, and LOCK outside of a transaction, where the lock
// would end at once.
// https://docs.aws.amazon.com/redshift/latest/dg/r_LOCK.html
func (c *session) checkLock(ctx context.Context, s *statement) error {
	if c.backing.TxStatus() == 'I' || c.transaction.implicit {
		return ruled("R-107", unknown("LOCK outside of a transaction block locks nothing"))
	}
	var view string
	err := c.server.control(ctx, func(conn *pgx.Conn) error {
		const query = "SELECT coalesce(max(relname), '') FROM pg_class WHERE oid = to_regclass($1) AND relkind <> 'r'"
		for _, name := range s.locks {
			if err := conn.QueryRow(ctx, query, name).Scan(&view); err != nil || view != "" {
				return err
			}
		}
		return nil
	})
	if err == nil && view != "" {
		return &Refusal{Code: "42809", Message: fmt.Sprintf("%q is not a table", view), Rule: "R-106"}
	}
	return err
}
