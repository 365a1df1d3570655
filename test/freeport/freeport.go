// Package freeport chooses ports for servers that are started later, by another process.
//
// A port that the system gave out and took back may be given to the next who asks, or to
// a connection that somebody opens. So the ports are drawn from below those that systems
// give out by themselves: 32768 and up on Linux, 49152 and up elsewhere.
// https://docs.kernel.org/networking/ip-sysctl.html#ip-variables
package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
)

// The bounds of the ports that are drawn.
const (
	least = 15_000
	most  = 32_000
)

// Port returns a loopback port that nobody listens on.
func Port() (port int, err error) {
	for range 100 {
		port = least + rand.IntN(most-least)
		var l net.Listener
		if l, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("freeport: %w", err)
}

// Address is Port as host:port.
func Address() (string, error) {
	port, err := Port()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("127.0.0.1:%d", port), nil
}
