package proxytest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
)

// Direction is the direction in which bytes go.
type Direction int

// Up is from the client to the server, Down is back.
const (
	Up Direction = iota
	Down
)

// TCP forwards connections to one server.
type TCP struct {
	listener net.Listener
	network  string
	target   string
	wg       sync.WaitGroup

	mu       sync.Mutex
	flow     *sync.Cond // on mu: stalled or closed has changed
	conns    map[*link]struct{}
	budget   [2]int64 // bytes until the cut, by direction; negative: no cut
	stalled  [2]bool
	stop     *stop
	refuse   bool
	closed   bool
	accepted int
}

// stop says where the flow stops.
type stop struct {
	text    []byte
	ways    []Direction
	reached chan struct{}
}

// link is a client's connection together with the one to the server.
type link struct {
	client, server net.Conn
}

// reset makes both sides see a connection reset rather than an orderly end.
func (l *link) reset() {
	for _, c := range []net.Conn{l.client, l.server} {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // best effort: Close below ends the connection anyway
		}
		_ = c.Close()
	}
}

// NewTCP listens for connections and forwards them to target, a host:port or the path of
// a unix socket.
func NewTCP(target string) (*TCP, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &TCP{listener: l, network: "tcp", target: target, conns: map[*link]struct{}{}, budget: [2]int64{-1, -1}}
	if target != "" && target[0] == '/' {
		p.network = "unix"
	}
	p.flow = sync.NewCond(&p.mu)
	p.wg.Go(p.accept)
	return p, nil
}

// StartTCP is NewTCP for a test.
func StartTCP(t testing.TB, target string) *TCP {
	t.Helper()
	p, err := NewTCP(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// Addr returns the host:port for clients.
func (p *TCP) Addr() string { return p.listener.Addr().String() }

// Port returns the port of Addr.
func (p *TCP) Port() int { return p.listener.Addr().(*net.TCPAddr).Port }

// Accepted returns how many connections were forwarded so far.
func (p *TCP) Accepted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accepted
}

// CutAfter lets n more bytes pass in a direction, counted over all connections, and
// resets the connection that would carry the next byte. It does so once. A negative n
// cancels it.
func (p *TCP) CutAfter(d Direction, n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.budget[d] = n
}

// Stall holds back all bytes in the given directions (none given: both) until Resume.
// Connections stay open, and new ones are accepted.
func (p *TCP) Stall(ways ...Direction) { p.setStalled(true, ways) }

// Resume lets the bytes in the given directions (none given: both) flow again.
func (p *TCP) Resume(ways ...Direction) { p.setStalled(false, ways) }

// StopAt stalls the given ways (none given: both) as soon as a client sends text in one
// piece, and then closes the channel. If Up is stalled, the text itself is held back. If
// only Down is, the server gets it and the answer is held back.
func (p *TCP) StopAt(text string, ways ...Direction) (reached <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stop = &stop{text: []byte(text), ways: ways, reached: make(chan struct{})}
	return p.stop.reached
}

// stallAtStop stalls the flow if sent, bytes of a client, contains the text at which it
// has to stop.
func (p *TCP) stallAtStop(sent []byte) {
	p.mu.Lock()
	s := p.stop
	if s == nil || !bytes.Contains(sent, s.text) {
		p.mu.Unlock()
		return
	}
	p.stop = nil
	p.mu.Unlock()
	p.setStalled(true, s.ways)
	close(s.reached)
}

func (p *TCP) setStalled(stalled bool, ways []Direction) {
	if len(ways) == 0 {
		ways = []Direction{Up, Down}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range ways {
		p.stalled[d] = stalled
	}
	p.flow.Broadcast()
}

// Refuse resets new connections as long as it is set.
func (p *TCP) Refuse(refuse bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = refuse
}

// ResetAll resets every open connection and returns how many there were.
func (p *TCP) ResetAll() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.conns)
	for l := range p.conns {
		l.reset()
		delete(p.conns, l)
	}
	return n
}

// Close resets everything and stops listening.
func (p *TCP) Close() {
	p.mu.Lock()
	p.closed = true
	p.flow.Broadcast()
	p.mu.Unlock()
	_ = p.listener.Close() // there is nothing to do about an error
	p.ResetAll()
	p.wg.Wait()
}

func (p *TCP) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.wg.Go(func() { p.serve(client) })
	}
}

func (p *TCP) serve(client net.Conn) {
	l := &link{client: client, server: client}
	server, err := net.Dial(p.network, p.target)
	if err == nil {
		l.server = server
	}
	p.mu.Lock()
	ok := err == nil && !p.refuse && !p.closed
	if ok {
		p.conns[l] = struct{}{}
		p.accepted++
	}
	p.mu.Unlock()
	if !ok {
		l.reset()
		return
	}
	var up sync.WaitGroup
	up.Go(func() { p.pump(Up, l, l.client, l.server) })
	p.pump(Down, l, l.server, l.client)
	up.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, l)
	_, _ = l.client.Close(), l.server.Close() // both directions have ended
}

// pump passes bytes in one direction until either side ends. It passes an orderly end on
// as such, so that half-open protocols work.
func (p *TCP) pump(d Direction, l *link, from, to net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if d == Up {
			p.stallAtStop(buf[:n])
		}
		allowed, cut := p.admit(d, n)
		if _, werr := to.Write(buf[:allowed]); werr != nil {
			err = errors.Join(err, werr)
		}
		half, canEnd := to.(interface{ CloseWrite() error })
		switch {
		case cut, err != nil && !errors.Is(err, io.EOF), err != nil && !canEnd:
			p.drop(l)
			return
		case err != nil:
			_ = half.CloseWrite() // the other pump notices the result
			return
		}
	}
}

// admit waits while the direction is stalled. It returns how many of n bytes may pass,
// and whether to cut the connection after them.
func (p *TCP) admit(d Direction, n int) (int, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.stalled[d] && !p.closed {
		p.flow.Wait()
	}
	left := p.budget[d]
	if left < 0 || n == 0 {
		return n, false
	}
	if int64(n) <= left {
		p.budget[d] -= int64(n)
		return n, false
	}
	p.budget[d] = -1
	return int(left), true
}

func (p *TCP) drop(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, l)
	l.reset()
}
