package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rowshift/replicator"

	"github.com/jackc/pgx/v5"
)

// slotState is the slot as pg_replication_slots has it.
// https://www.postgresql.org/docs/current/view-pg-replication-slots.html
type slotState struct {
	plugin    string
	kind      string
	database  string
	active    bool
	activePID int32
	status    string // reserved, extended, unreserved, lost
	confirmed replicator.LSN
	restart   replicator.LSN
	safe      *int64 // bytes that may still be written before it is in danger; nil: no limit
}

const slotQuery = `
SELECT coalesce(plugin::text, ''), slot_type, coalesce(database::text, ''), active, coalesce(active_pid, 0), coalesce(wal_status, ''),
       coalesce(confirmed_flush_lsn, '0/0')::text, coalesce(restart_lsn, '0/0')::text, safe_wal_size
FROM pg_replication_slots WHERE slot_name = $1`

// findSlot returns the slot, nil if there is none.
func (o *Origin) findSlot(ctx context.Context, conn *pgx.Conn) (*slotState, error) {
	s := &slotState{}
	var confirmed, restart string
	err := conn.QueryRow(ctx, slotQuery, o.options.Slot).
		Scan(&s.plugin, &s.kind, &s.database, &s.active, &s.activePID, &s.status, &confirmed, &restart, &s.safe)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("postgres: look for the slot: %w", bare(err))
	}
	if s.confirmed, err = replicator.ParseLSN(confirmed); err != nil {
		return nil, err
	}
	s.restart, err = replicator.ParseLSN(restart)
	return s, err
}

// usable tells whether the slot is one of ours by its kind, and not lost.
func (s *slotState) usable(database string) bool {
	return s.plugin == "pgoutput" && s.kind == "logical" && s.database == database && s.status != "lost"
}

// judge returns a *replicator.Halt if the slot is none that can be streamed from.
func (o *Origin) judge(s *slotState, database string) error {
	switch {
	case s == nil:
		return &replicator.Halt{
			Reason: replicator.SlotMissing,
			Found:  fmt.Sprintf("slot %q is gone", o.options.Slot),
			Means:  "the log that the warehouse lacks is not kept any more; another slot would leave a gap",
			Repair: "start over as the README's \"Starting over\" says: all tables are loaded again and only what differs is written",
		}
	case s.status == "lost":
		return &replicator.Halt{
			Reason: replicator.SlotLost,
			Found:  fmt.Sprintf("slot %q is lost (wal_status)", o.options.Slot),
			Means:  "the server gave it up, because it kept more log than max_slot_wal_keep_size, or by another of its rules",
			Repair: "start over as the README's \"Starting over\" says; raise max_slot_wal_keep_size or watch rowshift_slot_safe_bytes",
		}
	case !s.usable(database):
		return &replicator.Halt{
			Reason: replicator.SlotStrange,
			Found:  fmt.Sprintf("slot %q is a %s slot of plugin %q in database %q", o.options.Slot, s.kind, s.plugin, s.database),
			Means:  "it was made for something else",
			Repair: "name another slot under source.slot",
		}
	}
	return nil
}

// waitForSlot waits until nobody streams from the slot, by looking only, and
// returns it as it was found. Errors are of the last look.
func (o *Origin) waitForSlot(ctx context.Context, conn *pgx.Conn, database string) (*slotState, error) {
	said := false
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		s, err := o.findSlot(ctx, conn)
		if err != nil {
			return nil, err
		}
		if err := o.judge(s, database); err != nil {
			return nil, err
		}
		if !s.active {
			return s, nil
		}
		if !said {
			said = true
			o.waiting(fmt.Sprintf("slot %q, which is active for pid %d: another daemon, or a session of ours that the server has not given up yet", o.options.Slot, s.activePID))
		}
		if err := rest(ctx, pause); err != nil {
			return nil, err
		}
	}
}

// makeSlot makes the slot. It waits for every transaction that is running, prepared
// ones and those of other databases too, and says for which.
func (o *Origin) makeSlot(ctx context.Context, conn *pgx.Conn) error {
	watch, stop := context.WithCancel(ctx)
	told := make(chan struct{})
	go func() {
		defer close(told)
		o.tellOld(watch)
	}()
	_, err := conn.Exec(ctx, `SELECT pg_create_logical_replication_slot($1, 'pgoutput')`, o.options.Slot)
	stop()
	<-told
	if err != nil {
		return fmt.Errorf("postgres: make slot %q: %w", o.options.Slot, bare(err))
	}
	return nil
}

// tellOld says which transactions the making of a slot waits for, on a session of
// its own, until ctx is done.
func (o *Origin) tellOld(ctx context.Context) {
	if rest(ctx, time.Second) != nil {
		return
	}
	conn, err := o.connect(ctx)
	if err != nil {
		return // the slot's own session tells what is wrong
	}
	defer shut(conn)
	for said := ""; ; {
		what, err := unsettled(ctx, conn, 1<<62)
		if err == nil && what != "" && what != said {
			o.waiting(what)
			said = what
		}
		if rest(ctx, 2*time.Second) != nil {
			return
		}
	}
}

// Create implements replicator.Origin.
func (o *Origin) Create(ctx context.Context, r replicator.CreateRequest) (c replicator.Created, err error) {
	conn, err := o.connect(ctx)
	if err != nil {
		return c, err
	}
	defer shut(conn)
	s, err := o.fitServer(ctx, conn)
	if err != nil {
		return c, err
	}
	tables, err := o.tables(ctx, conn, s)
	if err != nil {
		return c, err
	}
	if _, err := o.align(ctx, conn, s, tables); err != nil {
		return c, err
	}
	slot, err := o.ensureSlot(ctx, conn, s.database, r)
	if err != nil {
		return c, err
	}
	if err := o.settle(ctx, conn); err != nil {
		return c, err
	}
	c.Start = slot.confirmed
	c.Proof, err = o.mark(ctx, conn)
	return c, err
}

// ensureSlot returns the slot, made if it is missing or has to be made again.
func (o *Origin) ensureSlot(ctx context.Context, conn *pgx.Conn, database string, r replicator.CreateRequest) (*slotState, error) {
	s, err := o.findSlot(ctx, conn)
	if err != nil {
		return nil, err
	}
	if s != nil && o.options.Create && !r.Resumed {
		return nil, &replicator.Halt{
			Reason: replicator.SlotStrange,
			Found:  fmt.Sprintf("there is a slot %q already, and the warehouse remembers nothing", o.options.Slot),
			Means:  "it is somebody else's, or the checkpoint was lost; with this slot alone there would be a gap",
			Repair: fmt.Sprintf("if nobody needs it: SELECT pg_drop_replication_slot('%s'); if a DBA made it for this pipeline: set source.create: false", o.options.Slot),
		}
	}
	if s != nil && o.options.Create && (r.Remake || !s.usable(database)) {
		if err := o.dropSlot(ctx, conn); err != nil {
			return nil, err
		}
		s = nil
	}
	if s == nil {
		if !o.options.Create {
			return nil, &replicator.Halt{
				Reason: replicator.SlotMissing,
				Found:  fmt.Sprintf("there is no slot %q, and source.create is false", o.options.Slot),
				Means:  "a DBA makes it",
				Repair: fmt.Sprintf("SELECT pg_create_logical_replication_slot('%s', 'pgoutput');", o.options.Slot),
			}
		}
		if err := o.makeSlot(ctx, conn); err != nil {
			return nil, err
		}
	}
	return o.waitForSlot(ctx, conn, database)
}

// dropSlot drops the slot once nobody streams from it.
func (o *Origin) dropSlot(ctx context.Context, conn *pgx.Conn) error {
	for {
		_, err := conn.Exec(ctx, `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1`, o.options.Slot)
		if err == nil {
			return nil
		}
		if codeOf(err) != objectInUse {
			return fmt.Errorf("postgres: drop slot %q: %w", o.options.Slot, bare(err))
		}
		if err := rest(ctx, 250*time.Millisecond); err != nil {
			return err
		}
	}
}
