package redshift

import (
	"context"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
)

// plainFold is a fold that is written by a DELETE and an INSERT, and nothing else.
type plainFold struct {
	table         *schema.Table
	target, stage place
}

// isPlain reports whether a fold can be written as a plainFold.
func (m *merging) isPlain(f replicator.StagedFold, at staging) bool {
	return f.Held == "" && f.Into == "" && !f.Truncated && len(f.Unchanged) == 0 && at.entries == "" && m.known.inQuarantine[f.Table.Configured] == 0
}

// addPlain lets a fold wait, to be written together with others. Folds of different tables may
// be written in any order, but those of one table may not: a second one is added once the
// waiting ones are written.
func (m *merging) addPlain(ctx context.Context, f replicator.StagedFold, stage place) error {
	if stage == "" {
		return nil
	}
	for _, p := range m.plain {
		if p.table.OID == f.Table.OID {
			if err := m.writePlain(ctx); err != nil {
				return err
			}
			break
		}
	}
	m.plain = append(m.plain, plainFold{table: f.Table, target: in(m.options.Schema, f.Table.Target), stage: stage})
	return nil
}

// writePlain writes the folds that wait: first all DELETEs, then all INSERTs.
func (m *merging) writePlain(ctx context.Context) error {
	waiting := m.plain
	if len(waiting) == 0 {
		return nil
	}
	m.plain = nil
	for _, do := range []struct {
		step replicator.Step
		sql  func(target, stage place, t *schema.Table) string
	}{{replicator.StepDelete, deleteKeys}, {replicator.StepInsert, insertStaged}} {
		var statements []string
		for _, p := range waiting {
			statements = append(statements, do.sql(p.target, p.stage, p.table))
		}
		began := time.Now()
		results, err := m.session.together(ctx, string(do.step), statements)
		m.took(do.step, began)
		for i, r := range results {
			m.merged.Rows[waiting[i].table.OID] += r.CommandTag.RowsAffected()
		}
		if err != nil {
			if len(results) < len(waiting) {
				m.refusing = waiting[len(results)].table
			}
			return err
		}
	}
	return nil
}
