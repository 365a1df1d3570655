package postgres

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// userTimeout bounds how long what we sent may stay unanswered by the peer's
// kernel: a link that is gone without a word is noticed within a minute.
func userTimeout(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 60_000)
	})
	if err != nil {
		return err
	}
	if failed == unix.EOPNOTSUPP || failed == unix.ENOPROTOOPT {
		return nil // a unix socket
	}
	return failed
}
