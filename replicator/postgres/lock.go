package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"rowshift/replicator"
	"rowshift/schema"
)

// lock is a session whose open transaction holds ACCESS SHARE locks on tables, so that
// nobody truncates, rewrites, alters or drops them: those commands do not respect the
// snapshots of others.
// https://www.postgresql.org/docs/current/mvcc-caveats.html
//
// Each lock is taken by a SELECT of no columns and no rows. That needs the right to read
// one column, where LOCK TABLE needs the right to read them all. It also locks the table's
// indexes, as the sessions that read the table do, so that a REINDEX, which blocks the
// table's writers, is seen to wait for us. Locking a root locks everything below it.
type lock struct {
	conn *session
	vxid string // the virtual id of its transaction, never used twice
}

// lock locks all of the tables, or none. For each lock it waits less than the
// deadlock_timeout, so that the server never finds a deadlock with us and makes nobody fail
// for it. If that is not enough, it gives all locks back and tries again, for as long as it
// takes. It reports through Options.Waiting whom it waits for.
func (o *Origin) lock(ctx context.Context, tables []*schema.Table) (*lock, error) {
	conn, err := o.session(ctx)
	if err != nil {
		return nil, err
	}
	l := &lock{conn: conn}
	say := o.waitingOnce()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		busy, err := l.try(ctx, tables, o.options.LoadYield)
		if err == nil && busy == nil {
			return l, nil
		}
		if err == nil {
			var what string
			what, err = describeHolder(ctx, conn, busy)
			if err == nil {
				say(what)
			}
		}
		if err == nil {
			err = sleep(ctx, pause)
		}
		if err != nil {
			shut(conn)
			return nil, err
		}
	}
}

// try locks the tables. If one of them is busy, or taking the locks lasts longer than
// limit, so that the first ones would be held for too long, it gives all of them back and
// returns that table.
func (l *lock) try(ctx context.Context, tables []*schema.Table, limit time.Duration) (*schema.Table, error) {
	_, err := l.conn.Exec(ctx, `BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY;
		SELECT set_config('lock_timeout', greatest(setting::int / 2, 1)::text, true) FROM pg_settings WHERE name = 'deadlock_timeout'`)
	if err != nil {
		return nil, fmt.Errorf("postgres: begin to lock tables: %w", err)
	}
	began := time.Now()
	for some := range slices.Chunk(tables, lockAtOnce) {
		t, err := l.take(ctx, some)
		if err == nil && time.Since(began) < limit {
			continue
		}
		if err != nil && !lockedOut(err) {
			return nil, unreadable(ctx, l.conn, t, err)
		}
		if _, err := l.conn.Exec(ctx, `ROLLBACK`); err != nil {
			return nil, fmt.Errorf("postgres: give locks back: %w", err)
		}
		return t, nil
	}
	if _, err := l.conn.Exec(ctx, `SET LOCAL lock_timeout = 0`); err != nil {
		return nil, fmt.Errorf("postgres: lock tables: %w", err)
	}
	l.vxid, err = ownVXID(ctx, l.conn)
	return nil, err
}

// lockAtOnce is how many tables are locked in one round trip. If each took a round trip of
// its own, many tables over a slow link would always take longer than others may wait for
// the first lock.
const lockAtOnce = 32

// take locks tables in one round trip. It returns the one that could not be locked, or the
// last.
func (l *lock) take(ctx context.Context, tables []*schema.Table) (*schema.Table, error) {
	var statements strings.Builder
	for _, t := range tables {
		statements.WriteString("SELECT FROM " + from(t) + " LIMIT 0;")
	}
	taken := 0
	results := l.conn.PgConn().Exec(ctx, statements.String())
	for results.NextResult() {
		if _, err := results.ResultReader().Close(); err == nil {
			taken++
		}
	}
	err := results.Close()
	return tables[min(taken, len(tables)-1)], bare(err)
}

// ownVXID returns the virtual id of conn's open transaction.
func ownVXID(ctx context.Context, conn *session) (vxid string, err error) {
	err = conn.QueryRow(ctx, `SELECT virtualxid FROM pg_locks WHERE locktype = 'virtualxid' AND granted AND pid = pg_backend_pid()`).Scan(&vxid)
	if err != nil {
		return "", fmt.Errorf("postgres: note a transaction's virtual id: %w", err)
	}
	return vxid, nil
}

// alive reports whether the transaction with that virtual id is still open. Any session may
// ask.
func alive(ctx context.Context, conn *session, vxid string) (open bool, err error) {
	err = conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'virtualxid' AND granted AND virtualxid = $1)`, vxid).Scan(&open)
	return open, err
}

// unreadable returns the error for a table that could not be read. If it lacks rights, has
// text that cannot be sent, or has a row on which its condition fails, the table is unfit,
// and the others go on.
func unreadable(ctx context.Context, conn *session, t *schema.Table, err error) error {
	switch {
	case unsendable(err):
		return unsendableTable(t, err)
	case t.Where != "" && ofClass(codeOf(err), dataException):
		return filterTable(t, err)
	case codeOf(err) != insufficientRights:
		return fmt.Errorf("postgres: read %s: %w", t.Name, err)
	}
	repair, asked := forbidden(ctx, conn, t)
	if asked != nil {
		return fmt.Errorf("postgres: ask what is lacking to read %s: %w", t.Name, asked)
	}
	return &replicator.Unfit{OID: t.OID, Name: t.Configured, Why: &replicator.Halt{
		Reason: replicator.TableUnfit,
		Found:  fmt.Sprintf("the source's role may not read all of %s", t.Name),
		Means:  "a load would fail, or miss rows that a row-level security policy hides",
		Repair: repair + "; then rowshift resync " + t.Configured.String(),
		Cause:  err,
	}}
}

// forbidden returns the statements that let the session's role read t. It first ends the
// session's transaction, in which a statement was refused.
// https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-ACCESS
func forbidden(ctx context.Context, conn *session, t *schema.Table) (string, error) {
	if _, err := conn.Exec(ctx, `ROLLBACK`); err != nil {
		return "", err
	}
	names, err := loaded(ctx, conn, t)
	if err != nil {
		return "", err
	}
	r, err := rightsOn(ctx, conn, t, names)
	if err != nil {
		return "", err
	}
	err = conn.QueryRow(ctx, `SELECT bool_or(row_security_active(o)) FROM unnest($1::oid[]) o`, locked(t)).Scan(&r.policies) // of partitions too, which are read by themselves
	if err != nil {
		return "", err
	}
	role := identifier(conn.Config().User)
	var statements []string
	if !r.usage || len(r.columns) > 0 || !r.policies {
		statements = append(statements, fmt.Sprintf("GRANT USAGE ON SCHEMA %s TO %s; GRANT SELECT (%s, ctid) ON %s TO %[2]s",
			identifier(t.Name.Schema), role, identifiers(names), quoted(t.Name)))
	}
	if r.policies {
		statements = append(statements, fmt.Sprintf("ALTER ROLE %s BYPASSRLS", role))
	}
	return strings.Join(statements, "; "), nil
}

// describeHolder describes who keeps us from locking t.
func describeHolder(ctx context.Context, conn *session, t *schema.Table) (string, error) {
	what := "a lock of " + t.Name.String()
	var pid int32
	var program string
	err := conn.QueryRow(ctx, `
		SELECT coalesce(l.pid, 0), coalesce(a.application_name, '')
		FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
		WHERE l.locktype = 'relation' AND l.relation = ANY ($1::oid[]) AND l.mode = 'AccessExclusiveLock'
		  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
		ORDER BY l.granted DESC, l.waitstart LIMIT 1`, locked(t)).Scan(&pid, &program)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return what, nil
	case err != nil:
		return "", fmt.Errorf("postgres: look who holds %s: %w", what, err)
	case pid == 0:
		return what + ", which a prepared transaction holds (see pg_prepared_xacts)", nil
	}
	return fmt.Sprintf("%s, which session %d (%s) holds or waits for", what, pid, program), nil
}

// waiter finds a session that has waited longer than a given time for a lock on a table
// that one of the sessions pids holds. It leaves out a session that only waits for our
// transactions to end, as CREATE INDEX CONCURRENTLY does: that blocks nobody else
// meanwhile.
const waiter = `
WITH waits AS MATERIALIZED (
  SELECT pid, relation, waitstart FROM pg_locks
  WHERE NOT granted AND locktype = 'relation' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
)
SELECT w.pid, coalesce(a.application_name, ''), w.relation::regclass::text
FROM waits w LEFT JOIN pg_stat_activity a ON a.pid = w.pid
WHERE clock_timestamp() - w.waitstart > $1::float8 * interval '1 second' AND pg_blocking_pids(w.pid) && $2::int[]
LIMIT 1`

// yield looks once for a session that has waited longer than limit for a lock of any of the
// sessions. If there is one, the error wraps ErrYielded.
func (l *lock) yield(ctx context.Context, limit time.Duration, sessions []int32) error {
	var pid int32
	var program, relation string
	err := l.conn.QueryRow(ctx, waiter, limit.Seconds(), sessions).Scan(&pid, &program, &relation)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("%w: the session that holds the locks ended: %w", replicator.ErrYielded, err)
	}
	return fmt.Errorf("%w: session %d (%s) has waited for our lock of %s for more than %s", replicator.ErrYielded, pid, program, relation, limit)
}
