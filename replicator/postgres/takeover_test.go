package postgres

import (
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// TestTakeOverOfABrokenConnection shows that no socket is left open if the stream cannot
// say its first word: pgconn closes nothing after it has handed the socket over.
func TestTakeOverOfABrokenConnection(t *testing.T) {
	config, err := pgconn.ParseConfig("host=127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := net.Pipe()
	if err := theirs.Close(); err != nil {
		t.Fatal(err)
	}
	socket := &counted{Conn: ours}
	conn, err := pgconn.Construct(&pgconn.HijackedConn{Conn: socket, Config: config})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Options{}).takeOver(conn, newWire(nil), &matcher{}, 1, 1, 0)
	if err == nil || s != nil || socket.closed != 1 {
		t.Errorf("%v, %v, and the socket was closed %d times", s, err, socket.closed)
	}
}

// counted counts how often a socket is closed.
type counted struct {
	net.Conn
	closed int
}

func (c *counted) Close() error {
	c.closed++
	return c.Conn.Close()
}
