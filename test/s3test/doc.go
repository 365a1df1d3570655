// Package s3test runs an S3 server for tests and demos: Versity's gateway
// (https://github.com/versity/versitygw) over a temporary folder.
//
// # Model
//
// A [Server] is one gateway process on a free loopback port with one bucket. It checks
// signatures and checksums, handles multipart uploads and conditional writes, and uses
// path-style addresses, so a client that works with it has met more than a mock. [Start]
// ties it to a test, [New] and [Server.Close] serve programs, and [Shared] gives the
// tests of a package one server. To put faults between client and server, use package
// proxytest.
//
// # Where the server comes from
//
// The file named by S3TEST_BIN, else versitygw in PATH, else the one in the user's cache
// folder (rowshift/bin), where "go install" builds it once; that takes a minute or two
// and needs the module proxy.
//
// # Failures
//
// The kernel kills the gateway when its parent dies. Close removes its folder. If a
// process is killed, the next server that starts removes what it left in the system's
// temporary folder, under rowshift-s3- (package scratch). Objects keep their metadata in
// extended attributes, or in a folder beside them where the file system has none.
package s3test
