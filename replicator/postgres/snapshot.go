package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"rowshift/replicator"
	"rowshift/replicator/postgres/render"
	"rowshift/schema"
)

// The bounds of the time between two looks at the sessions that hold a snapshot, and
// how long an answer may take.
const (
	minWatch    = 20 * time.Millisecond
	maxWatch    = time.Second
	watchAnswer = 30 * time.Second
)

// snapshot implements replicator.Snapshot. Besides its readers, two sessions hold it: the
// lock keeps the tables as they are, and the keeper's transaction keeps what was exported
// importable. One goroutine watches both, and it alone ends everything.
type snapshot struct {
	taken    replicator.Taken
	lock     *lock
	keeper   *session
	vxid     string // of the keeper's transaction
	readers  *readers
	forms    map[uint32][]render.Form // by OID: of the tables that are read in binary
	textOnly *textOnly

	life context.Context // ends when the snapshot is given up or closed, with the cause
	end  context.CancelCauseFunc
	gone chan struct{} // closed once every session has ended
}

// Snapshot waits until everything that was running has ended, locks the tables, takes a
// snapshot that several sessions can share and then, in another session, emits the message
// whose LSN is the hand-over position.
//
// This order makes the hand-over exact: the snapshot sees a transaction that ended before
// the wait; what it sees committed before the message; and what it does not see comes by
// the stream, because the slot was there before the wait began.
func (o *Origin) Snapshot(ctx context.Context, tables []*schema.Table) (replicator.Snapshot, error) {
	marker, err := o.session(ctx)
	if err != nil {
		return nil, err
	}
	defer shut(marker)
	if err := o.settle(ctx, marker); err != nil {
		return nil, err
	}
	locks, err := o.lock(ctx, tables)
	if err != nil {
		return nil, err
	}
	s := &snapshot{lock: locks, textOnly: &o.textOnly, gone: make(chan struct{})}
	if err := o.takeSoon(ctx, s, marker, tables); err != nil {
		shut(locks.conn)
		if s.keeper != nil {
			shut(s.keeper)
		}
		return nil, err
	}
	s.life, s.end = context.WithCancelCause(context.WithoutCancel(ctx))
	go s.watch(o.options.LoadYield)
	return s, nil
}

// takeSoon takes the snapshot, but gives it up if that takes as long as others may wait for
// the locks: until it is taken, nobody checks whether others wait.
func (o *Origin) takeSoon(ctx context.Context, s *snapshot, marker *session, tables []*schema.Table) error {
	late := fmt.Errorf("%w: it took more than %s to take it", replicator.ErrYielded, o.options.LoadYield)
	ctx, cancel := context.WithTimeoutCause(ctx, o.options.LoadYield, late)
	defer cancel()
	err := o.take(ctx, s, marker, tables)
	if err != nil && errors.Is(context.Cause(ctx), late) {
		return late
	}
	return err
}

// take takes the snapshot under the locks.
func (o *Origin) take(ctx context.Context, s *snapshot, marker *session, tables []*schema.Table) (err error) {
	if s.taken.Tables, err = o.resolveAgain(ctx, s.lock.conn, tables); err != nil {
		return err
	}
	if s.keeper, err = o.session(ctx); err != nil {
		return err
	}
	seen, id, err := export(ctx, s.keeper)
	if err != nil {
		return err
	}
	s.taken.Seen = seen
	if s.vxid, err = ownVXID(ctx, s.keeper); err != nil {
		return err
	}
	if s.taken.HandOver, err = o.mark(ctx, marker); err != nil {
		return err
	}
	if err := sameParts(ctx, s.keeper, s.taken.Tables); err != nil {
		return err
	}
	sizes, err := measure(ctx, s.keeper, s.taken.Tables)
	if err != nil {
		return err
	}
	if s.forms, err = o.formsFor(ctx, s.keeper, s.taken.Tables); err != nil {
		return err
	}
	for _, t := range s.taken.Tables {
		s.taken.Ranges = append(s.taken.Ranges, ranges(t, sizes, rangeBytes)...)
	}
	s.readers = newReaders(o.options.Workers, func(ctx context.Context) (*session, error) {
		return o.reader(ctx, id)
	})
	return nil
}

// export takes a snapshot in a transaction that it leaves open. It returns what the
// snapshot sees, and the name by which other sessions can import it.
func export(ctx context.Context, conn *session) (seen replicator.Visibility, id string, err error) {
	if _, err := conn.Exec(ctx, `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`); err != nil {
		return seen, "", fmt.Errorf("postgres: begin a snapshot: %w", err)
	}
	var text string
	err = conn.QueryRow(ctx, `SELECT pg_current_snapshot()::text, pg_export_snapshot()`).Scan(&text, &id)
	if err != nil {
		return seen, "", fmt.Errorf("postgres: take a snapshot: %w", err)
	}
	seen, err = parseVisibility(text)
	return seen, id, err
}

// readVisibility returns what the transaction's snapshot sees.
func readVisibility(ctx context.Context, tx pgx.Tx) (*replicator.Visibility, error) {
	var text string
	if err := tx.QueryRow(ctx, `SELECT pg_current_snapshot()::text`).Scan(&text); err != nil {
		return nil, fmt.Errorf("postgres: read what the catalogue sees: %w", err)
	}
	seen, err := parseVisibility(text)
	return &seen, err
}

// parseVisibility reads PostgreSQL's form of a snapshot: xmin:xmax:xip,xip,...
// https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-PG-SNAPSHOT-PARTS
func parseVisibility(text string) (v replicator.Visibility, err error) {
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return v, fmt.Errorf("postgres: %q is not a snapshot", text)
	}
	ids := parts[:2]
	if parts[2] != "" {
		ids = append(ids, strings.Split(parts[2], ",")...)
	}
	xids := make([]uint64, len(ids))
	for i, id := range ids {
		if xids[i], err = strconv.ParseUint(id, 10, 64); err != nil {
			return v, fmt.Errorf("postgres: %q is not a snapshot", text)
		}
	}
	return replicator.Visibility{XMin: xids[0], XMax: xids[1], InProgress: xids[2:]}, nil
}

// reader opens a session whose open transaction imported the snapshot.
func (o *Origin) reader(ctx context.Context, id string) (*session, error) {
	conn, err := o.session(ctx)
	if err != nil {
		return nil, err
	}
	_, err = conn.Exec(ctx, `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT `+literal(id))
	if err != nil {
		shut(conn)
		return nil, fmt.Errorf("postgres: import the snapshot: %w", err)
	}
	return conn, nil
}

// Taken says what the snapshot is of.
func (s *snapshot) Taken() replicator.Taken { return s.taken }

// Close ends every session of the snapshot, and every Copy that still reads.
func (s *snapshot) Close() error {
	s.end(errClosed)
	<-s.gone
	return nil
}

// watch looks at the sessions that hold the snapshot until it is closed or has to be given
// up. Then it ends them all, the locks first.
func (s *snapshot) watch(yield time.Duration) {
	defer close(s.gone)
	s.end(s.guard(min(max(yield/4, minWatch), maxWatch), yield))
	shut(s.lock.conn)
	s.readers.close()
	shut(s.keeper)
}

// guard returns why the snapshot has to be given up, or that it is closed.
func (s *snapshot) guard(every, yield time.Duration) error {
	for {
		if err := sleep(s.life, every); err != nil {
			return err
		}
		if err := s.look(yield); err != nil {
			return err
		}
	}
}

// look returns an error unless the snapshot still holds and is in nobody's way.
func (s *snapshot) look(yield time.Duration) error {
	ctx, cancel := context.WithTimeout(s.life, watchAnswer)
	defer cancel()
	sessions := append(s.readers.pids(), int32(s.lock.conn.PgConn().PID()))
	if err := s.lock.yield(ctx, yield, sessions); err != nil {
		return err
	}
	kept, err := alive(ctx, s.lock.conn, s.vxid)
	if err == nil && !kept {
		err = errors.New("its transaction is over")
	}
	if err != nil {
		return fmt.Errorf("%w: the session that keeps it ended: %w", replicator.ErrYielded, err)
	}
	return nil
}
