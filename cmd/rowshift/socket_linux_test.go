package main

import (
	"net"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A connection that is dropped silently is noticed within a minute, whether data was
// sent or not.
func TestDeadLinksAreNoticed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := database{user: "u", host: "127.0.0.1", port: 1, name: "d", plain: true}.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := c.DialFunc(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	option := func(level, name int) (n int) {
		var failed error
		err := raw.Control(func(fd uintptr) { n, failed = syscall.GetsockoptInt(int(fd), level, name) })
		if err != nil || failed != nil {
			t.Fatal(err, failed)
		}
		return n
	}
	seconds := int(deadAfter.Seconds())
	if got := option(syscall.IPPROTO_TCP, unix.TCP_USER_TIMEOUT); got != seconds*1000 {
		t.Errorf("what is sent may stay unanswered for %d ms", got)
	}
	idle, every, count := option(syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE), option(syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL), option(syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT)
	if option(syscall.SOL_SOCKET, syscall.SO_KEEPALIVE) == 0 || idle+every*count != seconds {
		t.Errorf("keepalives: after %d s, every %d s, %d times", idle, every, count)
	}
}
