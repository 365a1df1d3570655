package redshift

import (
	"context"
	"errors"
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

	// instead is what is done in place of a statement that Redshift refuses.
	instead map[string][]string
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
		to := wide(t, c.Target)
		left, begun := have[to]
		if there && begun && !holds(is, needs) && !holds(left, needs) {
			d.statements = append(d.statements, takeBack(p, by, c, to)...)
			by, begun = by.renamed(to, c.Target), false
		}
		switch {
		case !there || holds(is, needs):
		case !begun && strings.HasPrefix(is, "VARCHAR(") && strings.HasPrefix(needs, "VARCHAR(") && !by.has(c.Target):
			d.lengthen(lengthenColumn(p, c.Target, c.Mapping.Type), widenColumn(p, by, c, to, false))
		case holds(needs, is):
			d.statements = append(d.statements, widenColumn(p, by, c, to, begun)...)
		default:
			return d, unfit(t, otherType(p, c, have, t))
		}
	}
	return d, nil
}

// lengthen makes a VARCHAR longer, which costs nothing, or puts a longer one in its place:
// of some encodings, which Redshift may have chosen, it makes none longer.
// https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html
func (d *due) lengthen(sql string, instead []string) {
	d.statements = append(d.statements, sql)
	if d.instead == nil {
		d.instead = map[string][]string{}
	}
	d.instead[sql] = instead
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
	longer := false
	for _, a := range m.merge.Alterations {
		have, by, err := m.target(ctx, m.session, a.Table)
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
		longer = longer || len(d.instead) > 0
		if m.options.Print {
			continue
		}
		if err := m.alterTarget(ctx, a.Table, d); err != nil {
			return err
		}
	}
	if m.options.Print && len(all) > 0 {
		h := &replicator.Halt{
			Reason: replicator.AlterationDue,
			Found:  fmt.Sprintf("%d alterations of targets are due, and warehouse.ddl is print", len(all)),
			Means:  "the source's tables have other columns than their targets",
			Repair: shown(all),
		}
		if longer {
			h.Means += "; where Redshift refuses ALTER COLUMN, for the column's encoding, rowshift plan tells what does instead"
		}
		return h
	}
	return nil
}

// alterTarget runs what is due to one target.
func (m *merging) alterTarget(ctx context.Context, t *schema.Table, d due) error {
	for _, sql := range d.statements {
		run := []string{sql}
		err := m.alterBy(ctx, t, sql)
		if u, ok := errors.AsType[*replicator.Unfit](err); ok && d.instead[sql] != nil && !strings.Contains(u.Why.Means, "used by a view") {
			run, err = d.instead[sql], nil
			for i := 0; i < len(run) && err == nil; i++ {
				err = m.alterBy(ctx, t, run[i])
			}
		}
		if err != nil {
			return err
		}
		m.merged.Altered = append(m.merged.Altered, run...)
	}
	return nil
}

// alterBy runs one statement. What Redshift refuses it refuses for that table.
func (m *merging) alterBy(ctx context.Context, t *schema.Table, sql string) error {
	const op = "alter a target"
	if _, err := m.session.run(ctx, "set statement_timeout", setTimeout(m.alterLimit(t, sql))); err != nil {
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
		return m.ofAnother(ctx, m.session, t, err)
	}
	p := in(m.options.Schema, t.Target)
	return unfit(t, &replicator.Halt{
		Reason: replicator.TargetDrift,
		Found:  fmt.Sprintf("Redshift refuses an alteration of %s that is due: %s", p, sql),
		Means:  err.Error(),
		Repair: "do away with what stands in its way, such as a view that is not WITH NO SCHEMA BINDING, or " + outOfTheWay(p, t),
		Cause:  err,
	})
}

// alterLimit is how long a statement may take, in milliseconds; 0: as long as it takes, as a
// copy of a column may. One that moves all rows to other slices or into another order takes
// as long as they are many, while who reads the target waits: twice as long with each try.
func (m *merging) alterLimit(t *schema.Table, sql string) int {
	switch {
	case !strings.HasPrefix(sql, "ALTER"):
		return 0
	case !movesRows(in(m.options.Schema, t.Target), sql):
		return patience
	}
	if m.tries == nil {
		m.tries = map[string]int{}
	}
	n := m.tries[sql]
	m.tries[sql] = min(n+1, mostPatience)
	return patience << n
}

// mostPatience is how often the patience for a statement that moves all rows is doubled: up
// to an hour and three quarters.
const mostPatience = 11

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
