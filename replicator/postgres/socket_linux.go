package postgres

import (
	"net"
	"syscall"
)

// wakeBytes is how many bytes are gathered before the reader is woken: hundreds of
// messages.
const wakeBytes = 32 << 10

// socket is a socket that can be told when to wake its reader.
type socket struct{ raw syscall.RawConn }

// socketOf returns the socket of a connection. Of a TLS connection it returns none: the
// bytes that wake the reader may not be a whole record yet.
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

// wakeAt asks the kernel to wake the reader once many bytes are there or, without many,
// once any is.
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
