//go:build !linux

package main

import "syscall"

// userTimeout does nothing where the system has no such option: TCP keepalives
// notice a link that is gone while nothing is sent.
func userTimeout(_, _ string, _ syscall.RawConn) error { return nil }
