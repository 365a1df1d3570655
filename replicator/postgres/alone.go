package postgres

import (
	"cmp"
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
	// aliveEvery is how often a daemon that is making the slot runs a query to show that it
	// is alive.
	aliveEvery = 10 * time.Second

	// silentAfter is how long such a daemon may be silent before another takes its place.
	// If a daemon is killed, its session ends at once; if its machine is gone, the session
	// stays.
	silentAfter = time.Minute
)

// alone is the session whose advisory lock keeps other daemons from making the slot. It
// runs a query now and then to show that its daemon is alive. It also drops the slot: once
// another daemon has ended this session to take its place, it can drop nothing any more.
type alone struct {
	mu   sync.Mutex // the session does one thing at a time
	conn *session
}

func (a *alone) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.conn.Exec(ctx, sql, args...)
}

// Alone implements replicator.Origin. A session holds an advisory lock while do runs.
// https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
func (o *Origin) Alone(ctx context.Context, do func(context.Context) error) error {
	conn, err := o.session(ctx) // one that may idle between two signs of life
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

// live shows every aliveEvery that the daemon is alive, until ctx is done. It returns an
// error if the session is gone.
func (a *alone) live(ctx context.Context) error {
	for {
		if sleep(ctx, aliveEvery) != nil {
			return nil //nolint:nilerr // it was asked to end
		}
		if _, err := a.Exec(ctx, "SELECT 1"); err != nil && ctx.Err() == nil {
			return fmt.Errorf("postgres: the session that kept others from making the slot is gone: %w", err)
		}
	}
}

// slotKey returns the key of the advisory lock that the maker of the slot holds.
func (o *Origin) slotKey() int64 {
	h := fnv.New64a()
	h.Write([]byte("rowshift slot " + o.options.Slot))
	return int64(h.Sum64())
}

// holderQuery finds the session that holds the lock, and whether it is one of ours that no
// longer shows a sign of life. pg_locks shows a 64-bit key as two halves.
// https://www.postgresql.org/docs/current/view-pg-locks.html
const holderQuery = `
SELECT l.pid, coalesce(a.application_name = $2 AND a.usename = current_user AND clock_timestamp() - a.state_change > $3::bigint * interval '1 millisecond', false)
FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND l.classid = (($1::bigint >> 32) & 4294967295)::oid AND l.objid = ($1::bigint & 4294967295)::oid`

// maker is the session that keeps others from making the slot. Its pid is 0 if there is
// none.
type maker struct {
	pid    int32
	silent bool // it is ours, and no longer shows a sign of life
}

// findMaker returns the maker of the slot.
func (o *Origin) findMaker(ctx context.Context, q querier) (m maker, err error) {
	silent := cmp.Or(o.silent, silentAfter)
	err = q.QueryRow(ctx, holderQuery, o.slotKey(), applicationName, silent.Milliseconds()).Scan(&m.pid, &m.silent)
	if errors.Is(err, pgx.ErrNoRows) {
		return maker{}, nil
	}
	if err != nil {
		return m, fmt.Errorf("postgres: look who makes slot %q: %w", o.options.Slot, err)
	}
	return m, nil
}

// lockSlot takes the advisory lock of the slot's maker. If another daemon has the lock, it
// waits while that daemon is alive, and ends its session once it is silent.
func (o *Origin) lockSlot(ctx context.Context, conn *session) error {
	say := o.waitingOnce()
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		var got bool
		if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1)`, o.slotKey()).Scan(&got); err != nil {
			return fmt.Errorf("postgres: keep others from making slot %q: %w", o.options.Slot, err)
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
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}
