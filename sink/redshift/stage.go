package redshift

import (
	"context"
	"fmt"
	"time"

	"rowshift/replicator"
)

// stageAll copies all files into staging tables, except those that were copied ahead. It first
// makes all tables and then fills them, in few requests each.
func (m *merging) stageAll(ctx context.Context) (map[*replicator.StagedFold]staging, error) {
	stages := map[*replicator.StagedFold]staging{}
	var creates []string
	var copies []copying
	add := func(p place, create string, c copying) place {
		creates, copies = append(creates, create), append(copies, c)
		return p
	}
	for _, s := range m.merge.Staged {
		for i := range s.Folds {
			f := &s.Folds[i]
			at, there := m.ahead.stages[f]
			if !there && f.Files.Manifest != "" {
				at.rows = add(m.stageOf(f))
			}
			if !there && f.Ledger.Manifest != "" {
				at.entries = add(m.entriesOf(f))
			}
			stages[f] = at
		}
	}
	if len(copies) == 0 {
		return stages, nil
	}
	defer m.took(replicator.StepCopy, time.Now())
	if _, err := m.session.together(ctx, "copy", creates); err != nil {
		m.session.close(ctx) // the tables that were made go with it
		return nil, err
	}
	for _, c := range copies {
		m.made = append(m.made, c.into)
	}
	return stages, m.copyAll(ctx, m.session, copies)
}

// stageOf returns the staging table of a fold's rows, the statement that makes it, and the COPY
// that fills it.
func (m *merging) stageOf(f *replicator.StagedFold) (place, string, copying) {
	p := m.unused("stage")
	c := copying{into: p, files: f.Files, table: f.Table, name: valueColumn, held: f.Held != ""}
	if c.held {
		c.columns = heldColumns(f.Table)
		return p, createHeldStage(p, f.Table), c
	}
	c.columns = stageColumns(*f)
	return p, createStage(p, *f), c
}

// entriesOf returns the same for a fold's entries.
func (m *merging) entriesOf(f *replicator.StagedFold) (place, string, copying) {
	p, held := m.unused("entries"), f.Held != ""
	return p, createEntries(p, f.Table, held), copying{into: p, columns: entriesColumns(f.Table, held), files: f.Ledger, table: f.Table}
}

// copyAll copies files into tables, and compares the numbers of rows. It asks for these, because
// COPY's tag has none. then are statements that follow; behind a few copies they are in the same
// request.
// https://docs.aws.amazon.com/redshift/latest/dg/PG_LAST_COPY_COUNT.html
func (w *Warehouse) copyAll(ctx context.Context, s *session, copies []copying, then ...string) error {
	var statements []string
	for _, c := range copies {
		statements = append(statements, copyFiles(c.into, c.columns, c.files, w.options.CopyRole, w.options.Region), copied)
	}
	results, err := s.together(ctx, "copy", append(statements, then...))
	if c := len(results) / 2; err != nil && len(results)%2 == 0 && c < len(copies) {
		if h := w.roleHalt(s, err, copies[c].files.Manifest); h != nil {
			return h
		}
		return w.refused(ctx, s, copies[c], w.explain(ctx, err, copies[c].table, copies[c].files))
	}
	if err != nil {
		return err
	}
	w.role.End()
	for i, c := range copies {
		n, err := number("copy", results[2*i+1].Rows)
		if err != nil {
			return err
		}
		if n != c.files.Rows {
			return fmt.Errorf("redshift: COPY of %v loaded %d rows of %d that were staged", c.table.Name, n, c.files.Rows)
		}
	}
	return nil
}
