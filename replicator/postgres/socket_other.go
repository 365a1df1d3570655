//go:build !linux

package postgres

import (
	"net"
	"syscall"
)

// userTimeout does nothing where the system has no such option: TCP keepalives
// notice a link that is gone.
func userTimeout(_, _ string, _ syscall.RawConn) error { return nil }

// socket is nothing here: each message wakes the reader.
type socket struct{}

func socketOf(net.Conn) socket { return socket{} }

func (socket) known() bool { return false }

func (socket) wakeAt(bool) error { return nil }
