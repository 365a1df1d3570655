// Package postgres is the source: it reads a logical replication slot of a
// PostgreSQL server, makes the publication and the slot, and takes snapshots.
//
// # Model
//
// An Origin is what is known before anything is open. Its Open starts the stream
// of the slot and returns it as a Source, owned by one goroutine; its Snapshot
// returns a view of tables with its place in that stream. Both read rows as the
// text that the server's output functions give, with the same session settings, or in
// the binary form, of which package render makes that same text: a value is the same
// whichever way it came. A stream is sent in binary if all columns that cross can be
// rendered, and opened again as text where one comes that cannot.
//
// The stream's socket is taken over from pgconn once replication has started:
// messages are parsed where they lie in the read buffer and a row is not copied
// before it is folded. While messages come the kernel gathers them for two
// milliseconds, since the server sends each by itself; while very many come the reader
// stays away for as long, and for ten of a backlog, since that halves what the server
// does for each.
// https://www.postgresql.org/docs/current/protocol-replication.html
//
// What a Relation message says is held against the catalogue as it was read when the
// stream was opened. The log may be older than that: rows of another shape come with
// the reason why they are unfit, for they may be ones that nobody needs.
//
// Changes of partitions cross as their root's. What is done to the partitions themselves
// does not cross at all, so which there are is read beside the stream, and the stream
// ends once they are others. A partition that was made as one was empty then; the core
// compares what it remembers with what is there, and loads the table again if rows came
// or went. A condition on rows is the publication's, and a load reads by the same.
//
// # States of a slot and its publication
//
//	missing                made by Create, or by a DBA; afterwards never made again
//	made                   streamed from by one daemon; others look whether it is active
//	lost, advanced, gone   a *replicator.Halt: another slot would leave a gap
//
// The publication follows the config at each Open. A table whose list of columns
// differs is taken out and put in again, so that its row in the catalogue is another
// and the core loads it again. One that somebody else has locked for long is parked, and
// follows once it is free. What is not known to be ours is left alone.
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
//	a change of shape of a replicated table    a change that is unfit, by a *replicator.Altered
//	rows in binary that cannot be rendered     a change that is unfit, or an error; the next stream is text
//	a condition fails on a row                 *replicator.Halt; of a load, an *replicator.Unfit
//	the slot cannot decode its log             wraps replicator.ErrUndecodable; once it has failed at one
//	                                           position again and again, a *replicator.Halt
package postgres
