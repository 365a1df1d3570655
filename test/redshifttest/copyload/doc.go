// Package copyload does what Amazon Redshift's COPY does between S3 and a table. It
// finds the files, unpacks them, cuts them into rows and fields, and converts each field
// to the type of its column, by Redshift's rules and with Redshift's error codes. The
// result is rows in PostgreSQL's COPY text format. The package knows nothing of SQL,
// sessions or catalogues.
//
// # Model
//
//	Spec ── Load ──▶ objects: the manifest's entries, or what has the prefix
//	                  └▶ fetch (ahead) ▶ window ▶ splitter (CSV) or cutter (JSON)
//	                                        └▶ columns: one append per type ──▶ w
//
// A row is converted whole or not at all. A refused row becomes a [LoadError]. As many
// as MAXERROR allows are left out; the next one fails the COPY. A COPY that fails has
// nevertheless written some rows to w. The reader of w must discard them; that is what
// makes the COPY atomic.
//
// # What is stricter than the documentation
//
// Where it is not known what Redshift does, the row or the statement is refused, so that
// no loader comes to depend on a guess: a year of more than four digits, BC, infinity, a
// carriage return without a line feed, a NUL in a value, an exponent in a DECIMAL,
// blanks around a number, more than six digits of a second. Messages that no public
// source shows begin with [stand-in]. The rules are numbered R-6xx in RULES.md, in the
// folder above.
//
// # Failures
//
// [Load] returns an *[Error] with Redshift's message, SQLSTATE and, where its internals
// show, block of details; or the error of ctx if that ended; or the error of w. In each
// case [Result] says what was done until then.
//
// # Speed
//
// Files are opened, read and unpacked ahead, several at once. One goroutine makes their
// rows, in order. It allocates no memory per field or row: fields are slices of the
// window, and rows are appended to one buffer. A window holds at least one row and grows
// to hold the longest that is allowed.
package copyload
