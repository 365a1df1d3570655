package redshifttest

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// session is one client's, with its session on the backing server.
type session struct {
	server      *Server
	client      net.Conn
	wire        *pgproto3.Backend
	backing     *pgconn.PgConn
	user        string // the role; IAM:name is a way in, not a name
	application string
	database    string
	encoding    string
	superuser   bool
	level       Isolation
	parameters  map[string]string // that the backing session is opened with
	given       map[string]bool   // by lower-case name, those that the client gave
	secret      uint32
	idle        time.Duration // after which it is ended; 0: never

	inTransaction atomic.Bool
	running       interruption
	ended         atomic.Bool // by the server, which says good-bye by itself

	asked     atomic.Pointer[string] // the statement that runs, or ran last, as it came
	query     int64                  // the number of the statement that runs
	told      map[string]string      // settings, as they were reported
	temporary bool                   // it has made a temporary table
	lost      error                  // the client went, and a statement of its runs

	transaction transaction
	aside       aside
	folding     bool // names in quotes keep their case

	failed   bool // a message of the extended protocol failed: all until Sync is skipped
	ahead    pgproto3.FrontendMessage
	prepared map[string]*preparation
	portals  map[string]*portal
}

// errGone says that the client has left, or was dropped.
var errGone = errors.New("redshifttest: the client is gone")

// errEnded says that the session was ended by the server.
var errEnded = errors.New("redshifttest: the session was ended")

// attend serves one connection to its end.
func (s *Server) attend(conn net.Conn) {
	c := &session{server: s, client: conn, prepared: map[string]*preparation{}, portals: map[string]*portal{}, told: map[string]string{}}
	ctx, cancel := context.WithCancel(context.Background())
	defer func() {
		cancel()
		s.mu.Lock()
		delete(s.connections, conn)
		s.mu.Unlock()
		c.aside.close()
		_ = c.client.Close()
	}()
	ok, err := c.begin(ctx)
	if err != nil || !ok {
		if c.backing != nil {
			_ = c.backing.Close(ctx)
		}
		return
	}
	if !s.register(c) {
		_ = c.backing.Close(ctx)
		return
	}
	c.wire.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	err = c.wire.Flush()
	if err == nil {
		err = c.serve(ctx)
	}
	if s.unregister(c, err) {
		s.haunt(c)
		return
	}
	_ = c.backing.Close(ctx)
}

// register makes a session known; false if the server is being closed.
func (s *Server) register(c *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.sessions[int(c.backing.PID())] = c
	return true
}

// unregister forgets a session, and tells whether its transaction stays without it: a
// client that vanishes is missed only when it is spoken to.
func (s *Server) unregister(c *session, why error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, int(c.backing.PID()))
	return errors.Is(why, errGone) && c.backing.TxStatus() != 'I' && !s.closed && !c.backing.IsClosed()
}

// haunt keeps the transaction of a client that has vanished, with its locks, until it
// is terminated or has been idle for too long.
func (s *Server) haunt(c *session) {
	limit := s.options.IdleInTransactionTimeout
	ctx, cancel := context.WithCancel(context.Background())
	if limit > 0 {
		ctx, cancel = context.WithTimeout(ctx, limit)
	}
	defer cancel()
	s.mu.Lock()
	s.ghosts[c] = cancel
	if s.closed {
		cancel()
	}
	s.mu.Unlock()
	for c.backing.WaitForNotification(ctx) == nil {
	}
	_ = c.backing.Close(context.WithoutCancel(ctx))
	s.mu.Lock()
	delete(s.ghosts, c)
	s.mu.Unlock()
}

// serve answers messages until the client says good-bye: nil, or is gone: errGone.
func (c *session) serve(ctx context.Context) error {
	for {
		message, err := c.receive()
		if err != nil {
			return err
		}
		if _, bye := message.(*pgproto3.Terminate); bye {
			return nil
		}
		if err := c.answer(ctx, message); err != nil {
			return err
		}
		c.inTransaction.Store(c.backing.TxStatus() != 'I')
		if c.backing.IsClosed() {
			_ = c.wire.Flush()
			return errEnded // it was terminated
		}
	}
}

// receive returns the next message. A client that is silent for too long is told
// good-bye.
func (c *session) receive() (pgproto3.FrontendMessage, error) {
	if m := c.ahead; m != nil {
		c.ahead = nil
		return m, nil
	}
	limit, words := c.idle, "terminating connection due to idle session timeout"
	if t := c.server.options.IdleInTransactionTimeout; c.backing.TxStatus() != 'I' && t > 0 {
		limit, words = t, "terminating connection due to idle-in-transaction timeout"
	}
	var until time.Time
	if limit > 0 {
		until = time.Now().Add(limit)
	}
	if err := c.client.SetReadDeadline(until); err != nil {
		return nil, errGone
	}
	m, err := c.wire.Receive()
	switch {
	case err == nil:
		return m, nil
	case c.ended.Load():
		return nil, errEnded
	case errors.Is(err, os.ErrDeadlineExceeded):
		_ = c.fatal(&Refusal{Code: "57P05", Message: words, Rule: "R-150"})
		return nil, errEnded
	}
	return nil, errGone
}

// interruption is the way to wake what a session waits for outside the backing server.
type interruption struct {
	mu      sync.Mutex
	wake    chan struct{}
	message string
	query   int64
}

// begin makes a statement of this number one that can be interrupted.
func (i *interruption) begin(query int64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.wake, i.message, i.query = make(chan struct{}), "", query
}

func (i *interruption) end() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.wake = nil
}

// strike interrupts the statement that runs, if one does. The message, if any, is what
// its client is to see.
func (i *interruption) strike(message string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.wake == nil {
		return
	}
	i.message = message
	select {
	case <-i.wake:
	default:
		close(i.wake)
	}
}

// struck is closed once the statement is interrupted.
func (i *interruption) struck() <-chan struct{} {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.wake
}

// words is what the client of an interrupted statement is told.
// https://docs.aws.amazon.com/redshift/latest/dg/r_CANCEL.html
func (i *interruption) words() (message string, query int64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.message, i.query
}
