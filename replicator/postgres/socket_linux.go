package postgres

import (
	"net"
	"syscall"
)

// wakeBytes is how much is gathered: hundreds of messages.
const wakeBytes = 32 << 10

// socket is a socket whose wake-ups can be asked for.
type socket struct{ raw syscall.RawConn }

// socketOf returns the socket of a connection; none of one by TLS, of which a part that is
// worth waking for may be no record yet.
func socketOf(conn net.Conn) socket {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return socket{}
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return socket{}
	}
	return socket{raw: raw}
}

func (s socket) known() bool { return s.raw != nil }

// wakeAt asks to be woken once many bytes are there, or else once any is.
// https://man7.org/linux/man-pages/man7/socket.7.html
func (s socket) wakeAt(many bool) error {
	n := 1
	if many {
		n = wakeBytes
	}
	return control(s.raw, syscall.SOL_SOCKET, syscall.SO_RCVLOWAT, n)
}

func control(c syscall.RawConn, level, option, value int) error {
	var failed error
	err := c.Control(func(fd uintptr) { failed = syscall.SetsockoptInt(int(fd), level, option, value) })
	if err != nil {
		return err
	}
	return failed
}
