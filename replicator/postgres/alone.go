package postgres

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// aliveEvery is how often a daemon that makes the slot shows that it lives.
	aliveEvery = 10 * time.Second

	// silentAfter is how long it may be silent before another takes its place. A killed
	// one's session ends at once; that of one whose machine is gone does not.
	silentAfter = time.Minute
)

// alone is the session whose lock keeps others from making the slot. It shows now and
// then that its daemon lives, and drops the slot: once it was ended, because another
// has taken its place, nothing is dropped any more.
type alone struct {
	mu   sync.Mutex // the session does one thing at a time
	conn *pgx.Conn
}

func (a *alone) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.conn.Exec(ctx, sql, args...)
}

// Alone implements replicator.Origin, by an advisory lock that a session holds.
// https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
func (o *Origin) Alone(ctx context.Context, do func(context.Context) error) error {
	conn, err := o.session(ctx) // it is silent between two signs of life
	if err != nil {
		return err
	}
	defer shut(conn)
	if err := o.lockSlot(ctx, conn); err != nil {
		return err
	}
	a := &alone{conn: conn}
	o.alone = a
	defer func() { o.alone = nil }()
	work, stop := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		stop(a.live(work))
	}()
	err = do(work)
	lost := context.Cause(work)
	stop(nil)
	<-ended
	if lost != nil && ctx.Err() == nil {
		err = errors.Join(lost, err)
	}
	return err
}

// live shows that the daemon lives, until ctx is done; the error says that the session
// is gone.
func (a *alone) live(ctx context.Context) error {
	for {
		if rest(ctx, aliveEvery) != nil {
			return nil //nolint:nilerr // it was asked to end
		}
		if _, err := a.Exec(ctx, "SELECT 1"); err != nil && ctx.Err() == nil {
			return fmt.Errorf("postgres: the session that kept others from making the slot is gone: %w", bare(err))
		}
	}
}

// slotKey is the advisory lock of who makes the slot.
func (o *Origin) slotKey() int64 {
	h := fnv.New64a()
	h.Write([]byte("rowshift slot " + o.options.Slot))
	return int64(h.Sum64())
}

// holderQuery finds the sessions that hold the lock, those of ours that show no sign of
// life any more, and their names. A key of 64 bits is shown as two halves.
// https://www.postgresql.org/docs/current/view-pg-locks.html
const holderQuery = `
SELECT l.pid, coalesce(a.application_name = $2 AND a.usename = current_user AND clock_timestamp() - a.state_change > $3::bigint * interval '1 millisecond', false)
FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND l.classid = (($1::bigint >> 32) & 4294967295)::oid AND l.objid = ($1::bigint & 4294967295)::oid`

// maker is the session that keeps others from making the slot; its pid is 0 if none
// does.
type maker struct {
	pid    int32
	silent bool // it is ours, and shows no sign of life
}

// findMaker looks who makes the slot.
func (o *Origin) findMaker(ctx context.Context, q querier) (m maker, err error) {
	silent := silentAfter
	if o.silent > 0 {
		silent = o.silent
	}
	err = q.QueryRow(ctx, holderQuery, o.slotKey(), applicationName, silent.Milliseconds()).Scan(&m.pid, &m.silent)
	if errors.Is(err, pgx.ErrNoRows) {
		return maker{}, nil
	}
	if err != nil {
		return m, fmt.Errorf("postgres: look who makes slot %q: %w", o.options.Slot, bare(err))
	}
	return m, nil
}

// lockSlot takes the lock of who makes the slot. It waits while another daemon lives
// that has it, and ends the session of one that does not.
func (o *Origin) lockSlot(ctx context.Context, conn *pgx.Conn) error {
	say := o.waitingOnce()
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		var got bool
		if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, o.slotKey()).Scan(&got); err != nil {
			return fmt.Errorf("postgres: keep others from making slot %q: %w", o.options.Slot, bare(err))
		}
		if got {
			return nil
		}
		m, err := o.findMaker(ctx, conn)
		if err != nil {
			return err
		}
		if m.pid != 0 {
			say(fmt.Sprintf("slot %q, which another daemon makes, in server process %d", o.options.Slot, m.pid))
		}
		if m.silent {
			if err := o.endOurs(ctx, conn, m.pid); err != nil {
				return err
			}
		}
		if err := rest(ctx, pause); err != nil {
			return err
		}
	}
}
