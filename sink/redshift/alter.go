package redshift

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"rowshift/replicator"
	"rowshift/schema"
)

// due is what has to be done to a target before what its table has can be written to it.
type due struct {
	statements []string // each for itself
	fills      []string // in the transaction of the merge
}

// targetFill is a statement that fills a column of a target.
type targetFill struct {
	table *schema.Table
	sql   string
}

// dueOf returns what is due, by the columns and the keys that the target has. The error is a
// *replicator.Unfit if no alteration helps. A column is not dropped: whoever reads the
// target may need it.
func (w *Warehouse) dueOf(a replicator.Alteration, have map[string]string, by rowKeys) (d due, err error) {
	t, p := a.Table, in(w.options.Schema, a.Table.Target)
	if len(have) == 0 {
		return d, nil // it is made with the load
	}
	for _, r := range a.Diff.Renamed {
		kind, there := have[r.From]
		if !there {
			continue // it was done before
		}
		if _, taken := have[r.To]; taken {
			d.fills = append(d.fills, copyColumn(p, r.To, r.From)) // of a column that was dropped once
			continue
		}
		d.statements = append(d.statements, renameColumn(p, r.From, r.To))
		delete(have, r.From)
		have[r.To], by = kind, by.renamed(r.From, r.To)
	}
	for i, c := range t.Columns {
		is, there := have[c.Target]
		needs := declaredType(c.Mapping.Type)
		switch {
		case !there:
			d.statements = append(d.statements, addColumn(p, c.Target, c.Mapping.Type))
		case slices.Contains(a.Diff.Added, i):
			d.fills = append(d.fills, emptyColumn(p, c.Target)) // of before it was dropped
		}
		switch {
		case !there || holds(is, needs):
		case strings.HasPrefix(is, "VARCHAR(") && strings.HasPrefix(needs, "VARCHAR("):
			d.statements = append(d.statements, lengthenColumn(p, c.Target, c.Mapping.Type))
		case holds(needs, is):
			_, begun := have[wide(c.Target)]
			d.statements = append(d.statements, widenColumn(p, by, c, begun)...)
		default:
			return d, unfit(t, otherType(p, c, have, t))
		}
	}
	return d, nil
}

// alter brings targets in line with their tables before anything is written to them. An
// ALTER waits for all who read the target, and who comes later waits for it: so it is
// given up soon, and tried again.
func (m *merging) alter(ctx context.Context) error {
	if len(m.merge.Alterations) == 0 {
		return nil
	}
	if err := m.sameEpoch(ctx, m.session, m.merge.Checkpoint.Epoch); err != nil {
		return err
	}
	var all []string
	for _, a := range m.merge.Alterations {
		have, err := m.targetColumns(ctx, m.session, a.Table)
		if err != nil {
			return err
		}
		by, err := m.targetKeys(ctx, m.session, a.Table)
		if err != nil {
			return err
		}
		d, err := m.dueOf(a, have, by)
		if err != nil {
			return err
		}
		for _, sql := range d.fills {
			m.fills = append(m.fills, targetFill{a.Table, sql})
		}
		all = append(all, d.statements...)
		if m.options.Print {
			continue
		}
		for _, sql := range d.statements {
			if err := m.alterBy(ctx, a.Table, sql); err != nil {
				return err
			}
		}
		m.merged.Altered = append(m.merged.Altered, d.statements...)
	}
	if m.options.Print && len(all) > 0 {
		return &replicator.Halt{
			Reason: replicator.AlterationDue,
			Found:  fmt.Sprintf("%d alterations of targets are due, and warehouse.ddl is print", len(all)),
			Means:  "the source's tables have other columns than their targets",
			Repair: shown(all),
		}
	}
	return nil
}

// alterBy runs one statement. What Redshift refuses it refuses for that table.
func (m *merging) alterBy(ctx context.Context, t *schema.Table, sql string) error {
	const op = "alter a target"
	limit := patience
	if !strings.HasPrefix(sql, "ALTER") {
		limit = 0 // a copy of a column takes as long as it takes
	}
	if _, err := m.session.run(ctx, "set statement_timeout", setTimeout(limit)); err != nil {
		return err
	}
	_, err := m.session.run(ctx, op, sql)
	if err != nil && !m.session.conn.IsClosed() {
		_, _ = m.session.run(context.WithoutCancel(ctx), "rollback", "ROLLBACK")
	}
	if _, reset := m.session.run(context.WithoutCancel(ctx), "set statement_timeout", setTimeout(0)); err == nil {
		return reset
	}
	if replicator.Retryable(err) || codeOf(err) == "" || replicator.Final(err) {
		return err
	}
	p := in(m.options.Schema, t.Target)
	return unfit(t, &replicator.Halt{
		Reason: replicator.TargetDrift,
		Found:  fmt.Sprintf("Redshift refuses an alteration of %s that is due: %s", p, sql),
		Means:  err.Error(),
		Repair: fmt.Sprintf("do away with what stands in its way, such as a view that is not WITH NO SCHEMA BINDING, or rename the table: %s then %s", renameTable(p, t.Target+"_old"), resyncOf(t)),
		Cause:  err,
	})
}

// empty gives the columns that were added, or go by another name, what they have in the
// rows of before.
func (m *merging) empty(ctx context.Context) error {
	for _, f := range m.fills {
		if _, err := m.of(ctx, f.table, "fill", f.sql); err != nil {
			return err
		}
	}
	return nil
}
