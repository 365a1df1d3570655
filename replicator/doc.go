// Package replicator keeps tables of a warehouse equal to tables of a PostgreSQL
// database by reading one logical replication slot. It is the domain: it knows what
// a change, a batch and a checkpoint are. It opens no socket, sends no SQL and writes no
// file. Of what lies outside of it, it has only words:
//
//   - what PostgreSQL calls things, and the form of pgoutput's rows (Tuple);
//   - the form of the files that one sink writes and the other has Redshift COPY
//     (Files, StagedFold, StagedLoad, Rows), so that the two need not know each other;
//   - repairs that name rowshift's commands and keys of its config (judge.go).
//
// Its only clock is the standard library's.
//
// # Promises
//
//  1. The checkpoint moves in the same warehouse transaction as the rows. Each
//     change is applied once, whatever dies.
//  2. The slot is told only of what the warehouse holds: in the target or, while a
//     table is loading, in its held table. Nothing that could be lost is acknowledged.
//  3. A batch may end inside a source transaction; a merge may not. Readers of the
//     warehouse see only states that the source had at some commit, across all
//     tables at once (a table that is loading stands still until it joins them);
//     and a huge transaction costs bucket space, not memory.
//  4. Marks travel the same way as rows, and their order does the bookkeeping: no
//     second tracker runs beside the stream.
//  5. There is one way to recover: open the source again at the checkpoint. Crash,
//     dropped link, failover, deploy: the same path.
//  6. Nothing is silent. A stated rule decides about a value that the warehouse cannot
//     hold as it is: the value is adjusted, and is in the ledger; or its row is
//     refused, and is in quarantine; or the pipeline stops. Ledger and quarantine are
//     written in the same transaction as the rest. The rows of the target and those in
//     quarantine together are the source's rows.
//  7. Only what is listed leaves the database: columns that were not chosen do not
//     cross the replication connection.
//  8. The source's own work is never broken.
//
// # Goroutines
//
//	goroutine  owns                        wakes on                      ends when
//	read       Source, open transaction    the socket, its time-outs     stop, error, or drained (Once)
//	stage      Stager.Stage                a batch from read             read closed the channel
//	merge      Warehouse, checkpoint       a staged batch, news of load, stage closed the channel
//	                                       half a minute
//	discard    Stager.Discard              objects of merged batches     merge closed the channel
//	sweep      Sweeper                     an hour                       stop
//	load       Origin.Snapshot             a merge, hold or join, the    stop, error
//	                                       end of a haul, the time to
//	                                       try a parked table again
//	n workers  a session of the Snapshot   a range, while tables load    no range is left
//	n more     LoadPart.Close              a range that was read         no range is left
//	n others   Loader.MakeLoad, Load       ranges of a table that are    every table is loaded
//	                                       at rest
//	one more   LoadProgress                a second                      the haul ends
//
// The rows below load are the goroutines of a haul. Each half minute merge looks whether it
// has to ask the warehouse for requests, because no merge has done so for long.
//
// load tells read what to hold and what to let join (order), and asks merge to remember
// how far tables are (news), so that the Source and the checkpoint keep one owner each.
// Before merge merges a batch with which tables join, it applies what is held of them;
// load and merge take turns at that.
//
// Channels carry batches, never rows, and the one from read to stage is
// unbuffered: that is the backpressure. One batch fills and one stages; those that
// wait or merge are files. Stopping flows downstream by closing channels: what was
// handed over is merged, then acknowledged. Failing flows upstream by cancelling.
//
// # Hauls
//
// A haul (load_haul.go) brings the rows that one snapshot sees into load tables. It
// begins with the snapshot, and may outlive the pass that took it, so that a load can
// take longer than passes do.
//
//	state      begins when                            at the end of a pass
//	unlearned  the snapshot is taken and remembered   is given up by the next pass
//	under way  the reader knows what the snapshot     goes on; to make load tables and to have things
//	           sees                                   remembered, it waits for the next pass
//	done       every table is remembered as loaded    is forgotten
//	failed     a step of it failed                    the next pass loads anew the tables that are not loaded
//
// Whatever its end is, a haul then deletes what it has put into the bucket for tables that it
// has not loaded. A pass that ends does so with batches that it has not merged (leave.go). Objects
// of a merge that may have been committed wait for the next fence, behind which it has ended.
//
// The next pass drops from the haul the tables that it has to load anew, such as those
// that were altered, and those that it has parked. Nothing more is read of them. It loads
// the former after the haul has ended. A haul is given up, that is cancelled and waited
// for, if the next pass leaves no table in it that is to be loaded, if another daemon was
// in charge in between, if the slot is made anew, if the pipeline halts or is fenced, and
// if the daemon is told to stop.
//
// # Memory
//
// Limits.Bytes is one budget for all that is buffered: three eighths for the batch that
// fills together with the open transaction, as much for the one that is staged, and a
// quarter for the objects that the Stager fills and puts, those of loads too. When the
// first part is used up the batch is sealed, so that a transaction of any size goes to
// the bucket while it is received. A single row is taken whatever its length.
//
// # The way of a change
//
//	socket -> Source.Next -> transaction (until its commit) -> Fold -> Batch
//	       -> Stager.Stage -> Staged -> Warehouse.Merge -> Source.Acknowledge
//
// and, if its table is loading, from the held table that Merge put it in
//
//	-> Loader.Apply -> load table -> Warehouse.Merge of the batch it joins with
//
// The open transaction's changes are kept apart, so that a batch can be sealed
// behind the last commit. Only when a limit is reached and nothing else is in the
// batch is it sealed inside the transaction: its parts then wait in the bucket, and
// are merged as one with the part that holds the commit. While they wait,
// Warehouse.Prepare copies them ahead.
//
// # Positions
//
// The position of a transaction is the end of its commit record. Row LSNs and
// commit times order nothing. The checkpoint's LSN is the position of a transaction or
// of a mark: the server's word that everything committed before it has been sent.
//
// # A pipeline's states
//
//	(nothing) --fence--> creating --slot made and proved--> streaming --reset--> creating
//
// and of each table
//
//	loading --snapshot in its load table--> loading, loaded --caught up, stream past the hand-over position--> live
//	live, loading --another shape that cannot be followed with certainty--> loading
//	live, loading --it cannot go on--> parked --its catalogue is in order again, or a resync--> loading
//
// The stream waits for no load. The changes of a loading table are held in its held
// table as they come, from a commit boundary on that lies before the wait with which a
// snapshot begins. Until the snapshot is known they are held by transaction; from then
// on those that it saw are left out. Once the load table holds what the snapshot saw,
// the held changes are applied to it in order, and each transaction of the warehouse
// takes out of the held table what it applies. Once little is left, some batch that ends
// at or past the hand-over position is the one to join with: what is held is applied,
// then that merge applies the batch's changes to the load table and makes the target
// equal to it. So the table stands at exactly the commit of all the others. Tables that
// load together join together.
//
// The ledger entries of a load, and of the changes held beside it, wait in a ledger of
// the load's own until the join. A row that leaves a value unchanged which the target
// does not have, because the row before was refused, is refused as well. The next
// version of the row that is whole lifts that.
//
// A load that was given up, or died, begins again with another load table and another
// held table, from a commit boundary on: its snapshot sees what was held before. A table
// that was out of the publication for a while, or has another shape, goes back to
// loading; its target stands still meanwhile. A table that cannot go on, such as one
// without a key, is parked: its changes are dropped, since each repair is a load.
//
// # Failures
//
//	what fails                                    what is done
//	a step that surely left nothing (Retryable)   tried again in place, with backoff
//	a load                                        what it held is forgotten, and it begins again beside the stream
//	a deletion in the bucket                      swept, a day later and once another pass has begun
//	anything else                                 the pass ends, the next opens at the checkpoint
//	COMMIT without an answer                      the same: the next fence waits for it to end
//	another daemon took the warehouse (fenced)    the same: back to waiting for the slot
//	COPY refuses rows that should fit (Refused)   the pass ends, the next refuses them before they are staged
//	a table has changed its shape (Altered)       what is whole is merged, and the next pass follows the change
//	the tables of a load are of no use (Spoiled)  the same, and the table is loaded anew, with other tables
//	a table cannot go on (Unfit)                  the same, and the next pass parks it; if that may pass by
//	                                              itself, the table is tried again after a quarter of an
//	                                              hour, then less and less often, up to every four hours
//	what only a person can mend (Final)           halt: nothing is applied or acknowledged, the
//	                                              process stays and looks again every few minutes
package replicator
