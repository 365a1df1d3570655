package postgres

import (
	"context"
	"testing"

	"rowshift/replicator"
	"rowshift/schema"
)

// way is a way to take a view: the steps of Origin.Snapshot and the rule. Each of them may
// be broken.
type way struct {
	wait     func(context.Context, *stage, *session) error
	unlocked bool
	early    bool // the position is taken before the snapshot
	position func(context.Context, *stage, *session) (replicator.LSN, error)
	apart    bool // each table is read by a snapshot of its own
	applied  rule
}

// TestPlantedBugs shows that the hand-over's test would notice each of these mistakes, and
// that the same steps without a mistake pass.
func TestPlantedBugs(t *testing.T) {
	tests := []struct {
		bug  string
		hung bool // it shows with a commit that hangs, which chance seldom has at the right moment
		way
	}{
		{bug: "none"},
		{bug: "waits for nothing", hung: true, way: way{wait: func(context.Context, *stage, *session) error { return nil }}},
		{bug: "waits for the snapshot's xmax", hung: true, way: way{wait: settleXMax}},
		{bug: "does not lock", way: way{unlocked: true}},
		{bug: "takes the position before the snapshot", way: way{early: true}},
		{bug: "takes what is flushed as the position", way: way{position: flushed}},
		{bug: "reads each table by a snapshot of its own", way: way{apart: true}},
		{bug: "applies what commits past the position", way: way{applied: func(v view, tx received) bool {
			return tx.end > v.handOver
		}}},
		{bug: "takes what was in progress as seen", way: way{applied: func(v view, tx received) bool {
			return tx.end > v.handOver || uint64(tx.xid) >= v.seen.XMax
		}}},
		{bug: "applies everything", way: way{applied: func(view, received) bool { return true }}},
	}
	for _, test := range tests {
		t.Run(test.bug, func(t *testing.T) {
			s := newStage(t)
			test.ensure()
			count := seeds(t, 15)
			switch {
			case test.hung:
				count = 1
			case test.bug != "none":
				count = max(count, 400) // most show at once; on a busy machine some show late
			}
			for seed := range count {
				play := func() (string, error) { return s.play(seed, test.take, test.applied) }
				if test.hung {
					play = func() (string, error) { return s.behind(test.take, test.applied, false) }
				}
				wrong, err := play()
				switch {
				case err != nil:
					t.Fatalf("seed %d: %v", seed, err)
				case wrong != "" && test.bug == "none":
					t.Fatalf("seed %d: %s", seed, wrong)
				case wrong != "":
					t.Logf("seed %d: %s; %+v", seed, wrong, s.counts)
					return
				}
			}
			if test.bug != "none" {
				t.Errorf("not seen with %d seeds", count)
			}
		})
	}
}

// ensure fills in the right step wherever none is broken.
func (w *way) ensure() {
	if w.wait == nil {
		w.wait = func(ctx context.Context, s *stage, conn *session) error { return s.settle(ctx, conn) }
	}
	if w.position == nil {
		w.position = func(ctx context.Context, s *stage, conn *session) (replicator.LSN, error) { return s.mark(ctx, conn) }
	}
	if w.applied == nil {
		w.applied = unseen
	}
}

// take takes a view in this way.
func (w *way) take(ctx context.Context, s *stage, tables []*schema.Table) (v view, err error) {
	if err := w.wait(ctx, s, s.marker); err != nil {
		return v, err
	}
	if !w.unlocked {
		l, err := s.lock(ctx, tables)
		if err != nil {
			return v, err
		}
		defer shut(l.conn)
	}
	v.seen, v.handOver, err = w.both(ctx, s)
	if err != nil {
		return v, err
	}
	defer s.exec(s.keeper, `ROLLBACK`)
	v.rows = map[string][]string{}
	for _, t := range tables {
		if err := s.pause(ctx); err != nil {
			return v, err
		}
		reader := s.keeper
		if w.apart {
			reader = s.ours()
			defer shut(reader)
		}
		if err := v.read(ctx, reader, t); err != nil {
			return v, err
		}
	}
	return v, nil
}

// both takes the snapshot and the position, with a pause in between.
func (w *way) both(ctx context.Context, s *stage) (seen replicator.Visibility, at replicator.LSN, err error) {
	if w.early {
		if at, err = w.position(ctx, s, s.marker); err != nil {
			return seen, at, err
		}
		if err := s.pause(ctx); err != nil {
			return seen, at, err
		}
	}
	if seen, _, err = export(ctx, s.keeper); err != nil || w.early {
		return seen, at, err
	}
	if err := s.pause(ctx); err != nil {
		return seen, at, err
	}
	at, err = w.position(ctx, s, s.marker)
	return seen, at, err
}

// read reads a table whole.
func (v *view) read(ctx context.Context, conn *session, t *schema.Table) error {
	rows := &copyText{columns: len(t.Columns), write: func(row replicator.Tuple) error {
		values := strung(row)
		v.rows[t.Name.Table] = append(v.rows[t.Name.Table], values[0]+"|"+values[1])
		return nil
	}}
	_, err := conn.PgConn().CopyTo(ctx, rows, copyOf(replicator.Range{Table: t}))
	return err
}

// settleXMax waits until the transaction that a snapshot takes for the next one has ended.
// It does not wait for a newer one that hangs on its standby.
func settleXMax(ctx context.Context, _ *stage, conn *session) error {
	var xmax int64
	if err := conn.QueryRow(ctx, `SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint`).Scan(&xmax); err != nil {
		return err
	}
	for {
		var settled bool
		err := conn.QueryRow(ctx, `SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint >= $1`, xmax).Scan(&settled)
		if err != nil || settled {
			return err
		}
		if err := sleep(ctx, firstPause); err != nil {
			return err
		}
	}
}

// flushed returns the end of the flushed log, which may lie before an asynchronous commit
// that is visible.
func flushed(ctx context.Context, s *stage, conn *session) (replicator.LSN, error) {
	var text string
	if err := conn.QueryRow(ctx, `SELECT pg_current_wal_flush_lsn()::text`).Scan(&text); err != nil {
		return 0, err
	}
	return replicator.ParseLSN(text)
}
