// Package proxytest puts faults between a client and a server.
//
// [TCP] forwards bytes and knows nothing of them: it is for databases. It can
// reset the connection that carries the n-th byte from now on, stop the flow
// and let it go on, refuse connections and reset all of them. [HTTP] forwards
// requests: it is for S3. By [Rule] it answers in the server's stead, cuts a
// body, loses an answer or holds a request back.
//
// Both listen on a free loopback port. Faults are set at any time, from any
// goroutine; they act at the byte or request where they are due, not at a
// moment in time, so that a test that uses them is repeatable.
package proxytest
