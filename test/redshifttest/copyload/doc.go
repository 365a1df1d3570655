// Package copyload does what Amazon Redshift's COPY does between S3 and a
// table: it finds the files, unpacks them, cuts them into rows and fields,
// and converts each field to the type of its column, by Redshift's rules and
// with Redshift's error codes. What comes out are rows in PostgreSQL's COPY
// text format. It knows nothing of SQL, sessions or catalogues.
//
// # Model
//
//	Spec ── Load ──▶ objects: the manifest's entries, or what has the prefix
//	                  └▶ fetch (ahead) ▶ window ▶ splitter (CSV) or cutter (JSON)
//	                                        └▶ columns: one append per type ──▶ w
//
// A row is converted whole or not at all. A refused row becomes a [LoadError];
// as many as MAXERROR allows are left out, the next one fails the COPY. A COPY
// that fails has written some rows to w all the same: whoever reads w throws
// them away, that is the atomicity.
//
// # What is stricter than the documentation
//
// Where it is not known what Redshift does, the row or the statement is
// refused, so that no loader comes to depend on it: a year of more than four
// digits, BC, infinity, a carriage return without a line feed, a NUL in a
// value, an exponent in a DECIMAL, blanks around a number, more than six
// digits of a second. Messages that no public source shows begin with
// [stand-in]. The rules are numbered R-6xx in RULES.md, in the folder above.
//
// # Failures
//
// [Load] returns an *[Error] with Redshift's message, SQLSTATE and, where its
// internals show, block of details; the error of ctx if that ended; or the
// error of w. [Result] is filled in as far as things went, in each case.
//
// # Speed
//
// Files are opened, read and unpacked ahead, several at once; their rows are made in
// order, by one goroutine.
// No memory is taken per field or row: fields are slices of the window, rows
// are appended to one buffer. A window holds one row at least and grows to
// hold the longest allowed.
package copyload
