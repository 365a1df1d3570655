// Package s3test runs an S3 server for tests and demos: Versity's gateway
// (https://github.com/versity/versitygw) over a temporary folder.
//
// # Model
//
// A [Server] is one gateway process on a free loopback port with one bucket.
// It checks signatures and checksums, does multipart uploads and conditional
// writes, and speaks path-style addresses, so a client that works with it has
// been met by more than a mock. [Start] ties it to a test, [New] and
// [Server.Close] serve programs, [Shared] gives the tests of a package one
// server. Faults are put between client and server by package proxytest.
//
// # Where the server comes from
//
// The file named by S3TEST_BIN, else versitygw in PATH, else the one in the
// user's cache folder (rowshift/bin), where "go install" builds it once; that
// takes a minute or two and needs the module proxy.
//
// # Failures
//
// The gateway is killed by the kernel when its parent dies. Its folder is
// removed by Close; what a killed process leaves in the system's temporary
// folder, under rowshift-s3-, is removed by the next server that starts (package
// scratch). Objects keep their metadata in extended
// attributes, and in a folder beside them where the file system has none.
package s3test
