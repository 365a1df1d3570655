// Package redshift is the warehouse: it merges what was staged into Amazon Redshift, in one
// transaction with the checkpoint.
//
// # Model
//
// A Warehouse has one session for merges, one for load tables and held changes, and one for each
// COPY into a load table. The first two are opened when they are needed and closed when nothing
// comes for a while, so that a serverless workgroup can sleep. Each session begins with a login
// that was not refused before (logins), and with one request for its own settings. In a metadata
// schema of its own a Warehouse keeps
//
//	fence         no rows: what the first statement of each transaction locks
//	checkpoint    one row: where the pipeline stands
//	table_state   a row for each table
//	request       what people ask for, and what became of it
//	freshness     a view of checkpoint and table_state, for people
//	ledger        a row for each value that was adjusted
//	quarantine    a row for each row that was refused
//	load_E_A_T    load tables, by epoch, attempt and the source table's OID
//	held_E_A_T    held tables: changes that wait for a load table
//	ledger_E_A_T  what a load and its held changes account for until the table joins
//
// A batch is first copied into temporary tables, outside any transaction; if its merge has to
// wait for a commit, that is done ahead of the merge (Prepare). Then one transaction locks the
// fence, compares epoch and LSN, applies the folds one after another, lets tables join, and
// moves the checkpoint. Held changes are applied to load tables, and targets are made, in short
// transactions of the same form. The lock comes before the first read, because that is when
// Redshift takes a transaction's snapshot.
// https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html
//
// Redshift takes two texts for equal that differ only in trailing blanks, so text keys are
// compared by their length as well. Merges leave that out for types whose texts never end in a
// blank.
//
// # Failures
//
//	a login was refused                         Retryable, once; then a *replicator.Halt, and that
//	                                            password is not tried again, because Redshift locks users
//	the server refused before COMMIT            rolled back; Retryable if it is a conflict or the like
//	the link broke before BEGIN                 Retryable
//	the link broke inside the transaction       the outcome is unknown: the core takes the fence again
//	another epoch, or another LSN               wraps replicator.ErrFenced
//	COPY refused rows that should fit           *replicator.Refused, which tells them by what they are staged as
//	COPY refused more, rights, another
//	pipeline's schema                           *replicator.Halt
//	a target that was altered, or that
//	Redshift refuses to make                    *replicator.Unfit
//	the tables of a load are gone, or refuse
//	every statement                             *replicator.Spoiled
//	a target that others keep from being
//	altered for minutes                         a *replicator.Unfit that Passes; Retryable until then
package redshift
