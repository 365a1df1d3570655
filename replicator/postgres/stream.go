package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"rowshift/replicator"
)

const (
	// sendAtLeast is the longest time between two status updates, even if the position
	// stays the same. sendAtMost is the shortest time after which a position that grew is
	// sent.
	sendAtLeast = 10 * time.Second
	sendAtMost  = 100 * time.Millisecond

	// A server that is shutting down asks again within urgeWithin of an answer. It has to
	// go on asking for urgeFor to be believed: a healthy one asks once in half its
	// wal_sender_timeout.
	urgeWithin = 100 * time.Millisecond
	urgeFor    = time.Second

	// silentFor is how long a server without a wal_sender_timeout may leave a question
	// unanswered before it is in doubt.
	silentFor = 5 * time.Minute

	// patience is how long the server may take nothing of what we send, and farewell how
	// long the end of a stream waits for the server to end it too.
	patience = time.Minute
	farewell = time.Second
)

// stream is the slot's stream. It implements replicator.Source. One goroutine uses it.
type stream struct {
	conn    net.Conn
	wire    *wire
	decoder decoder
	failed  func(at replicator.LSN, cause error) error // returns the error for a failure to decode
	decodes func(context.Context) bool                 // asks elsewhere whether the server is at work on the stream
	watcher *watcher                                   // nil: nobody looks at the catalogue
	begin   func()                                     // called before the first change, once the core knows what was opened; may be nil

	heartbeat time.Duration
	resend    time.Duration // how long the server may go without a status update
	silence   time.Duration // how long the server may leave a question unanswered before it is in doubt

	position replicator.LSN // everything that committed up to it has been received
	commit   replicator.LSN // where the last transaction that was received ended
	inside   bool           // a transaction is being received
	acked    replicator.LSN
	sent     replicator.LSN // the position in the last status update
	sentAt   time.Time
	askedAt  time.Time // when the server was last asked for its position
	open     time.Time // since when a question has been open, or the server was last found at work; zero if none is
	answered time.Time // when the server was last answered
	urged    time.Time // since when it has been asking again and again; zero if it has not

	ctx    context.Context // its end ends a read
	unhook func() bool
	closed bool
}

// Next implements replicator.Source.
func (s *stream) Next(ctx context.Context, wait time.Duration) (replicator.Change, error) {
	if c, ok := s.decoder.nextTruncated(); ok {
		return c, nil
	}
	if s.begin != nil {
		s.begin()
		s.begin = nil
	}
	if wait <= 0 || wait > s.heartbeat {
		wait = s.heartbeat
	}
	s.watch(ctx)
	var until time.Time
	for {
		if err := s.letGo(); err != nil {
			return replicator.Change{}, err
		}
		// Inside a transaction the alteration has to wait. Otherwise a transaction that lasts
		// longer than the time between two alterations would never get through.
		if s.watcher != nil && !s.inside {
			if altered := s.watcher.altered.Load(); altered != nil {
				return replicator.Change{}, altered
			}
		}
		kind, body, whole, err := s.wire.next()
		if err != nil {
			return replicator.Change{}, s.broken(err)
		}
		if whole {
			if c, ok, err := s.take(kind, body); ok || err != nil {
				return c, err
			}
			continue
		}
		now := time.Now()
		if until.IsZero() {
			until = now.Add(wait)
		}
		rested := s.wire.gather.rest(ctx, now)
		now, until = now.Add(rested), until.Add(rested)
		over, err := s.receive(ctx, now, until)
		if err != nil {
			return replicator.Change{}, err
		}
		if over { // a part of something large is not silence
			return replicator.Change{Op: replicator.Mark, LSN: s.position, Idle: !s.wire.partial()}, s.quiet(ctx, now)
		}
	}
}

// receive reads once. It reports whether the time until has passed without anything.
func (s *stream) receive(ctx context.Context, now, until time.Time) (over bool, err error) {
	if err := s.remind(now); err != nil {
		return false, err
	}
	size, err := s.wire.size()
	if err != nil {
		return false, s.broken(err)
	}
	deadline := s.wire.gather.deadline(now, until)
	if err := s.conn.SetReadDeadline(deadline); err != nil {
		return false, s.broken(err)
	}
	if err := ctx.Err(); err != nil { // checked after the deadline was set, since the end of ctx moves the deadline
		return false, err
	}
	err = s.wire.fill(size)
	switch {
	case err == nil:
		s.open = time.Time{}
		s.wire.gather.set(true)
		return false, nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.wire.gather.set(false)
		return !deadline.Before(until), ctx.Err()
	}
	return false, s.broken(err)
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

// quiet is called when nothing came. Once in a heartbeat it asks the server for its
// position, so that an idle slot moves and a dead link is noticed.
func (s *stream) quiet(ctx context.Context, now time.Time) error {
	if !s.open.IsZero() && now.Sub(s.open) > s.silence {
		return s.doubt(ctx)
	}
	if now.Sub(s.askedAt) < s.heartbeat {
		return nil
	}
	return s.ask(now)
}

// ask asks the server for a keepalive.
func (s *stream) ask(now time.Time) error {
	s.askedAt = now
	if s.open.IsZero() {
		s.open = now
	}
	return s.send(true)
}

// remind sends a status update, if one is due.
func (s *stream) remind(now time.Time) error {
	since := now.Sub(s.sentAt)
	if since >= s.resend || s.acked > s.sent && since >= sendAtMost {
		return s.send(false)
	}
	return nil
}

// take handles one message of the server. It returns false if the message holds no change.
func (s *stream) take(kind byte, body []byte) (replicator.Change, bool, error) {
	switch kind {
	case 'd':
		return s.copied(body)
	case 'E':
		var m pgproto3.ErrorResponse
		if err := m.Decode(body); err != nil {
			return replicator.Change{}, false, s.broken(err)
		}
		err := newFault(m.Code, m.Message)
		if transient(m.Code) {
			return replicator.Change{}, false, fmt.Errorf("postgres: the stream ended: %w", err)
		}
		return replicator.Change{}, false, s.failed(s.commit, err)
	case 'N', 'S', 'A':
		return replicator.Change{}, false, nil // a notice, a setting that changed, a notification
	}
	return replicator.Change{}, false, fmt.Errorf("postgres: the server ended the stream with a message of kind %q: %w", kind, io.EOF)
}

// copied handles a message of the replication protocol: log, or a keepalive. It ignores the
// position in the header of log, which is 0/0 for a Relation message.
// https://www.postgresql.org/docs/current/protocol-replication.html
func (s *stream) copied(b []byte) (replicator.Change, bool, error) {
	const header = 1 + 8 + 8 + 8
	switch {
	case len(b) >= header && b[0] == 'w':
		c, ok, err := s.decoder.decode(b[header:])
		if ok && c.Op == replicator.Begin {
			s.inside = true
			s.wire.gather.committed = c.Time
		}
		if ok && c.Op == replicator.Commit {
			s.inside = false
			s.commit = c.LSN
			s.position = max(s.position, c.LSN)
		}
		return c, ok, err
	case len(b) >= 18 && b[0] == 'k':
		return s.keepalive(replicator.LSN(binary.BigEndian.Uint64(b[1:])), b[17] == 1)
	}
	return replicator.Change{}, false, s.broken(fmt.Errorf("a replication message of %d bytes cannot be read", len(b)))
}

// keepalive handles the server's word that everything which committed before end has been
// sent.
func (s *stream) keepalive(end replicator.LSN, reply bool) (replicator.Change, bool, error) {
	s.position = max(s.position, end)
	mark := replicator.Change{Op: replicator.Mark, LSN: end}
	if !reply {
		return mark, true, nil
	}
	now := time.Now()
	switch {
	case now.Sub(s.answered) > urgeWithin:
		s.urged = time.Time{}
	case s.urged.IsZero():
		s.urged = now
	case now.Sub(s.urged) >= urgeFor:
		mark.Urge = true
		s.urged = now // the next urge comes later: acting on this one takes time
	}
	s.answered = now
	return mark, true, s.send(false)
}

// Acknowledge implements replicator.Source.
func (s *stream) Acknowledge(_ context.Context, lsn replicator.LSN) error {
	s.acked = max(s.acked, lsn)
	if err := s.letGo(); err != nil {
		return err
	}
	return s.remind(time.Now())
}

// letGo returns an error if the stream would hold up a server that is shutting down.
func (s *stream) letGo() error {
	if s.watcher != nil && s.watcher.down.Load() {
		return fmt.Errorf("postgres: the server lets no session in, and waits for the stream to end: %w", replicator.ErrShutdown)
	}
	return nil
}

// statusSize is the length of a status update as a message.
const statusSize = headerSize + 1 + 3*8 + 8 + 1

// send sends a status update. It names one position as written, flushed and applied, which
// is never zero, and never beyond what was acknowledged or what the slot had confirmed.
// https://www.postgresql.org/docs/current/protocol-replication.html#PROTOCOL-REPLICATION-STANDBY-STATUS-UPDATE
func (s *stream) send(reply bool) error {
	now := time.Now()
	b := append(make([]byte, 0, statusSize), 'd')
	b = binary.BigEndian.AppendUint32(b, statusSize-1)
	b = append(b, 'r')
	for range 3 {
		b = binary.BigEndian.AppendUint64(b, uint64(s.acked))
	}
	b = binary.BigEndian.AppendUint64(b, uint64(now.Sub(zeroTime).Microseconds()))
	if reply {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	limit := patience
	if s.closed {
		limit = farewell
	}
	if err := s.conn.SetWriteDeadline(now.Add(limit)); err != nil {
		return s.broken(err)
	}
	if _, err := s.conn.Write(b); err != nil {
		return s.broken(err)
	}
	s.sent, s.sentAt = s.acked, now
	return nil
}

// Close implements replicator.Source. It waits a moment for the server to end the stream
// too: closing a socket that has unread bytes resets the connection, and what was sent last
// could be lost.
func (s *stream) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	if s.watcher != nil {
		s.watcher.close()
	}
	if s.unhook != nil {
		s.unhook()
	}
	if s.acked > s.sent {
		_ = s.send(false) // if it does not arrive, the transactions are sent again and skipped
	}
	_ = s.conn.SetDeadline(time.Now().Add(farewell))
	if _, err := s.conn.Write([]byte{'c', 0, 0, 0, 4, 'X', 0, 0, 0, 4}); err == nil { // CopyDone, Terminate
		s.wire.gather.set(false)
		_, _ = io.Copy(io.Discard, s.wire.from)
	}
	return s.conn.Close()
}

func (s *stream) broken(err error) error { return fmt.Errorf("postgres: the stream broke: %w", err) }

// takeOver makes a stream of a connection on which replication has started after the
// position after. Until something is acknowledged, its status updates name confirmed, the
// slot's own position.
func (o *Origin) takeOver(conn *pgconn.PgConn, w *wire, m *matcher, after, confirmed replicator.LSN, timeout time.Duration) (*stream, error) {
	h, err := conn.Hijack()
	if err != nil {
		return nil, fmt.Errorf("postgres: take over the stream: %w", err)
	}
	pid := int32(h.PID)
	o.streamed = pid
	s := &stream{
		conn: h.Conn, wire: w, decoder: newDecoder(m.match), failed: o.undecodable, begin: o.partitions.tell,
		decodes:   func(ctx context.Context) bool { return o.decodes(ctx, pid) },
		heartbeat: o.options.Heartbeat, resend: sendAtLeast, silence: silentFor,
		position: after, commit: after, acked: confirmed, ctx: context.Background(),
	}
	if timeout > 0 {
		s.resend = min(sendAtLeast, timeout/4)
		s.silence = max(2*s.heartbeat, timeout)
	}
	s.decoder.unrendered, s.decoder.partition = o.textOnly.addLog, m.partition
	w.gather.begin(h.Conn)
	if err := s.ask(time.Now()); err != nil {
		_ = h.Conn.Close() // whoever closes conn closes nothing any more
		return nil, err
	}
	return s, nil
}
