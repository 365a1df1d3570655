// Package surface keeps a list of every statement that the daemon sends to Redshift: the
// SQL surface, on one page, in statements.sql.
//
// The stand-in passes each statement of each session to a Recorder. The Recorder records
// those of the daemon, which it knows by the application name, in a form without what
// differs from run to run and from table to table (Forms). If the daemon of a test sends
// a statement that is not on the list, the test fails; with ROWSHIFT_RECORD=1 the
// statement is put on the list instead, for a reviewer to see. `make surface` makes the
// list anew, so that nothing stays on it that is never sent, and `make test` fails if
// something does. `make lint` reads the list with a second grammar of Redshift's SQL,
// sqlfluff's.
package surface
