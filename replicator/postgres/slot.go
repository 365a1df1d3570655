package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rowshift/replicator"
)

// slot is the slot as the source has it.
// https://www.postgresql.org/docs/current/view-pg-replication-slots.html
type slot struct {
	plugin    string
	kind      string
	database  string
	temporary bool
	twoPhase  bool // it sends transactions when they are prepared
	active    bool
	activePID int32
	status    string // wal_status: reserved, extended, unreserved, lost
	invalid   string // invalidation_reason, from 17 on
	confirmed replicator.LSN
	restart   replicator.LSN
	safe      *int64 // safe_wal_size; nil: no limit
}

const slotQuery = `
SELECT coalesce(plugin::text, ''), slot_type, coalesce(database::text, ''), temporary, two_phase, active, coalesce(active_pid, 0),
       coalesce(wal_status, ''), coalesce(to_jsonb(s) ->> 'invalidation_reason', ''),
       coalesce(confirmed_flush_lsn, '0/0')::text, coalesce(restart_lsn, '0/0')::text, safe_wal_size
FROM pg_replication_slots s WHERE slot_name = $1`

// findSlot returns the slot of that name, nil if there is none.
func findSlot(ctx context.Context, q querier, name string) (*slot, error) {
	s := &slot{}
	var confirmed, restart string
	err := q.QueryRow(ctx, slotQuery, name).Scan(&s.plugin, &s.kind, &s.database, &s.temporary, &s.twoPhase, &s.active, &s.activePID,
		&s.status, &s.invalid, &confirmed, &restart, &s.safe)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("postgres: look for the slot: %w", err)
	}
	if s.confirmed, err = replicator.ParseLSN(confirmed); err != nil {
		return nil, err
	}
	s.restart, err = replicator.ParseLSN(restart)
	return s, err
}

// ours reports whether the slot is of the kind that Create makes.
func (s *slot) ours(database string) bool {
	return s.plugin == "pgoutput" && s.kind == "logical" && s.database == database && !s.temporary && !s.twoPhase
}

// lost reports whether the server has given the slot up. The log that it needs is then
// gone.
func (s *slot) lost() bool { return s.status == "lost" || s.invalid != "" }

// startOver is the repair that begins a pipeline anew.
const startOver = "rowshift run --reset-slot=TOKEN, with a TOKEN of your own that was not used before: all tables are loaded again, and only what differs is written"

// streamable returns a *replicator.Halt if a pipeline that has begun cannot go on with the
// slot, which is nil if there is none.
func (o *Origin) streamable(s *slot, database string) error {
	name := o.options.Slot
	switch {
	case s == nil:
		return &replicator.Halt{
			Reason: replicator.SlotMissing,
			Found:  fmt.Sprintf("there is no slot %q any more", name),
			Means:  "it was dropped, or a standby was promoted that did not have it: the log that the warehouse lacks is not kept, and another slot would leave a gap",
			Repair: startOver,
		}
	case s.lost():
		return &replicator.Halt{
			Reason: replicator.SlotLost,
			Found:  strings.TrimSpace(fmt.Sprintf("slot %q was invalidated by the server (wal_status = lost) %s", name, s.invalid)),
			Means:  "it kept more log than max_slot_wal_keep_size allows, or broke another of the server's rules: the log that the warehouse lacks is gone",
			Repair: startOver + "; before that, raise max_slot_wal_keep_size, and watch rowshift_slot_safe_bytes from then on",
		}
	case !s.ours(database):
		return o.strangeHalt(s)
	}
	return nil
}

// strangeHalt returns the Halt for a slot that was made for something else.
func (o *Origin) strangeHalt(s *slot) error {
	found := fmt.Sprintf("slot %q is a %s slot", o.options.Slot, s.kind)
	if s.plugin != "" {
		found += fmt.Sprintf(" of plugin %s in database %q", s.plugin, s.database)
	}
	if s.temporary {
		found += ", temporary"
	}
	if s.twoPhase {
		found += ", with two-phase decoding"
	}
	return &replicator.Halt{
		Reason: replicator.SlotStrange,
		Found:  found,
		Means:  "it was made for something else",
		Repair: "name another slot in source.slot",
	}
}

// The bounds of the time between two looks at a slot that is active.
const (
	firstLook = 100 * time.Millisecond
	lastLook  = 250 * time.Millisecond
)

// A daemon that opens its stream again, because a table was altered, leaves the slot
// inactive for a moment. Another one that took it then would throw away what the first is
// loading. So it waits until nobody has streamed for calmFor or, while the first still has
// a snapshot open, for loadsFor. The former is short, since each take-over waits for it. It may
// still cost a load: once all rows are read the snapshot is closed, and who takes over while
// they are copied into the warehouse loads those tables anew.
const (
	calmFor  = 500 * time.Millisecond
	loadsFor = 10 * time.Second
)

// waitForSlot waits until nobody streams from the slot, and returns it as it was found
// then. It only looks: whoever streams may be a daemon that works, or a session that lost
// its client, which the server ends by itself after its wal_sender_timeout.
func (o *Origin) waitForSlot(ctx context.Context, q querier, database string) (*slot, error) {
	say := o.waitingOnce()
	another := false // another daemon was seen to stream
	var since time.Time
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		s, err := findSlot(ctx, q, o.options.Slot)
		if err != nil {
			return nil, err
		}
		if err := o.streamable(s, database); err != nil {
			return nil, err
		}
		switch {
		case s.active:
			another, since = another || s.activePID != o.streamed, time.Time{}
			say(fmt.Sprintf("slot %q, which server process %d streams from: another daemon does, or one that is gone and that the server has not given up yet", o.options.Slot, s.activePID))
		case !another:
			return s, nil
		case since.IsZero():
			since = time.Now()
		default:
			if gone, err := o.gone(ctx, q, time.Since(since)); err != nil || gone {
				return s, err
			}
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// loadsQuery reports whether another session of ours keeps a snapshot.
const loadsQuery = `
SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = $1 AND usename = current_user AND datname = current_database()
               AND pid <> pg_backend_pid() AND state = 'idle in transaction')`

// gone reports whether the daemon that streamed from the slot until so long ago is taken
// for gone. The sessions of one that was killed end with it. Those of a machine that is
// lost may stay for hours.
func (o *Origin) gone(ctx context.Context, q querier, ago time.Duration) (bool, error) {
	if ago < calmFor || ago >= loadsFor {
		return ago >= loadsFor, nil
	}
	var loads bool
	if err := q.QueryRow(ctx, loadsQuery, applicationName).Scan(&loads); err != nil {
		return false, fmt.Errorf("postgres: look whether slot %q is about to be streamed from again: %w", o.options.Slot, err)
	}
	return !loads, nil
}

// makeSlot makes the slot. The server first waits for every transaction that is running,
// including prepared ones and those of other databases; makeSlot reports for which.
// https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-REPLICATION
func (o *Origin) makeSlot(ctx context.Context, conn *session, s server) error {
	watch, stop := context.WithCancel(ctx)
	told := make(chan struct{})
	go func() {
		defer close(told)
		o.tellHolders(watch, conn.PgConn().PID())
	}()
	_, err := conn.Exec(ctx, createSlot(o.options.Slot))
	stop()
	<-told
	switch {
	case err == nil:
		return nil
	case codeOf(err) == insufficientRights:
		return &replicator.Halt{
			Reason: replicator.SourceUnfit,
			Found:  fmt.Sprintf("role %q may not make a replication slot", s.role),
			Means:  "without one no change is kept for us",
			Repair: repairReplication(s.role),
			Cause:  err,
		}
	}
	return fmt.Errorf("postgres: make slot %q: %w", o.options.Slot, err)
}

// heldUpQuery finds the transactions whose end a session waits for.
const heldUpQuery = `
SELECT w.transactionid::text, coalesce(a.pid, 0), coalesce(a.application_name, ''), coalesce(p.prepared, a.xact_start), p.gid,
       coalesce(a.wait_event = 'SyncRep', false)
FROM pg_locks w
LEFT JOIN pg_locks h ON h.locktype = 'transactionid' AND h.transactionid = w.transactionid AND h.granted AND h.mode = 'ExclusiveLock'
LEFT JOIN pg_stat_activity a ON a.pid = h.pid
LEFT JOIN pg_prepared_xacts p ON p.transaction = w.transactionid
WHERE w.pid = $1 AND w.locktype = 'transactionid' AND NOT w.granted`

// tellHolders reports which transactions a session waits for, on a session of its own,
// until ctx is done. It ignores its own failures: the error of the other session tells what
// is wrong.
func (o *Origin) tellHolders(ctx context.Context, pid uint32) {
	if sleep(ctx, tellPause) != nil {
		return
	}
	conn, err := o.session(ctx)
	if err != nil {
		return
	}
	defer shut(conn)
	for say := o.waitingOnce(); sleep(ctx, tellPause) == nil; {
		var r running
		err := conn.QueryRow(ctx, heldUpQuery, int32(pid)).Scan(&r.xid, &r.pid, &r.program, &r.since, &r.gid, &r.standby)
		if err == nil {
			say(fmt.Sprintf("a running transaction to end, to make slot %q: %v", o.options.Slot, r))
		}
	}
}

// createSlot and dropSlot return the statements for a slot.
func createSlot(name string) string {
	return "SELECT pg_create_logical_replication_slot(" + literal(name) + ", 'pgoutput')"
}

func dropSlot(name string) string { return "SELECT pg_drop_replication_slot(" + literal(name) + ")" }

// endOurs ends the server process that streams from the slot, or that keeps others from
// making it, if it is one of ours by its session's name and role. That is the session of an
// earlier daemon, which the server may take for alive for a while, and which can write
// nothing any more. Anybody else's process goes on, and the caller waits for it.
func (o *Origin) endOurs(ctx context.Context, conn *session, pid int32) error {
	_, err := conn.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND application_name = $2 AND usename = current_user`, pid, applicationName)
	if err != nil && codeOf(err) != insufficientRights {
		return fmt.Errorf("postgres: end server process %d, which has slot %q: %w", pid, o.options.Slot, err)
	}
	return nil
}

// letGo drops the slot once nobody streams from it, unless still says that it is another
// daemon's by then. If there is a session that keeps others from making the slot, that
// session drops it: another daemon ends that session before it makes a slot.
func (o *Origin) letGo(ctx context.Context, conn *session, still func() error) error {
	var drop interface {
		Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	} = conn
	if o.alone != nil {
		drop = o.alone
	}
	say := o.waitingOnce()
	for pause := firstLook; ; pause = min(2*pause, lastLook) {
		_, err := drop.Exec(ctx, dropSlot(o.options.Slot))
		if code := codeOf(err); err == nil || code == undefinedObject {
			return nil
		} else if code != objectInUse {
			return fmt.Errorf("postgres: drop slot %q: %w", o.options.Slot, err)
		}
		say(fmt.Sprintf("slot %q to be let go of, to make it anew", o.options.Slot))
		if err := sleep(ctx, pause); err != nil {
			return err
		}
		if err := still(); err != nil {
			return err
		}
	}
}
