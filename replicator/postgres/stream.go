package postgres

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"rowshift/replicator"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

const (
	// readBuffer is how much of the stream is read at once. The walsender flushes each
	// message by itself.
	readBuffer = 256 << 10

	// sendAtLeast and sendAtMost bound how often a position that grew, or the same one,
	// is sent.
	sendAtLeast = 10 * time.Second
	sendAtMost  = 100 * time.Millisecond

	// urgeWithin is how soon a server that is shutting down asks again after an answer,
	// and urgeFor how long it has to go on asking to be believed: a healthy one asks once in
	// half its wal_sender_timeout.
	urgeWithin = 100 * time.Millisecond
	urgeFor    = time.Second

	// silentFor is how many heartbeats may pass without a word of a server that was
	// asked for one.
	silentFor = 3
)

// stream is the slot's stream. It implements replicator.Source and is used by one
// goroutine.
type stream struct {
	origin   *Origin
	conn     net.Conn
	in       *bufio.Reader
	frontend *pgproto3.Frontend
	decoder  decoder

	heartbeat time.Duration
	resend    time.Duration // how long the server may go without a status update

	position replicator.LSN // everything that committed up to it has been received
	acked    replicator.LSN
	sent     replicator.LSN // the position in the last status update
	sentAt   time.Time
	heard    time.Time // when the server last said something
	answered time.Time // when it was last answered
	urged    time.Time // since when it asks and asks

	ctx    context.Context // whose end ends a read
	unhook func() bool
	closed bool
}

// Next implements replicator.Source.
func (s *stream) Next(ctx context.Context, wait time.Duration) (replicator.Change, error) {
	if c, ok := s.decoder.nextTruncated(); ok {
		return c, nil
	}
	if wait <= 0 || wait > s.heartbeat {
		wait = s.heartbeat
	}
	s.watch(ctx)
	var until time.Time
	for {
		if s.in.Buffered() == 0 && s.frontend.ReadBufferLen() == 0 {
			if until.IsZero() {
				until = time.Now().Add(wait)
			}
			if err := s.conn.SetReadDeadline(until); err != nil {
				return replicator.Change{}, s.broken(err)
			}
			if err := ctx.Err(); err != nil {
				return replicator.Change{}, err
			}
		}
		message, err := s.frontend.Receive()
		switch {
		case err == nil:
			if !until.IsZero() {
				s.heard, until = time.Now(), time.Time{}
			}
			c, ok, err := s.take(message)
			if ok || err != nil {
				return c, err
			}
		case errors.Is(err, os.ErrDeadlineExceeded):
			return s.quiet(ctx, wait)
		default:
			return replicator.Change{}, s.broken(err)
		}
	}
}

// watch makes the end of ctx end a read.
func (s *stream) watch(ctx context.Context) {
	if s.ctx == ctx {
		return
	}
	if s.unhook != nil {
		s.unhook()
	}
	s.ctx = ctx
	s.unhook = context.AfterFunc(ctx, func() { _ = s.conn.SetReadDeadline(time.Unix(1, 0)) })
}

// quiet answers a wait in which nothing came. Once a heartbeat it asks the server
// where it is, so that an idle slot moves and a dead link is noticed.
func (s *stream) quiet(ctx context.Context, wait time.Duration) (replicator.Change, error) {
	if err := ctx.Err(); err != nil {
		return replicator.Change{}, err
	}
	now := time.Now()
	if now.Sub(s.heard) > silentFor*s.heartbeat {
		return replicator.Change{}, s.broken(fmt.Errorf("the server has said nothing for %v", now.Sub(s.heard).Round(time.Second)))
	}
	if wait == s.heartbeat || now.Sub(s.sentAt) >= s.heartbeat {
		if err := s.send(true); err != nil {
			return replicator.Change{}, err
		}
	}
	return replicator.Change{Op: replicator.Mark, LSN: s.position}, nil
}

// take handles one message of the server; false if it holds no change.
func (s *stream) take(message pgproto3.BackendMessage) (replicator.Change, bool, error) {
	switch m := message.(type) {
	case *pgproto3.CopyData:
		return s.copied(m.Data)
	case *pgproto3.ErrorResponse:
		err := &fault{code: m.Code, message: m.Message}
		if passing(m.Code) {
			return replicator.Change{}, false, fmt.Errorf("postgres: the stream ended: %w", err)
		}
		return replicator.Change{}, false, s.origin.undecodable(s.position, err)
	case *pgproto3.CopyDone, *pgproto3.CommandComplete:
		return replicator.Change{}, false, fmt.Errorf("postgres: the server ended the stream: %w", io.EOF)
	}
	return replicator.Change{}, false, nil // a notice, a parameter that changed
}

// copied handles a message of the replication protocol: log, or a keepalive.
func (s *stream) copied(b []byte) (replicator.Change, bool, error) {
	const header = 1 + 8 + 8 + 8
	switch {
	case len(b) >= header && b[0] == 'w':
		c, ok, err := s.decoder.decode(b[header:])
		if c.Op == replicator.Commit && ok {
			s.position = max(s.position, c.LSN)
		}
		return c, ok, err
	case len(b) >= 18 && b[0] == 'k':
		return s.keepalive(replicator.LSN(binary.BigEndian.Uint64(b[1:])), b[17] == 1)
	}
	return replicator.Change{}, false, fmt.Errorf("postgres: a replication message of %d bytes that cannot be read", len(b))
}

// keepalive handles the server's word that everything committed before end has been
// sent.
func (s *stream) keepalive(end replicator.LSN, reply bool) (replicator.Change, bool, error) {
	s.position = max(s.position, end)
	s.heard = time.Now()
	mark := replicator.Change{Op: replicator.Mark, LSN: end}
	if !reply {
		return mark, true, nil
	}
	switch {
	case s.heard.Sub(s.answered) > urgeWithin:
		s.urged = time.Time{}
	case s.urged.IsZero():
		s.urged = s.heard
	default:
		mark.Urge = s.heard.Sub(s.urged) >= urgeFor
	}
	s.answered = s.heard
	return mark, true, s.send(false)
}

// Acknowledge implements replicator.Source.
func (s *stream) Acknowledge(_ context.Context, lsn replicator.LSN) error {
	s.acked = max(s.acked, lsn)
	since := time.Since(s.sentAt)
	if since >= s.resend || s.acked > s.sent && since >= sendAtMost {
		return s.send(false)
	}
	return nil
}

// send sends a status update: one position for written, flushed and applied, never
// zero, and never more than was acknowledged.
// https://www.postgresql.org/docs/current/protocol-replication.html#PROTOCOL-REPLICATION-STANDBY-STATUS-UPDATE
func (s *stream) send(reply bool) error {
	b := make([]byte, 0, 39)
	b = append(b, 'd')
	b = binary.BigEndian.AppendUint32(b, 38)
	b = append(b, 'r')
	for range 3 {
		b = binary.BigEndian.AppendUint64(b, uint64(s.acked))
	}
	now := time.Now()
	b = binary.BigEndian.AppendUint64(b, uint64(now.Sub(zeroTime).Microseconds()))
	if reply {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	if err := s.conn.SetWriteDeadline(now.Add(time.Minute)); err != nil {
		return s.broken(err)
	}
	if _, err := s.conn.Write(b); err != nil {
		return s.broken(err)
	}
	s.sent, s.sentAt = s.acked, now
	return nil
}

// Close implements replicator.Source.
func (s *stream) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	if s.unhook != nil {
		s.unhook()
	}
	if s.acked > s.sent {
		_ = s.send(false) // if it does not arrive, the transactions come again and are skipped
	}
	_ = s.conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = s.conn.Write([]byte{'c', 0, 0, 0, 4, 'X', 0, 0, 0, 4}) // CopyDone, Terminate
	return s.conn.Close()
}

func (s *stream) broken(err error) error { return fmt.Errorf("postgres: the stream broke: %w", err) }

// takeOver makes a stream of a connection on which replication has started.
func (o *Origin) takeOver(conn *pgconn.PgConn, in *bufio.Reader, m matcher, after replicator.LSN, timeout time.Duration) (*stream, error) {
	h, err := conn.Hijack()
	if err != nil {
		return nil, fmt.Errorf("postgres: take over the stream: %w", err)
	}
	now := time.Now()
	s := &stream{
		origin: o, conn: h.Conn, in: in, frontend: h.Frontend,
		decoder:   decoder{match: m.match, relations: map[uint32]*relation{}},
		heartbeat: o.options.Heartbeat, resend: sendAtLeast,
		position: after, acked: after, sentAt: now, heard: now, ctx: context.Background(),
	}
	if timeout > 0 {
		s.resend = min(s.resend, timeout/4)
	}
	return s, s.send(true)
}
