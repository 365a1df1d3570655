// Package postgres is the source: it reads a logical replication slot of a PostgreSQL
// server, makes the publication and the slot, and takes snapshots.
//
// # Model
//
// An Origin holds what is known before anything is open. Its Open method starts the slot's
// stream and returns it as a Source, which one goroutine owns. Its Snapshot method returns
// a view of tables together with its place in that stream. Both read rows either as the
// text that the server's output functions produce, under the same session settings, or in
// the binary format, which package render turns into that same text. A value is therefore
// the same whichever way it came. A stream is sent in binary if every column that crosses
// can be rendered. If a column arrives that cannot be rendered, the stream is opened again
// as text.
//
// Once replication has started, the stream takes its socket over from pgconn: messages are
// parsed in place in the read buffer, and a row is not copied before it is folded. While
// messages keep coming, the kernel gathers them for two milliseconds, because the server
// sends each one by itself. While very many come, the reader also stays away from the
// socket for two milliseconds at a time, or for ten during a backlog, because that halves
// the server's work for each message.
// https://www.postgresql.org/docs/current/protocol-replication.html
//
// Each Relation message is compared with the catalogue as it was read when the stream was
// opened. The log may be older than the catalogue, so rows of another shape are not an
// error yet: they come with the reason why they are misread, because it may be that nobody
// needs them.
//
// Changes of partitions cross as changes of their root. What is done to the partitions
// themselves does not cross at all, so the set of partitions is read from the catalogue
// beside the stream, and the stream ends when that set changes. A partition that was
// created as one, and not attached later, began empty. The catalogue shows which it was by
// the numbers of commands, as long as the server has not recovered in between. The core
// compares the partitions that it remembers with those that exist, and loads the table again
// if rows came or went with them, or may have. A condition on rows is part of the
// publication, and a load reads with the same condition.
//
// # States of a slot and its publication
//
//	missing                made by Create, or by a DBA; once streaming, made again only by a reset
//	made                   one daemon streams from it; the others only look whether it is active, and
//	                       whether it stays inactive
//	lost, advanced, gone   a *replicator.Halt: another slot would leave a gap
//
// Each Open brings the publication in line with the config. A table whose columns or
// condition differ is taken out and put in again: this gives it a new row in the catalogue,
// by which the core knows that it must load the table again. A table that somebody else
// keeps locked for long is parked, and brought in line once the lock is free. A publication
// that is not known to be ours is left alone.
//
// # Positions
//
// A transaction's position is the end LSN that pgoutput gives it. Each status update names
// one position as written, flushed and applied: the one that the core acknowledged last or,
// before the first acknowledgement, the slot's own confirmed position. It is never zero: a
// client library would replace a zero by what it has merely received, and so let the server
// discard it.
//
// # Failures
//
//	a dropped link, a restart, a time-out      a plain error: the core opens again
//	the server is shutting down                a mark that urges, or wraps replicator.ErrShutdown
//	the server is in recovery                  *replicator.Halt; for two minutes a plain error, if it was a
//	                                           primary before: a failover may be under way
//	the slot is active elsewhere               waited for, by looking only
//	the slot is missing, lost, a stranger's    *replicator.Halt with what repairs it
//	a change of shape of a replicated table    a change that is misread, by a *replicator.Altered
//	rows in binary that cannot be rendered     a change that is misread, or an error; the next stream is text
//	a condition fails on a row                 *replicator.Halt; in a load, a *replicator.Unfit
//	the slot cannot decode its log             wraps replicator.ErrUndecodable; once it has failed at one
//	                                           position again and again, a *replicator.Halt
package postgres
