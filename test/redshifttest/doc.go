// Package redshifttest stands in for Amazon Redshift. It is a server on the PostgreSQL
// wire that takes the statements of a loader, its definitions and simple analytics,
// refuses what Redshift refuses, and runs the rest on a real PostgreSQL. It shares no
// code with what it tests.
//
// # Model
//
// Each client session has its own session on the backing server, so temporary tables,
// locks, transactions and rights are real. Each statement is split into tokens, parsed
// by Redshift's grammar and rewritten in PostgreSQL's. The stand-in refuses whatever
// the grammar does not know, with the prefix [stand-in] unless Redshift's own words are
// known. COPY from S3 has an engine of its own, package copyload.
//
// Types are PostgreSQL's own, changed in this one database: strings are compared
// without the blanks at their end, a VARCHAR's length is in bytes, a CHAR is ASCII, a
// DECIMAL of 19 digits has 64 bits (backing_types.sql). Keys are not enforced.
// https://docs.aws.amazon.com/redshift/latest/dg/c_redshift-sql-implementated-differently.html
//
// # Differences that are kept
//
//   - TRUNCATE commits the transaction that it runs in.
//   - A transaction takes its snapshot at its first statement that reads; LOCK takes none.
//   - ALTER TABLE ... ALTER COLUMN TYPE, VACUUM and others are refused in a transaction.
//   - There are no savepoints.
//   - A client that vanishes leaves its open transaction and its locks behind, until
//     pg_terminate_backend ends them.
//   - SELECT and COPY answer with command tags without a count.
//   - Backslash is an escape in every plain literal; E literals are refused.
//   - Names fold to lower case even in quotes.
//
// # Speed
//
// A COPY is as fast as psql's \copy into the same table: BenchmarkCopyAgainstPsql runs
// both in turns. Files are read ahead, several at once.
//
// Joins are by hash, as Redshift's are. PostgreSQL has no columnar storage and no
// slices, so a merge would have to read whole rows of a whole table. A large table
// therefore gets a hash index on its DISTKEY on the backing server as soon as a
// statement seeks its rows for those of another table; a table that is only filled has
// no index to maintain (seek.go). A temporary table is analyzed after COPY, since
// PostgreSQL would otherwise hash the large table and not the small one. Sessions of a
// serializable database use no index: they conflict by tables, not by rows.
//
// # Failures
//
// Faults are injected by rule (Fault): errors, stalls and dropped connections, before or
// after the statement runs.
package redshifttest
