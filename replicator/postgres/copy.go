package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/jackc/pgx/v5"

	"rowshift/replicator"
	"rowshift/replicator/postgres/render"
)

// errClosed is what is found of a snapshot that was closed.
var errClosed = errors.New("postgres: the snapshot is closed")

// Copy reads the rows of a range by a COPY of its own: as the text of the output
// functions that write the values of the stream, under the same settings, or as what is
// rendered to that text, so that both are the same to the byte. Rows that were written
// count only if Copy returns no error: it then has seen that the tables were locked all
// the while.
func (s *snapshot) Copy(ctx context.Context, r replicator.Range, write func(replicator.Tuple) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.life, func() { cancel(context.Cause(s.life)) })()
	conn, err := s.readers.take(ctx)
	if err != nil {
		return s.ended(err)
	}
	if err := s.read(ctx, conn, r, write); err != nil {
		s.readers.drop(conn)
		return s.ended(err)
	}
	s.readers.put(conn)
	return nil
}

// read copies a range by a session that imported the snapshot.
func (s *snapshot) read(ctx context.Context, conn *pgx.Conn, r replicator.Range, write func(replicator.Tuple) error) error {
	rows, statement := s.reads(r, write)
	tag, err := conn.PgConn().CopyTo(ctx, rows, statement)
	if err == nil {
		err = rows.Close()
	}
	if errors.Is(err, render.ErrMalformed) {
		s.astray.loaded(r.Table.OID)
	}
	if err != nil {
		return unreadable(ctx, conn, r.Table, err)
	}
	if tag.RowsAffected() != rows.count() {
		return fmt.Errorf("postgres: COPY of %s says %d rows and sent %d", r.Table.Name, tag.RowsAffected(), rows.count())
	}
	held, err := alive(ctx, conn, s.lock.vxid)
	if err != nil {
		return fmt.Errorf("postgres: look for the locks: %w", err)
	}
	if !held {
		return fmt.Errorf("%w: the session that holds the locks ended", replicator.ErrYielded)
	}
	return nil
}

// copyRows takes what a COPY sends apart. Its Close tells whether it was whole.
type copyRows interface {
	io.WriteCloser
	count() int64 // of rows
}

// reads returns the statement that reads a range, and what takes its rows apart.
func (s *snapshot) reads(r replicator.Range, write func(replicator.Tuple) error) (rows copyRows, statement string) {
	if forms := s.forms[r.Table.OID]; forms != nil {
		return &copyBinary{forms: forms, write: write}, copyOf(r) + " (FORMAT binary)"
	}
	return &copyText{columns: len(r.Table.Columns), write: write}, copyOf(r)
}

// ended returns why the snapshot was given up, if it was, else err.
func (s *snapshot) ended(err error) error {
	if cause := context.Cause(s.life); cause != nil {
		return cause
	}
	return err
}

// readers are the sessions that read one snapshot: at most as many as there are
// seats, opened when they are wanted. Each holds the transaction open that imported
// it, for the next range.
type readers struct {
	open  func(context.Context) (*pgx.Conn, error)
	seats chan struct{}

	mu     sync.Mutex
	closed bool
	idle   []*pgx.Conn
	busy   map[*pgx.Conn]struct{}
}

func newReaders(seats int, open func(context.Context) (*pgx.Conn, error)) *readers {
	return &readers{open: open, seats: make(chan struct{}, seats), busy: map[*pgx.Conn]struct{}{}}
}

// take returns a session, once there is one that nobody else has. It is to be given
// back by put or drop.
func (r *readers) take(ctx context.Context) (*pgx.Conn, error) {
	select {
	case r.seats <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	conn := r.rested()
	if conn == nil {
		var err error
		if conn, err = r.open(ctx); err != nil {
			<-r.seats
			return nil, err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		shut(conn)
		<-r.seats
		return nil, errClosed
	}
	r.busy[conn] = struct{}{}
	return conn, nil
}

// rested takes a session out of those that are idle; nil if none is.
func (r *readers) rested() *pgx.Conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.idle) == 0 {
		return nil
	}
	last := len(r.idle) - 1
	conn := r.idle[last]
	r.idle = r.idle[:last]
	return conn
}

// put gives a session back that is fit to read the next range.
func (r *readers) put(conn *pgx.Conn) {
	r.mu.Lock()
	delete(r.busy, conn)
	closed := r.closed
	if !closed {
		r.idle = append(r.idle, conn)
	}
	r.mu.Unlock()
	if closed {
		shut(conn)
	}
	<-r.seats
}

// drop ends a session whose COPY failed: it is never used again.
func (r *readers) drop(conn *pgx.Conn) {
	r.mu.Lock()
	delete(r.busy, conn)
	r.mu.Unlock()
	shut(conn)
	<-r.seats
}

// pids returns the server's processes of all sessions.
func (r *readers) pids() []int32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	var pids []int32
	for _, conn := range r.idle {
		pids = append(pids, int32(conn.PgConn().PID()))
	}
	for conn := range r.busy {
		pids = append(pids, int32(conn.PgConn().PID()))
	}
	return pids
}

// close ends all sessions, and waits for those that are reading to have ended. Their
// sockets are closed under them: one whose rows nobody takes just now would keep its
// locks otherwise.
func (r *readers) close() {
	r.mu.Lock()
	r.closed = true
	idle := r.idle
	r.idle = nil
	for conn := range r.busy {
		_ = conn.PgConn().Conn().Close()
	}
	r.mu.Unlock()
	for _, conn := range idle {
		shut(conn)
	}
	for range cap(r.seats) {
		r.seats <- struct{}{}
	}
}
