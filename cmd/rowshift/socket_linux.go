package main

import "syscall"

// tcpUserTimeout is TCP_USER_TIMEOUT, which package syscall does not name.
// https://man7.org/linux/man-pages/man7/tcp.7.html
const tcpUserTimeout = 18

// userTimeout limits how long sent data may stay unacknowledged by the peer's kernel.
// Keepalives do not run meanwhile, and by default the kernel retries for a quarter of an
// hour.
func userTimeout(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(deadAfter.Milliseconds()))
	})
	if err != nil {
		return err
	}
	return failed
}
