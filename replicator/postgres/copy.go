package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"rowshift/replicator"
	"rowshift/replicator/postgres/render"
)

// errClosed is the error of a snapshot that was closed.
var errClosed = errors.New("postgres: the snapshot is closed")

// Copy reads the rows of a range by a COPY of its own. They come as the text of the output
// functions that write the stream's values, under the same settings, or in the binary
// format and are rendered to that text; so both are the same to the byte. Rows that were
// written count only if Copy returns no error: only then has it seen that the tables stayed
// locked all the while.
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

// read copies a range on a session that imported the snapshot.
func (s *snapshot) read(ctx context.Context, conn *session, r replicator.Range, write func(replicator.Tuple) error) error {
	rows, statement := s.reads(r, write)
	tag, err := conn.PgConn().CopyTo(ctx, rows, statement)
	if err == nil {
		err = rows.Close()
	}
	if errors.Is(err, render.ErrMalformed) {
		s.textOnly.addTable(r.Table.OID)
	}
	if err != nil {
		return unreadable(ctx, conn, r.Table, bare(err))
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

// copyRows parses what a COPY sends. Its Close returns an error if that was not complete.
type copyRows interface {
	io.WriteCloser
	count() int64 // of rows
}

// reads returns the statement that reads a range, and the parser of its rows.
func (s *snapshot) reads(r replicator.Range, write func(replicator.Tuple) error) (rows copyRows, statement string) {
	if forms := s.forms[r.Table.OID]; forms != nil {
		return &copyBinary{forms: forms, write: write}, copyOf(r) + " (FORMAT binary)"
	}
	return &copyText{columns: len(r.Table.Columns), write: write}, copyOf(r)
}

// ended returns why the snapshot was given up or closed, or err if it was not.
func (s *snapshot) ended(err error) error {
	if cause := context.Cause(s.life); cause != nil {
		return cause
	}
	return err
}

// readers are the sessions that read one snapshot. They are opened when they are needed,
// and there are at most as many as seats. Each keeps the transaction that imported the
// snapshot open for the next range.
type readers struct {
	open  func(context.Context) (*session, error)
	seats chan struct{}

	mu     sync.Mutex
	closed bool
	idle   []*session
	busy   map[*session]struct{}
}

func newReaders(seats int, open func(context.Context) (*session, error)) *readers {
	return &readers{open: open, seats: make(chan struct{}, seats), busy: map[*session]struct{}{}}
}

// take returns a session that nobody else uses, and waits for one if there is no free seat.
// The caller gives it back by put or drop.
func (r *readers) take(ctx context.Context) (*session, error) {
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

// rested removes an idle session from the idle ones and returns it, nil if there is none.
func (r *readers) rested() *session {
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

// put gives back a session that is fit to read the next range.
func (r *readers) put(conn *session) {
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
func (r *readers) drop(conn *session) {
	r.mu.Lock()
	delete(r.busy, conn)
	r.mu.Unlock()
	shut(conn)
	<-r.seats
}

// pids returns the process IDs that the server has for all sessions.
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

// close ends all sessions, and waits until those that are reading have ended. It closes
// their sockets under them: a session whose rows nobody takes just now would keep its locks
// otherwise.
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
