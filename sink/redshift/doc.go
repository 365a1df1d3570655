// Package redshift is the warehouse: it merges what was staged into Amazon Redshift,
// in one transaction with the checkpoint.
//
// # Model
//
// A Warehouse has one session for merges and one for what is held, each opened when it
// is needed and closed when nothing comes for a while, so that a serverless workgroup
// can sleep; and one for each COPY into a load table. Each begins with settings of its own,
// by one request, and with a login that was not refused before (logins). In a metadata
// schema of its own it keeps
//
//	fence         no rows: what the first statement of each transaction locks
//	checkpoint    one row: where the pipeline stands
//	table_state   a row for each table
//	request       what people ask for, and what became of it
//	freshness     a view of both, for people
//	ledger        a row for each value that was adjusted
//	quarantine    a row for each row that was refused
//	load_E_A_T    load tables, by epoch, attempt and the source table's OID
//	held_E_A_T    held tables: changes that wait for a load table
//	ledger_E_A_T  what a load and its held changes account for until the table joins
//
// A batch is copied into temporary tables first, outside any transaction: ahead of its
// merge (Prepare) if that waits for a commit. Then, in
// one transaction: lock the fence, compare epoch and LSN, apply the folds one after
// another, let tables join, move the checkpoint. Held changes are applied to load
// tables, and targets made, in short transactions of the same form. The lock comes before the first
// read, because a transaction's snapshot is taken there.
// https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html
//
// Two texts that differ in trailing blanks only are equal to Redshift, so keys that
// are text are compared by length as well, but in merges those of types whose texts never
// end in a blank.
//
// # Failures
//
//	a login was refused                         Retryable, once; then a *replicator.Halt, and that
//	                                            password is tried no more: Redshift locks users
//	the server refused before COMMIT            rolled back; Retryable if it is a conflict or the like
//	the link broke before BEGIN                 Retryable
//	the link broke inside the transaction       not known to be over: the core takes the fence again
//	another epoch, or another LSN               wraps replicator.ErrFenced
//	COPY refused rows that should fit           *replicator.Refused, which tells them by what they are staged as
//	COPY refused more, rights, another
//	pipeline's schema                           *replicator.Halt
//	a target that was altered, or that
//	Redshift refuses to make                    *replicator.Unfit
package redshift
