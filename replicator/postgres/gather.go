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

	// restFor is how long the reader lets the server send, once it has all that was there,
	// where restAfter bytes have come since the last rest, which is not longer ago than
	// restWithin: more than 3 MB in a second. With gatherFor it is less than 5 ms, which
	// nobody sees in a batch; behindFor is for what committed behindBy ago, or earlier, by
	// the source's clock, and has waited for longer already.
	restFor    = 2 * time.Millisecond
	behindFor  = 10 * time.Millisecond
	behindBy   = time.Second
	restAfter  = 64 << 10
	restWithin = 20 * time.Millisecond
)

// gather makes the server's messages arrive many at a time. The walsender hands each to
// the kernel by itself, and where the reader waits for it, each is sent by itself and
// wakes somebody: both sides do little else then.
// https://github.com/postgres/postgres/blob/master/src/backend/replication/walsender.c
//
// While messages come, the kernel is asked to wake the reader once a good part of a
// buffer has arrived, or gatherFor is over. While very many come, the reader stays away
// for restFor at a time, of a backlog for behindFor: what the server sends meanwhile fills
// the window, and what follows is only put behind it in the server's socket, which is much
// cheaper than to send it. A server does in that way half of the work for a message. What
// comes in a second is then at most a window for each rest: the kernel makes the window
// larger as more is taken at once, up to net.ipv4.tcp_rmem.
type gather struct {
	socket socket // zero: it cannot be asked
	meter  *meter // nil: what arrives is not known
	on     bool

	committed time.Time // when the transaction at hand did; zero before the first
}

// begin takes over a connection that is read by one goroutine.
func (g *gather) begin(conn net.Conn) {
	g.socket = socketOf(conn)
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	if g.meter, _ = conn.(*meter); g.meter != nil {
		g.meter.got, g.meter.since = 0, time.Now()
	}
}

// deadline returns until when the next read may wait, of a reader that waits until
// then.
func (g *gather) deadline(now, until time.Time) time.Time {
	if soon := now.Add(gatherFor); g.on && soon.Before(until) {
		return soon
	}
	return until
}

// set turns the gathering on while messages come, and off for the wait for the first
// one: a read that finds bytes there returns them at once in either case.
func (g *gather) set(on bool) {
	if g.on == on || !g.socket.known() {
		return
	}
	if g.socket.wakeAt(on) == nil {
		g.on = on
	}
}

// rest stays away from the connection for as long as is left of a rest since it was empty,
// if much comes. It returns how long that was, which is nobody's silence.
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
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	m.since = time.Now()
	return m.since.Sub(now)
}

// meter is a connection, below TLS if there is any, that knows how much of what comes is
// read. TLS asks it for a record at a time, which is a message of ours or two, so it reads
// ahead.
type meter struct {
	net.Conn
	ahead   *bufio.Reader // of arrived
	got     int           // bytes since then
	since   time.Time     // when the reader last rested, or could have
	emptied time.Time     // when a read last took all that was there; zero if the last did not
}

// aheadBytes is how much is read ahead at most. Who asks for more gets it at once.
const aheadBytes = 64 << 10

// metered has dial return meters.
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

// arrived reads from a meter's connection, and counts.
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

// SyscallConn implements syscall.Conn where the connection does.
func (m *meter) SyscallConn() (syscall.RawConn, error) {
	c, ok := m.Conn.(syscall.Conn)
	if !ok {
		return nil, syscall.EINVAL
	}
	return c.SyscallConn()
}
