package redshift

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
)

// merging is one merge under way.
type merging struct {
	*Warehouse
	session *session
	merge   *replicator.Merge
	merged  replicator.Merged
	made    []place // temporary tables
}

// Merge implements replicator.Warehouse.
func (w *Warehouse) Merge(ctx context.Context, m *replicator.Merge) (replicator.Merged, error) {
	run := &merging{Warehouse: w, merge: m, merged: replicator.Merged{Rows: map[uint32]int64{}, Steps: map[string]time.Duration{}}}
	err := w.with(ctx, func(s *session) error {
		run.session = s
		err := run.run(ctx)
		if answered(err) && !s.conn.IsClosed() && len(run.made) > 0 {
			_, dropped := s.run(context.WithoutCancel(ctx), "drop the staging tables", drop(run.made...))
			if dropped != nil {
				s.close(ctx) // they end with their session
			}
		}
		return err
	})
	return run.merged, err
}

// run stages outside the transaction and applies inside.
func (m *merging) run(ctx context.Context) error {
	stages := map[*replicator.StagedFold]place{}
	for _, s := range m.merge.Staged {
		for i := range s.Folds {
			f := &s.Folds[i]
			if f.Files.Manifest == "" {
				continue
			}
			stage, err := m.stage(ctx, f)
			if err != nil {
				return err
			}
			stages[f] = stage
		}
	}
	gone, err := m.makeGone(ctx)
	if err != nil {
		return err
	}
	err = m.transaction(ctx, m.session, func() error {
		if err := m.compare(ctx); err != nil {
			return err
		}
		for _, s := range m.merge.Staged {
			for i := range s.Folds {
				if err := m.apply(ctx, s.Folds[i], stages[&s.Folds[i]]); err != nil {
					return err
				}
			}
			for _, j := range s.Joins {
				if err := m.reconcile(ctx, j.Table, m.metadata.load(j.From), gone[j.From]); err != nil {
					return err
				}
			}
		}
		if err := m.answer(ctx); err != nil {
			return err
		}
		if err := m.remember(ctx); err != nil {
			return err
		}
		return m.move(ctx)
	})
	if err != nil {
		m.tables = ""
		return m.blame(ctx, err)
	}
	m.dropOver(ctx)
	return nil
}

// blame halts instead of err if Redshift refused the merge because a target is not
// what it was.
func (m *merging) blame(ctx context.Context, err error) error {
	if replicator.Final(err) || replicator.Retryable(err) || codeOf(err) == "" || m.session.conn.IsClosed() {
		return err
	}
	for _, t := range m.targets() {
		have, failed := m.targetColumns(ctx, m.session, t)
		if failed != nil {
			return err
		}
		drifted := m.drift(t, have)
		if h, ok := errors.AsType[*replicator.Halt](drifted); ok {
			h.Cause = err
			return h
		}
	}
	return err
}

// targets are the tables that the merge writes to where people read them.
func (m *merging) targets() []*schema.Table {
	var tables []*schema.Table
	for _, s := range m.merge.Staged {
		for _, f := range s.Folds {
			if f.Into == "" && f.Held == "" {
				tables = append(tables, f.Table)
			}
		}
		for _, j := range s.Joins {
			tables = append(tables, j.Table)
		}
	}
	return tables
}

// step runs a statement, adds to the step's time, and returns the rows it changed.
func (m *merging) step(ctx context.Context, step, sql string) (int64, error) {
	began := time.Now()
	n, err := m.session.run(ctx, step, sql)
	m.merged.Steps[step] += time.Since(began)
	return n, err
}

// temporary makes a temporary table of a name that is not used in this session.
func (m *merging) temporary(ctx context.Context, kind string, create func(place) string) (place, error) {
	m.stages++
	p := temporary(fmt.Sprintf("%s_%d", kind, m.stages))
	if _, err := m.step(ctx, "copy", create(p)); err != nil {
		return p, err
	}
	m.made = append(m.made, p)
	return p, nil
}

// stage copies a fold's files into a staging table, and compares the counts.
func (m *merging) stage(ctx context.Context, f *replicator.StagedFold) (place, error) {
	create, columns := func(p place) string { return createStage(p, *f) }, stageColumns(*f)
	if f.Held != "" {
		create, columns = func(p place) string { return createHeldStage(p, f.Table) }, heldColumns(f.Table)
	}
	p, err := m.temporary(ctx, "stage", create)
	if err != nil {
		return p, err
	}
	began := time.Now()
	err = m.load(ctx, m.session, p, columns, f.Files, f.Table)
	m.merged.Steps["copy"] += time.Since(began)
	return p, err
}

// makeGone makes the temporary tables that joins collect keys in.
func (m *merging) makeGone(ctx context.Context) (map[string]place, error) {
	gone := map[string]place{}
	for _, s := range m.merge.Staged {
		for _, j := range s.Joins {
			p, err := m.temporary(ctx, "gone", func(p place) string { return createGone(p, j.Table) })
			if err != nil {
				return nil, err
			}
			gone[j.From] = p
		}
	}
	return gone, nil
}

// compare makes sure that no newer daemon has taken over, and that the checkpoint
// is where the merge begins.
func (m *merging) compare(ctx context.Context) error {
	rows, err := m.session.rows(ctx, "compare the checkpoint", m.metadata.position())
	if err != nil {
		return err
	}
	want := []string{fmt.Sprint(m.merge.Checkpoint.Epoch), m.merge.Expect.String()}
	if len(rows) != 1 || string(rows[0][0]) != want[0] || string(rows[0][1]) != want[1] {
		return fmt.Errorf("redshift: %w (ours: epoch %s at %s)", replicator.ErrFenced, want[0], want[1])
	}
	return nil
}

// apply applies a fold to its target, or to the load table of a table that joins, or
// adds folds to a held table.
func (m *merging) apply(ctx context.Context, f replicator.StagedFold, stage place) error {
	if f.Held != "" {
		return m.hold(ctx, f, stage)
	}
	target := in(m.options.Schema, f.Table.Target)
	if f.Into != "" {
		target = m.metadata.load(f.Into)
	}
	if f.Truncated {
		if err := m.count(ctx, f.Table, "delete", deleteAll(target)); err != nil {
			return err
		}
	}
	if stage == "" {
		return nil
	}
	if len(f.Unchanged) > 0 {
		if err := m.fill(ctx, f, stage, target); err != nil {
			return err
		}
	}
	if err := m.count(ctx, f.Table, "delete", deleteKeys(target, stage, f.Table)); err != nil {
		return err
	}
	return m.count(ctx, f.Table, "insert", insertStaged(target, stage, f.Table))
}

// hold adds staged folds to a held table.
func (m *merging) hold(ctx context.Context, f replicator.StagedFold, stage place) error {
	if stage == "" {
		return nil
	}
	held := m.metadata.load(f.Held)
	last, err := m.session.number(ctx, "hold", lastHeld(held))
	if err != nil {
		return err
	}
	_, err = m.step(ctx, "hold", insertHeld(held, stage, f.Table, last))
	return err
}

// fill fills what staged rows leave unchanged. All of them must find their origin.
func (m *merging) fill(ctx context.Context, f replicator.StagedFold, stage, target place) error {
	if _, err := m.step(ctx, "fill", fill(stage, target, f)); err != nil {
		return err
	}
	n, err := m.session.number(ctx, "fill", unfilled(stage, f))
	if err != nil || n == 0 {
		return err
	}
	return &replicator.Halt{
		Reason: replicator.RowUnfillable,
		Found:  fmt.Sprintf("%d rows of %v leave a TOASTed column unchanged, and %s has no such rows", n, f.Table.Name, target),
		Means:  "the target lost rows: somebody deleted them, or they were changed by hand",
		Repair: resyncOf(f.Table),
	}
}

// count runs a statement and counts the rows that it changed.
func (m *merging) count(ctx context.Context, t *schema.Table, step, sql string) error {
	if sql == "" {
		return nil
	}
	n, err := m.step(ctx, step, sql)
	m.merged.Rows[t.OID] += n
	return err
}

// reconcile makes a target equal to a load table by writing only what differs.
// Readers, views and grants notice nothing.
func (m *merging) reconcile(ctx context.Context, t *schema.Table, load, gone place) error {
	target := in(m.options.Schema, t.Target)
	for _, sql := range []string{
		deleteDifferent(target, load, t), findGone(gone, target, load, t), deleteGone(target, gone, t), insertLacking(target, load, t),
	} {
		if err := m.count(ctx, t, "reconcile", sql); err != nil {
			return err
		}
	}
	return nil
}

// move moves the checkpoint, and writes the tables' states if they changed.
func (m *merging) move(ctx context.Context) error {
	c := m.merge.Checkpoint
	n, err := m.step(ctx, "checkpoint", m.metadata.moveCheckpoint(c, m.merge.Expect))
	if err != nil {
		return err
	}
	if n != 1 {
		return fmt.Errorf("redshift: %w", replicator.ErrFenced)
	}
	var states string
	if len(c.Tables) > 0 {
		states = m.metadata.insertTables(c.Tables, detailOf)
	}
	if states == m.tables && m.tables != "" {
		return nil
	}
	if _, err := m.step(ctx, "checkpoint", deleteAll(m.metadata.tableState())); err != nil {
		return err
	}
	if states != "" {
		if _, err := m.step(ctx, "checkpoint", states); err != nil {
			return err
		}
	}
	m.tables = states
	return nil
}

// dropOver drops what belonged to loads that are over: of tables that have joined, and
// of loads that begin again. The merge is committed: what cannot be dropped now is
// dropped at the next fence.
func (m *merging) dropOver(ctx context.Context) {
	var names []string
	for _, s := range m.merge.Staged {
		for _, j := range s.Joins {
			names = append(names, j.From, j.Held)
		}
		for _, h := range s.Holds {
			names = append(names, h.Before.Into, h.Before.Held)
		}
	}
	var loads []place
	for _, name := range names {
		if name != "" {
			loads = append(loads, m.metadata.load(name))
		}
	}
	if err := m.dropLoads(ctx, m.session, loads); err != nil {
		m.session.close(ctx)
	}
}
