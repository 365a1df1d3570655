// Package postgres is the source: it reads a logical replication slot of a
// PostgreSQL server, makes the publication and the slot, and takes snapshots.
//
// # Model
//
// An Origin is what is known before anything is open. Its Open starts the stream
// of the slot and returns it as a Source, owned by one goroutine; its Snapshot
// returns a view of tables with its place in that stream. Both read rows as the
// text that the server's output functions give, with the same session settings, so
// a value is the same whichever way it came.
//
// The stream's socket is taken over from pgconn once replication has started:
// messages are parsed where they lie in the read buffer and a row is not copied
// before it is folded. https://www.postgresql.org/docs/current/protocol-replication.html
//
// # Positions
//
// A transaction's position is pgoutput's end LSN. The status updates that are sent
// name one position for written, flushed and applied: what the core acknowledged
// last and, before it did, the slot's own confirmed position. It is never zero: a
// library would replace a zero by what was merely received, and so let go of it.
//
// # Failures
//
//	a dropped link, a restart, a time-out      a plain error: the core opens again
//	the slot is active elsewhere               waited for, by looking only
//	the slot is missing, lost, a stranger's    *replicator.Halt with what repairs it
//	a change of shape of a replicated table    *replicator.Halt
//	the slot cannot decode its log             wraps replicator.ErrUndecodable; once it has failed at one
//	                                           position again and again, a *replicator.Halt
package postgres
