// Package harness makes whole worlds for end-to-end tests, the demo and benchmarks: a
// real PostgreSQL with account tables, an S3 server, a Redshift stand-in on a second
// PostgreSQL, and the built rowshift binary between them.
//
// A Setup declares a world, Open makes it, and its Close leaves nothing behind. The
// daemon is always the real binary with a real config file, in a process of its own that
// can be killed, stopped and woken.
//
// Tests wait for events: a line of the daemon's log, or a state of the source or the
// warehouse. Nothing sleeps and hopes.
package harness
