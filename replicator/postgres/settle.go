package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rowshift/replicator"
)

// The pause between two looks at what is waited for grows from firstPause to lastPause.
// From tellPause on, the wait is reported.
const (
	firstPause = 5 * time.Millisecond
	tellPause  = 160 * time.Millisecond
	lastPause  = time.Second
)

// settle waits until every transaction that was running when it was called has ended,
// wherever in the cluster it runs. That includes prepared transactions, and those that are
// committed and decoded already but stay invisible until a synchronous standby answers. It
// may wait for hours, and reports through Options.Waiting for what.
//
// It waits for a transaction id of its own and not for a snapshot's xmax. That is the last
// completed id + 1, so a newer transaction that hangs on its standby lies beyond it, and
// would be in neither the stream nor a snapshot taken then.
// https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-PG-SNAPSHOT
func (o *Origin) settle(ctx context.Context, conn *session) error {
	xid, err := ownXID(ctx, conn)
	if err != nil {
		return fmt.Errorf("postgres: note a transaction id: %w", err)
	}
	say := o.waitingOnce()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		var settled bool
		err := conn.QueryRow(ctx, `SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint > $1::bigint`, xid).Scan(&settled)
		if err != nil {
			return fmt.Errorf("postgres: wait for running transactions: %w", err)
		}
		if settled {
			return nil
		}
		if pause >= tellPause {
			what, err := describeRunning(ctx, conn, xid)
			if err != nil {
				return fmt.Errorf("postgres: look for running transactions: %w", err)
			}
			if what != "" {
				say(what)
			}
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// ownXID returns the id of a transaction that it begins and rolls back.
func ownXID(ctx context.Context, conn *session) (int64, error) {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadWrite})
	if err != nil {
		return 0, err
	}
	var xid int64
	err = tx.QueryRow(ctx, `SELECT pg_current_xact_id()::text::bigint`).Scan(&xid)
	return xid, errors.Join(err, tx.Rollback(ctx))
}

// transactionsUpTo lists the transactions up to an id that are still running. A role that
// may not read the statistics of others does not see since when theirs run, and what they
// wait for.
const transactionsUpTo = `
SELECT x.xid::text, coalesce(a.pid, 0), coalesce(a.application_name, ''), coalesce(p.prepared, a.xact_start),
       p.gid, coalesce(a.wait_event = 'SyncRep', false)
FROM pg_snapshot_xip(pg_current_snapshot()) AS x(xid)
LEFT JOIN pg_prepared_xacts p ON p.transaction = x.xid::xid
LEFT JOIN pg_locks l ON l.locktype = 'transactionid' AND l.transactionid = x.xid::xid AND l.granted AND l.mode = 'ExclusiveLock'
LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE x.xid::text::bigint <= $1::bigint
ORDER BY x.xid`

// running is a transaction that is waited for.
type running struct {
	xid     string
	pid     int32
	program string
	since   *time.Time
	gid     *string // of a prepared transaction
	standby bool    // it is committed and waits for a synchronous standby
}

func (r running) String() string {
	since := ""
	if r.since != nil {
		since = " since " + r.since.UTC().Format(time.RFC3339)
	}
	switch {
	case r.gid != nil:
		return fmt.Sprintf("prepared transaction %q%s (COMMIT PREPARED or ROLLBACK PREPARED ends it)", *r.gid, since)
	case r.standby:
		return fmt.Sprintf("session %d (%s)%s, whose commit waits for a synchronous standby that does not answer (see synchronous_standby_names)", r.pid, r.program, since)
	case r.pid != 0:
		return fmt.Sprintf("transaction %s of session %d (%s)%s", r.xid, r.pid, r.program, since)
	}
	return "transaction " + r.xid
}

// describeRunning describes which of the transactions up to xid still run; it is empty if
// none does.
func describeRunning(ctx context.Context, conn *session, xid int64) (string, error) {
	rows, err := conn.Query(ctx, transactionsUpTo, xid)
	if err != nil {
		return "", err
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r running, err error) {
		err = row.Scan(&r.xid, &r.pid, &r.program, &r.since, &r.gid, &r.standby)
		return r, err
	})
	if err != nil || len(all) == 0 {
		return "", err
	}
	what := "the oldest running transaction to end: " + all[0].String()
	if more := len(all) - 1; more > 0 {
		what += fmt.Sprintf("; and %d more", more)
	}
	return what, nil
}

// mark returns a position of the log which everything that was visible to anyone before
// the call lies at or before, and which the stream is sure to pass. A commit or a keepalive
// of the stream at or beyond it therefore says that all of that has been received.
//
// It commits an empty message, asks where the log ends, and commits another. The first
// commit flushes what committed before it, even asynchronously. The second lies after the
// end that was asked for and carries the stream past it: without it that end might lie after
// a page header that an idle server never sends. What pg_logical_emit_message returns is not
// used, for on Aurora it may be a position of another log.
// https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-REPLICATION
// https://github.com/powersync-ja/powersync-service/pull/135
func (o *Origin) mark(ctx context.Context, conn *session) (replicator.LSN, error) {
	if err := emit(ctx, conn); err != nil {
		return 0, err
	}
	at, err := endOfLog(ctx, conn, "pg_current_wal_lsn")
	if err != nil {
		return 0, err
	}
	return at, emit(ctx, conn)
}

// emit commits an empty message. The commit is local: it would otherwise wait for a
// synchronous standby for as long as that is missing.
func emit(ctx context.Context, conn *session) error {
	err := pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{AccessMode: pgx.ReadWrite}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SET LOCAL synchronous_commit = local`); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `SELECT pg_logical_emit_message(true, 'rowshift', '')`)
		return err
	})
	if err != nil {
		return fmt.Errorf("postgres: emit a message: %w", err)
	}
	return nil
}
