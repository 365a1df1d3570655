// Package e2e holds the end-to-end tests: they run the built binary between a real
// PostgreSQL, an S3 server and the Redshift stand-in. It has no code of its own. Each
// test names the promise of rowshift/replicator that it checks.
package e2e
