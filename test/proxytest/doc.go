// Package proxytest puts faults between a client and a server.
//
// [TCP] forwards bytes without looking at their meaning: it is for databases. It can
// reset the connection that carries the n-th byte from now on, stop the flow and let it
// go on, refuse connections and reset all of them. [HTTP] forwards requests: it is for
// S3. With a [Rule] it answers in place of the server, cuts a body, loses an answer or
// holds a request back.
//
// Both listen on a free loopback port. Faults may be set at any time, from any
// goroutine. They act at a certain byte or request, not at a moment in time, so tests
// that use them are repeatable.
package proxytest
