package main

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// userTimeout limits how long sent data may stay unacknowledged by the peer's kernel.
// Keepalives do not run meanwhile, and by default the kernel retries for a quarter of an
// hour.
// https://man7.org/linux/man-pages/man7/tcp.7.html
func userTimeout(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(deadAfter.Milliseconds()))
	})
	if err != nil {
		return err
	}
	return failed
}
