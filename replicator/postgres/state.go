package postgres

import (
	"context"
	"fmt"

	"rowshift/replicator"
)

// SlotState is what the slot looks like at one moment, for metrics and status.
type SlotState struct {
	Exists  bool
	Active  bool   // somebody streams from it
	Status  string // wal_status: reserved, extended, unreserved, lost
	Invalid string // why the server invalidated it; empty if it did not, or before version 17

	Limited bool // the server has a max_slot_wal_keep_size

	// Safe is how many bytes of log may still be written before the slot is in danger, if
	// Limited. It is negative if the slot is in danger.
	Safe int64

	Restart   replicator.LSN // the oldest log that is kept for it
	Confirmed replicator.LSN // what we acknowledged
	Current   replicator.LSN // the end of the server's flushed log

	Making bool // a daemon is about to make the slot

	Retained uint64 // bytes of log that are kept for it, and fill the disk
	Lag      uint64 // bytes of log that are not acknowledged yet
}

// SlotState looks at the slot on a session of its own, so it may be called beside
// everything else. It works on a standby too.
func (o *Origin) SlotState(ctx context.Context) (SlotState, error) {
	conn, err := o.connect(ctx)
	if err != nil {
		return SlotState{}, err
	}
	defer shut(conn)
	var text string
	err = conn.QueryRow(ctx, `SELECT CASE WHEN pg_is_in_recovery() THEN coalesce(pg_last_wal_replay_lsn(), '0/0') ELSE pg_current_wal_flush_lsn() END::text`).Scan(&text)
	if err != nil {
		return SlotState{}, fmt.Errorf("postgres: ask for the end of the log: %w", err)
	}
	current, err := replicator.ParseLSN(text)
	if err != nil {
		return SlotState{}, err
	}
	m, err := o.findMaker(ctx, conn)
	if err != nil {
		return SlotState{}, err
	}
	s, err := findSlot(ctx, conn, o.options.Slot)
	if err != nil || s == nil {
		return SlotState{Current: current, Making: m.pid != 0}, err
	}
	state := SlotState{
		Making: m.pid != 0,
		Exists: true, Active: s.active, Status: s.status, Invalid: s.invalid,
		Restart: s.restart, Confirmed: s.confirmed, Current: current,
		Lag: s.confirmed.Behind(current),
	}
	if s.restart > 0 && !s.lost() { // a slot that is lost keeps nothing, though it may still name a position
		state.Retained = s.restart.Behind(current)
	}
	if s.safe != nil {
		state.Limited, state.Safe = true, *s.safe
	}
	return state, nil
}
