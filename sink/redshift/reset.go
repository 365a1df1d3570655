package redshift

import (
	"context"
	"slices"
	"time"

	"rowshift/replicator"
)

// ResetState is what became of a slot reset.
type ResetState string

// The states of a slot reset.
const (
	ResetUnknown   ResetState = ""        // nobody has asked for it
	ResetRequested ResetState = requested // no daemon has taken it up yet
	ResetTaken     ResetState = taken     // it is under way
	ResetDone      ResetState = done      // all tables are live again, or parked
)

// RequestReset asks the daemon for a slot reset, unless it knows the token. The error is a
// *replicator.Halt if no daemon of this version has run yet.
func (w *Warehouse) RequestReset(ctx context.Context, token string) error {
	return w.with(ctx, func(s *session) error {
		if err := w.requestable(ctx, s); err != nil {
			return err
		}
		return w.transaction(ctx, s, func() error { // a daemon may be given the same token meanwhile
			var known replicator.Checkpoint
			err := w.resets(ctx, s, &known)
			if err != nil || slices.ContainsFunc(known.Resets, func(r replicator.Reset) bool { return r.Token == token }) {
				return err
			}
			_, err = s.run(ctx, "request", w.metadata.insertReset(token, requested))
			return err
		})
	})
}

// Reset returns what became of a slot reset, and how long the reset that was done last took, in
// whole seconds; negative if none was done.
func (w *Warehouse) Reset(ctx context.Context, token string) (state ResetState, last time.Duration, err error) {
	last = -1
	err = w.with(ctx, func(s *session) error {
		names, err := w.tableNames(ctx, s)
		if err != nil || !names.has(requestTable) {
			return err
		}
		rows, err := s.rows(ctx, "read the resets", w.metadata.readResets())
		if err != nil {
			return err
		}
		for _, r := range rows {
			if string(r[0]) == token {
				state = ResetState(r[1])
			}
		}
		took, err := s.rows(ctx, "read the last reset", w.metadata.lastReset())
		if err != nil || len(took) == 0 {
			return err
		}
		n := &scanner{row: took[0]}
		last = time.Duration(n.number()) * time.Second
		return altered(n.err)
	})
	return state, last, err
}
