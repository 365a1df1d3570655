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

// session is a client's session, with its session on the backing server.
type session struct {
	server      *Server
	client      net.Conn
	wire        *pgproto3.Backend
	backing     *pgconn.PgConn
	user        string // the role; of IAM:name it is name alone
	application string
	database    string
	encoding    string
	superuser   bool
	level       Isolation
	parameters  map[string]string // the parameters with which the backing session is opened
	given       map[string]bool   // the parameters that the client gave, by lower-case name
	secret      uint32
	idle        time.Duration // how long it may be idle before it is ended; 0: never

	inTransaction atomic.Bool
	running       interruption
	ended         atomic.Bool // it was ended by the server, which says good-bye itself

	asked     atomic.Pointer[string]   // the statement that runs or ran last, as the client wrote it
	query     int64                    // the number of the statement that runs
	own       map[string]*ownStatement // the statements of the stand-in's own that have come, by their text
	told      map[string]string        // the settings as they were last reported to the client
	temporary bool                     // it has made a temporary table
	lost      error                    // why the client was gone when a statement of its began to run

	transaction transaction
	aside       aside
	folding     bool // names in quotes keep their case

	failed   bool // a message of the extended protocol failed, so all until Sync are skipped
	ahead    pgproto3.FrontendMessage
	prepared map[string]*preparation
	portals  map[string]*portal
}

// errGone means that the client has left or was dropped.
var errGone = errors.New("redshifttest: the client is gone")

// errEnded means that the server ended the session.
var errEnded = errors.New("redshifttest: the session was ended")

// attend serves one connection to its end.
func (s *Server) attend(conn net.Conn) {
	c := &session{server: s, client: conn, prepared: map[string]*preparation{}, portals: map[string]*portal{}, told: map[string]string{}, own: map[string]*ownStatement{}}
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

// register adds a session to the server's. It returns false if the server is being
// closed.
func (s *Server) register(c *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.sessions[int(c.backing.PID())] = c
	return true
}

// unregister removes a session from the server's, and reports whether its transaction
// stays open without it: that a client has vanished is noticed only when something is
// sent to it.
func (s *Server) unregister(c *session, why error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, int(c.backing.PID()))
	return errors.Is(why, errGone) && c.backing.TxStatus() != 'I' && !s.closed && !c.backing.IsClosed()
}

// haunt keeps the transaction and locks of a client that has vanished, until the session
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

// serve answers messages. It returns nil when the client says good-bye, and errGone when
// the client is gone.
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
			return errEnded // the session was terminated
		}
	}
}

// receive returns the next message. It says good-bye to a client that is silent for too
// long.
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

// interruption wakes a session from whatever it waits for outside of the backing server.
type interruption struct {
	mu      sync.Mutex
	wake    chan struct{}
	message string
	query   int64
}

// begin makes the statement with this number the one that strike interrupts.
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

// strike interrupts the running statement, if there is one. If message is not empty, its
// client is told that.
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

// struck returns a channel that is closed once the statement is interrupted.
func (i *interruption) struck() <-chan struct{} {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.wake
}

// words returns what the client of an interrupted statement is told.
// https://docs.aws.amazon.com/redshift/latest/dg/r_CANCEL.html
func (i *interruption) words() (message string, query int64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.message, i.query
}
