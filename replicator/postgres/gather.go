package postgres

import (
	"bufio"
	"context"
	"crypto/tls"
	"net"
	"syscall"
	"time"
)

const (
	// gatherFor is how long the kernel may gather what arrives before it wakes the
	// reader.
	gatherFor = 2 * time.Millisecond

	// restFor is how long the reader lets the server send, once it has read all that was
	// there. It rests only if at least restAfter bytes have come since the last rest, and
	// that was at most restWithin ago: more than 3 MB per second. Together with gatherFor
	// that is less than 5 ms, which nobody notices in a batch. behindFor takes its place
	// for transactions that committed at least behindBy ago, by the source's clock: those
	// have waited longer already.
	restFor    = 2 * time.Millisecond
	behindFor  = 10 * time.Millisecond
	behindBy   = time.Second
	restAfter  = 64 << 10
	restWithin = 20 * time.Millisecond
)

// gather makes the server's messages arrive many at a time. The walsender hands each
// message to the kernel by itself. If the reader waits for every one, each is also sent by
// itself and wakes the reader, and both sides do little else.
// https://github.com/postgres/postgres/blob/master/src/backend/replication/walsender.c
//
// While messages come, the kernel is asked to wake the reader once a good part of a buffer
// has arrived, or gatherFor is over. While very many come, the reader also stays away for
// restFor at a time, or for behindFor during a backlog. What the server sends meanwhile
// fills the TCP window, and what follows is only queued in the server's socket, which is
// much cheaper than sending it. In this way a server does half of the work for a message.
// At most one window of bytes then arrives for each rest; the kernel enlarges the window as
// more is taken at once, up to net.ipv4.tcp_rmem.
type gather struct {
	socket socket // zero: its wake-ups cannot be set
	meter  *meter // nil: what arrives is not counted
	on     bool

	committed time.Time // when the current transaction committed; zero before the first
}

// begin takes over a connection that only one goroutine reads.
func (g *gather) begin(conn net.Conn) {
	g.socket = socketOf(conn)
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	if g.meter, _ = conn.(*meter); g.meter != nil {
		g.meter.got, g.meter.since = 0, time.Now()
	}
}

// deadline returns the deadline of the next read, for a reader that may wait until the
// given time.
func (g *gather) deadline(now, until time.Time) time.Time {
	if soon := now.Add(gatherFor); g.on && soon.Before(until) {
		return soon
	}
	return until
}

// set turns gathering on while messages come, and off while the reader waits for the first
// one. In either case a read that finds bytes returns them at once.
func (g *gather) set(on bool) {
	if g.on == on || !g.socket.known() {
		return
	}
	if g.socket.wakeAt(on) == nil {
		g.on = on
	}
}

// rest pauses reading if much comes. The pause counts from the moment at which the
// connection was found empty. rest returns how long it paused, which must not be taken for
// silence of the server.
func (g *gather) rest(ctx context.Context, now time.Time) time.Duration {
	m := g.meter
	if m == nil || m.got < restAfter || m.emptied.IsZero() {
		return 0
	}
	much := now.Sub(m.since) <= restWithin
	m.got, m.since = 0, now
	long := restFor
	if !g.committed.IsZero() && now.Sub(g.committed) >= behindBy {
		long = behindFor
	}
	left := long - now.Sub(m.emptied)
	if !much || left <= 0 {
		return 0
	}
	_ = sleep(ctx, left) // whoever reads next sees that ctx has ended
	m.since = time.Now()
	return m.since.Sub(now)
}

// meter is a connection, below TLS if there is any, that counts what arrives and notes when
// everything has been read. TLS asks it for one record at a time, which holds only a
// message or two, so it reads ahead.
type meter struct {
	net.Conn
	ahead   *bufio.Reader // reads arrived
	got     int           // bytes that arrived since the time since
	since   time.Time     // when the reader last rested, or could have
	emptied time.Time     // when the last read took all that was there; zero if it did not
}

// aheadBytes is the most that is read ahead. A reader that asks for more gets it directly.
const aheadBytes = 64 << 10

// metered makes dial return meters.
func metered(dial func(ctx context.Context, network, addr string) (net.Conn, error)) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		m := &meter{Conn: conn}
		m.ahead = bufio.NewReaderSize(arrived{m}, aheadBytes)
		return m, nil
	}
}

// Read implements net.Conn.
func (m *meter) Read(p []byte) (int, error) { return m.ahead.Read(p) }

// arrived reads from a meter's connection, and counts the bytes.
type arrived struct{ m *meter }

func (a arrived) Read(p []byte) (int, error) {
	m := a.m
	n, err := m.Conn.Read(p)
	m.got += n
	m.emptied = time.Time{}
	if n < len(p) {
		m.emptied = time.Now()
	}
	return n, err
}

// SyscallConn implements syscall.Conn, if the connection does.
func (m *meter) SyscallConn() (syscall.RawConn, error) {
	c, ok := m.Conn.(syscall.Conn)
	if !ok {
		return nil, syscall.EINVAL
	}
	return c.SyscallConn()
}
