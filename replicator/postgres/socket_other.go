//go:build !linux

package postgres

import "net"

// socket does nothing on this system: each message wakes the reader.
type socket struct{}

func socketOf(net.Conn) socket { return socket{} }

func (socket) known() bool { return false }

func (socket) wakeAt(bool) error { return nil }
