//go:build !linux

package main

import "syscall"

// userTimeout does nothing on systems without that option. There TCP keepalives notice a
// dead connection only while nothing is being sent.
func userTimeout(_, _ string, _ syscall.RawConn) error { return nil }
