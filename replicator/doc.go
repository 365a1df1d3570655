// Package replicator keeps tables of a warehouse equal to tables of a PostgreSQL
// database, by reading one logical replication slot. It is the domain: it knows
// what a change, a batch and a checkpoint are, and nothing of sockets, SQL, files
// or clocks but the standard library's.
//
// # Promises
//
//  1. The checkpoint moves in the same warehouse transaction as the rows. Each
//     change is applied once, whatever dies.
//  2. The slot is told only of what the warehouse holds, in its table or, while a
//     table is loading, in that table's held table. Nothing is acknowledged that could
//     be lost.
//  3. A batch may end inside a source transaction; a merge may not. Readers of the
//     warehouse see only states that the source had at some commit, across all
//     tables at once (a table that is loading stands still until it joins them);
//     and a huge transaction costs bucket space, not memory.
//  4. Marks ride the same road as rows, and order does the bookkeeping: no second
//     tracker runs beside the stream.
//  5. There is one way to recover: open the source again at the checkpoint. Crash,
//     dropped link, failover, deploy: the same path.
//  6. Nothing is silent. A value that the warehouse cannot hold as it is goes by a
//     stated rule: it is adjusted, and in the ledger; or its row is refused, and in
//     quarantine; or it stops the pipeline. Ledger and quarantine are written in the
//     transaction that has the rest. The source's rows are those of the target and
//     those in quarantine.
//  7. Only what is listed leaves the database: columns that were not chosen do not
//     cross the replication connection.
//  8. The source's own work is never broken.
//
// # Goroutines
//
//	goroutine  owns                        wakes on                      ends when
//	read       Source, open transaction    the socket, its time-outs     stop, error, or drained (Once)
//	stage      Stager.Stage                a batch from read             read closed the channel
//	merge      Warehouse, checkpoint       a staged batch                stage closed the channel
//	discard    Stager.Discard              objects of a merged batch     merge closed the channel
//	sweep      Sweeper                     an hour                       stop
//	load       Origin.Snapshot             tables to load, a merge, hold or join     stop
//	n workers  a session of the Snapshot   a range, while tables load                no range is left
//	n more     LoadPart.Close              a range that was read                     no range is left
//	n others   Loader.MakeLoad, Load       ranges of a table that are at rest        every table is loaded
//
// What follows load in the table are a haul's, which brings what one snapshot sees. It
// outlives the pass in which that was taken: the next goes on with it, if the tables are as
// they were and no other daemon was in charge between, and loads the others behind it.
//
// load tells read what to hold and what to let join (order), and asks merge to remember
// how far tables are (news): the Source and the checkpoint keep one owner each. Before
// a batch with which tables join, merge applies what is held of them; load and merge
// take turns at that.
//
// Channels carry batches, never rows, and the one from read to stage is
// unbuffered: that is the backpressure. One batch fills and one stages; those that
// wait or merge are files. Stopping flows downstream by closing channels: what was
// handed over is merged, then acknowledged. Failing flows upstream by cancelling.
//
// # Memory
//
// Limits.Bytes is one budget for all that is buffered: three eighths for the batch that
// fills together with the open transaction, as much for the one that is staged, and a
// quarter for the objects that the Stager fills and puts, those of loads too. What
// exceeds the first part is sealed, so that a transaction of any size goes to the bucket
// while it is received. A row of any length is taken in spite of that, one at a time.
//
// # One change's road
//
//	socket -> Source.Next -> transaction (until its commit) -> Fold -> Batch
//	       -> Stager.Stage -> Staged -> Warehouse.Merge -> Source.Acknowledge
//
// and, of a table that is loading, from the held table that Merge put it in
//
//	-> Loader.Apply -> load table -> Warehouse.Merge of the batch it joins with
//
// The open transaction's changes are kept apart, so that a batch can be sealed
// behind the last commit. Only when a limit is reached and nothing else is in the
// batch is it sealed inside the transaction: its parts then wait in the bucket, and
// are merged as one with the part that holds the commit. Warehouse.Prepare copies them
// ahead meanwhile.
//
// # Positions
//
// The position of a transaction is the end of its commit record. Row LSNs and
// commit times order nothing. The checkpoint's LSN is one of those positions, or one
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
// The stream waits for no load. From a commit boundary on, before the wait that a
// snapshot begins with, the changes of a table that is loading are held, as they come,
// in a held table: by transaction until the snapshot is known, and from then on
// without those that it saw. They are applied to the load table once that holds what
// the snapshot saw, in order, each transaction taking out of the held table what it
// applies. Once little is left, some batch that ends at or past the hand-over position
// is the one to join with: what is held is applied, then that merge applies the
// batch's changes to the load table and makes the target equal to it. So the table
// stands at exactly the commit of all the others. Tables that load together join
// together.
//
// What a load, and the changes held beside it, account for waits in a ledger of the
// load's own, and comes with the join. A row that leaves a value unchanged which the
// target does not have, since it leans on a refused one, is refused as well; the next
// version that is whole lifts that.
//
// A load that is given up, or died, begins again with another load table and another
// held table, from a commit boundary on: what was held before is seen by its snapshot.
// A table that was out of the publication for a while, or has another shape, goes back
// to loading; its target stands still meanwhile. One that cannot go on, such as a table
// without a key, is parked: its changes are let go of, since each repair is a load.
//
// # Failures
//
//	what fails                                    what is done
//	a step that surely left nothing (Retryable)   tried again in place, with backoff
//	a load                                        what it held is forgotten, and it begins again beside the stream
//	anything else                                 the pass ends, the next opens at the checkpoint
//	COMMIT without an answer                      the same: the fence's lock waits for it to end
//	another daemon took the warehouse (fenced)    the same: back to waiting for the slot
//	COPY refuses rows that should fit (Refused)   the pass ends, the next refuses them before they are staged
//	a table has changed its shape (Altered)       what is whole is merged, and the next pass follows the change
//	a table cannot go on (Unfit)                  the same, and the next pass parks it
//	what only a person can mend (Final)           halt: nothing is applied or acknowledged, the
//	                                              process stays and looks again every few minutes
package replicator
