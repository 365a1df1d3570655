package redshift

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
)

// merging is one merge under way. What outlives it is in known, of its Warehouse.
type merging struct {
	*Warehouse
	session           *session
	merge             *replicator.Merge
	merged            replicator.Merged
	made              []place                // temporary tables that exist
	ahead             prepared               // those of them that were made ahead
	asked             bool                   // there are open requests
	quarantineChanged bool                   // rows went into quarantine, or may have been lifted
	fills             []targetFill           // what new columns get in the transaction
	plain             []plainFold            // folds that wait to be written
	refusing          *schema.Table          // table whose target refused a statement; nil if none did
	spoiling          *schema.Table          // table of whose load a table refused a statement; nil if none did
	over              []replicator.LoadState // loads that no table has any longer
}

func newMerging(w *Warehouse, m *replicator.Merge) *merging {
	return &merging{Warehouse: w, merge: m, merged: replicator.Merged{Rows: map[uint32]int64{}, Steps: map[replicator.Step]time.Duration{}}}
}

// Merge implements replicator.Warehouse.
func (w *Warehouse) Merge(ctx context.Context, m *replicator.Merge) (replicator.Merged, error) {
	run := newMerging(w, m)
	err := w.with(ctx, func(s *session) error {
		run.session = s
		run.takeOver()
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

// run stages files outside of the transaction, and applies them inside.
func (m *merging) run(ctx context.Context) error {
	if err := m.alter(ctx); err != nil {
		return err
	}
	stages, err := m.stageAll(ctx)
	if err != nil {
		return err
	}
	gone, err := m.makeGone(ctx)
	if err != nil {
		return err
	}
	staged := len(m.made)
	var written time.Time // when only COMMIT was left
	err = m.bounded(ctx, m.session, func() error {
		for _, do := range []func(context.Context) error{m.compare, m.rename, m.countQuarantine} {
			if err := do(ctx); err != nil {
				return err
			}
		}
		for _, s := range m.merge.Staged {
			if err := m.applyAll(ctx, s, stages, gone); err != nil {
				return err
			}
		}
		for _, do := range []func(context.Context) error{m.fillColumns, m.answer, m.remember, m.recount, m.move} {
			if err := do(ctx); err != nil {
				return err
			}
		}
		written = time.Now()
		return nil
	})
	if err != nil {
		m.known.forget()
		m.made = m.made[:staged] // the others went with the transaction
		return m.blame(ctx, err)
	}
	m.took(replicator.StepCommit, written)
	m.known.refusals.merged(m.targets())
	m.known.ofLoads = refusals{}
	m.dropOver(ctx)
	return nil
}

// applyAll applies the folds of a batch and joins the tables that it has join.
func (m *merging) applyAll(ctx context.Context, s *replicator.Staged, stages map[*replicator.StagedFold]staging, gone map[string]place) error {
	for i := range s.Folds {
		if err := m.apply(ctx, s, s.Folds[i], stages[&s.Folds[i]]); err != nil {
			return err
		}
	}
	if err := m.writePlain(ctx); err != nil {
		return err
	}
	for _, j := range s.Joins {
		if err := m.reconcile(ctx, j.Table, m.metadata.table(j.From), gone[j.From]); err != nil {
			return err
		}
		if err := m.joinLedger(ctx, j, s.End); err != nil {
			return err
		}
	}
	return nil
}

// blame returns a *replicator.Unfit instead of err if Redshift refused the merge because of one
// target, which somebody has changed or which refuses a statement, or a *replicator.Spoiled if it
// was because of one table's load. The other tables then go on without it.
func (m *merging) blame(ctx context.Context, err error) error {
	if m.refusing != nil {
		err = m.judgeOwner(ctx, m.session, m.refusing, err)
	}
	if replicator.Final(err) || replicator.Retryable(err) || codeOf(err) == "" || m.session.conn.IsClosed() {
		return err
	}
	if m.spoiling != nil {
		return m.known.ofLoads.spoils(m.spoiling, err)
	}
	for _, t := range m.targets() {
		have, _, drifted := m.target(ctx, m.session, t)
		if drifted == nil {
			drifted = m.drift(t, have)
		} else if _, ok := errors.AsType[*replicator.Unfit](drifted); !ok {
			return err
		}
		if h, ok := errors.AsType[*replicator.Halt](drifted); ok {
			h.Cause = err
			return unfit(t, h)
		}
	}
	if m.refusing == nil || !m.known.refusals.countAgainst(m.refusing.OID, codeOf(err)) {
		return err
	}
	return unfit(m.refusing, m.refusal(err))
}

// targets returns the tables whose targets the merge writes to.
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

// step runs a statement, adds its time to that of a step, and returns how many rows it changed.
func (m *merging) step(ctx context.Context, step replicator.Step, sql string) (int64, error) {
	defer m.took(step, time.Now())
	return m.session.run(ctx, string(step), sql)
}

// took adds the time since then to that of a step.
func (m *merging) took(step replicator.Step, since time.Time) {
	m.merged.Steps[step] += time.Since(since)
}

// unused returns a temporary table that this session does not have yet.
func (m *merging) unused(kind string) place {
	m.known.stages++
	return temporary(fmt.Sprintf("%s_%d", kind, m.known.stages))
}

// temporary makes a temporary table that this session does not have yet.
func (m *merging) temporary(ctx context.Context, kind string, create func(place) string) (place, error) {
	p := m.unused(kind)
	if _, err := m.step(ctx, replicator.StepCopy, create(p)); err != nil {
		return p, err
	}
	m.made = append(m.made, p)
	return p, nil
}

// makeGone makes the temporary tables in which joins collect keys.
func (m *merging) makeGone(ctx context.Context) (map[string]place, error) {
	gone := map[string]place{}
	for _, s := range m.merge.Staged {
		for _, j := range s.Joins {
			target := in(m.options.Schema, j.Table.Target)
			p, err := m.temporary(ctx, "gone", func(p place) string { return createGone(p, target, j.Table) })
			if err != nil {
				m.refusing = j.Table
				return nil, m.blame(ctx, err)
			}
			gone[j.From] = p
		}
	}
	return gone, nil
}

// compare makes sure that no other daemon has taken over, and that the checkpoint is where the
// merge begins. It also notes whether requests are open; the transaction does not see those that
// come later.
func (m *merging) compare(ctx context.Context) error {
	rows, err := m.session.rows(ctx, "compare the checkpoint", m.metadata.position())
	if err != nil {
		return err
	}
	want := []string{fmt.Sprint(m.merge.Checkpoint.Epoch), m.merge.Expect.String()}
	if len(rows) != 1 || string(rows[0][0]) != want[0] || string(rows[0][1]) != want[1] {
		return fmt.Errorf("redshift: %w (ours: epoch %s at %s)", replicator.ErrFenced, want[0], want[1])
	}
	m.asked = string(rows[0][2]) != "0"
	return nil
}

// apply applies a fold to its target, or to the load table of a table that joins, or adds folds
// to a held table. A plain fold is left to writePlain, which writes it together with others.
func (m *merging) apply(ctx context.Context, s *replicator.Staged, f replicator.StagedFold, at staging) error {
	if m.isPlain(f, at) {
		return m.addPlain(ctx, f, at.rows)
	}
	if err := m.writePlain(ctx); err != nil {
		return err
	}
	switch {
	case f.Held != "":
		return m.ofLoad(f.Table, m.hold(ctx, f, at))
	case f.Into != "":
		return m.ofLoad(f.Table, m.applyInto(ctx, s, f, at))
	}
	if err := m.lift(ctx, f, at, s.End); err != nil {
		return err
	}
	if err := m.enter(ctx, f, at); err != nil {
		return err
	}
	return m.write(ctx, f, at.rows, in(m.options.Schema, f.Table.Target), func(n int64) error {
		return m.forgo(ctx, f, at.rows, n, replicator.Written{LSN: s.End, Time: s.Time})
	})
}

// ofLoad returns err, and notes the table if it is not nil: what was asked for is of its load.
func (m *merging) ofLoad(t *schema.Table, err error) error {
	if err != nil {
		m.spoiling = t
	}
	return err
}

// applyInto applies a fold to a load table, and accounts for it in the load's ledger.
func (m *merging) applyInto(ctx context.Context, s *replicator.Staged, f replicator.StagedFold, at staging) error {
	j, err := joinOf(s, f.Into)
	if err != nil {
		return err
	}
	number, err := m.numberOf(ctx, j)
	if err != nil {
		return err
	}
	book := loadBook{ledger: m.metadata.loadLedger(j.Held), fold: number, at: replicator.Written{LSN: s.End, Time: s.Time},
		run: func(ctx context.Context, sql string) error { return m.account(ctx, sql) }}
	var create func(place) string
	if at.rows != "" {
		create = func(p place) string { return createKeys(p, at.rows, f.Table) }
	}
	if err := book.forget(ctx, m.session, f.Truncated, create); err != nil {
		return err
	}
	if at.entries != "" {
		if err := m.account(ctx, insertFoldEntries(book.ledger, at.entries, f.Table, number)); err != nil {
			return err
		}
	}
	err = m.write(ctx, f, at.rows, m.metadata.table(f.Into), func(int64) error {
		return m.account(ctx, insertUnfilledEntries(book.ledger, at.rows, f.Table, number, book.at, anyOf(f.Unchanged)), forgoUnfilled(at.rows, f.Unchanged))
	})
	m.refusing = nil // a load table is ours: what it refuses says nothing of the target
	return err
}

// write writes a fold's rows to target. If some find no origin, it passes their number to forgo.
func (m *merging) write(ctx context.Context, f replicator.StagedFold, stage, target place, forgo func(int64) error) error {
	if f.Truncated {
		if err := m.count(ctx, f.Table, replicator.StepDelete, deleteAll(target)); err != nil {
			return err
		}
	}
	if stage == "" {
		return nil
	}
	if len(f.Unchanged) > 0 {
		if _, err := m.runOn(ctx, f.Table, replicator.StepFill, fill(stage, target, f)); err != nil {
			return err
		}
		n, err := m.session.number(ctx, "fill", unfilled(stage, f))
		if err == nil && n > 0 {
			err = forgo(n)
		}
		if err != nil {
			return err
		}
	}
	if err := m.count(ctx, f.Table, replicator.StepDelete, deleteKeys(target, stage, f.Table)); err != nil {
		return err
	}
	return m.count(ctx, f.Table, replicator.StepInsert, insertStaged(target, stage, f.Table))
}

// hold adds staged folds to a held table, and what they account for to the load's
// ledger.
func (m *merging) hold(ctx context.Context, f replicator.StagedFold, at staging) error {
	if at.rows == "" && at.entries == "" {
		return nil
	}
	held, ledger := m.metadata.table(f.Held), m.metadata.loadLedger(f.Held)
	last, err := m.session.number(ctx, "hold", lastHeld(held, ledger))
	if err != nil {
		return err
	}
	if at.rows != "" {
		if _, err := m.step(ctx, replicator.StepHold, insertHeld(held, at.rows, f.Table, last)); err != nil {
			return err
		}
	}
	if at.entries != "" {
		return m.account(ctx, insertHeldEntries(ledger, at.entries, f.Table, last))
	}
	return nil
}

// runOn runs a statement on a table's target, and notes the table if that fails.
func (m *merging) runOn(ctx context.Context, t *schema.Table, step replicator.Step, sql string) (int64, error) {
	n, err := m.step(ctx, step, sql)
	if err != nil {
		m.refusing = t
	}
	return n, err
}

// count is runOn, and counts the rows that the statement changed as the table's.
func (m *merging) count(ctx context.Context, t *schema.Table, step replicator.Step, sql string) error {
	if sql == "" {
		return nil
	}
	n, err := m.runOn(ctx, t, step, sql)
	m.merged.Rows[t.OID] += n
	return err
}

// move moves the checkpoint, and writes the tables' states if they changed.
func (m *merging) move(ctx context.Context) error {
	c := m.merge.Checkpoint
	n, err := m.step(ctx, replicator.StepCheckpoint, m.metadata.moveCheckpoint(c, m.merge.Expect))
	if err != nil {
		return err
	}
	if n != 1 {
		return fmt.Errorf("redshift: %w", replicator.ErrFenced)
	}
	return m.writeStates(ctx, c.Tables)
}

// dropOver drops the tables of loads that are over: of tables that have joined, of loads that
// begin again, and of loads that are no longer in the tables' states. The merge has committed,
// so what cannot be dropped now is left to the next fence.
func (m *merging) dropOver(ctx context.Context) {
	var loads []place
	over := func(into, held string) {
		for _, name := range tablesOfLoad(into, held) {
			if p := m.metadata.table(name); !slices.Contains(loads, p) {
				loads = append(loads, p)
			}
		}
	}
	for _, l := range m.over {
		over(l.Into, l.Held)
	}
	for _, s := range m.merge.Staged {
		for _, j := range s.Joins {
			over(j.From, j.Held)
		}
		for _, h := range s.Holds {
			over(h.Before.Into, h.Before.Held)
		}
	}
	if err := m.dropLoads(ctx, m.session, loads); err != nil {
		m.session.close(ctx)
	}
}
