// Package surface keeps a list of every statement that the daemon sends to Redshift:
// the SQL surface, on one page, in statements.sql.
//
// The stand-in tells a Recorder each statement of each session. The Recorder takes
// those of the daemon, by its application name, and leaves out what differs from run
// to run and from table to table (Forms). A test whose daemon sent a statement that is
// not on the list fails; ROWSHIFT_RECORD=1 puts it on the list instead, for a reviewer
// to see. `make surface` makes the list anew, so that nothing stays on it that is never
// sent; `make test` fails if something does. `make lint` reads the list with a second grammar of Redshift's SQL, sqlfluff's.
package surface
