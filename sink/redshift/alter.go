package redshift

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
)

// due is what has to be done to a target before its table's rows can be written to it.
type due struct {
	alterations []alteration // in their order
	fills       []string     // statements for the transaction of the merge
	replaced    []replaced   // columns in whose place the alterations put another
	copied      []replaced   // columns that the fills copy into another, which is there already
}

// alteration is one statement, or several that run in one transaction under the fence.
type alteration struct {
	statements []string
	undo       string // what takes back the alterations before it if Redshift refuses this one; empty if nothing does
}

// alone returns an alteration for each statement.
func alone(statements ...string) (all []alteration) {
	for _, sql := range statements {
		all = append(all, alteration{statements: []string{sql}})
	}
	return all
}

// printed returns the statements of alterations as people run them.
func printed(all []alteration) (statements []string) {
	for _, a := range all {
		if len(a.statements) > 1 {
			statements = append(append(append(statements, "BEGIN"), a.statements...), "COMMIT")
			continue
		}
		statements = append(statements, a.statements...)
	}
	return statements
}

// among reports whether the alteration is one of all.
func (a alteration) among(all []alteration) bool {
	return slices.ContainsFunc(all, func(b alteration) bool { return slices.Equal(a.statements, b.statements) })
}

// targetFill is a statement that fills a column of a target.
type targetFill struct {
	table *schema.Table
	sql   string
}

// dueOf returns what is due to a target that has these columns and traits. The error is a
// *replicator.Unfit if no alteration helps. A column that the table no longer has stays, because
// readers of the target may need it.
func (w *Warehouse) dueOf(a replicator.Alteration, have map[string]string, by traits) (d due, err error) {
	t, p := a.Table, in(w.options.Schema, a.Table.Target)
	if len(have) == 0 {
		return d, nil // the load makes the target
	}
	called := map[string][]string{} // what the target calls columns that are renamed, and what policies may call them besides
	for _, r := range a.Diff.Renamed {
		kind, there := have[r.From]
		if !there {
			if called[r.To] == nil {
				called[r.To] = []string{r.To} // unless the target calls it by another name that it may have
			}
			called[r.To] = append(called[r.To], r.From)
			continue // it was renamed before
		}
		if _, taken := have[r.To]; taken {
			if a.Loads {
				continue // the load writes r.To
			}
			d.fills = append(d.fills, copyColumn(p, r.To, r.From)) // the target still has r.To of a column that was dropped once
			if i := slices.IndexFunc(t.Columns, func(c schema.Column) bool { return c.Target == r.To }); i >= 0 {
				d.copied = append(d.copied, replaced{t.Columns[i], by.granted[r.From], []string{r.From}})
			}
			continue
		}
		called[r.To] = append([]string{r.From}, called[r.To]...)
		d.alterations = append(d.alterations, alone(renameColumn(p, r.From, r.To))...)
		delete(have, r.From)
		have[r.To], by = kind, by.renamed(r.From, r.To)
	}
	for i, c := range t.Columns {
		is, there := have[c.Target]
		if !there {
			d.alterations = append(d.alterations, alone(addColumn(p, c.Target, c.Mapping.Type))...)
			continue
		}
		if slices.Contains(a.Diff.Added, i) {
			d.fills = append(d.fills, emptyColumn(p, c.Target)) // it holds values from before the column was dropped
		}
		needs, to := declaredType(c.Mapping.Type), wide(t, c.Target)
		switch left := have[to]; {
		case holds(is, needs):
		case left == "" && strings.HasPrefix(is, "VARCHAR(") && strings.HasPrefix(needs, "VARCHAR(") && !by.has(c.Target) && !by.fixed[c.Target]:
			// If Redshift refuses this, then because of something that people have put on the
			// column, such as a view or a policy of row-level security. That would keep it from
			// dropping the column as well, so another one in its place is no remedy.
			d.alterations = append(d.alterations, alone(lengthenColumn(p, c.Target, c.Mapping.Type))...)
		case holds(needs, is):
			names := called[c.Target]
			if names == nil {
				names = []string{c.Target}
			}
			d.replaced = append(d.replaced, replaced{c, by.granted[c.Target], names})
			d.alterations = append(d.alterations, widenColumn(p, by.rowKeys, c, to, left)...)
			by = by.renamed(to, c.Target)
		default:
			return d, unfit(t, otherType(p, c, have, t))
		}
	}
	return d, nil
}

// alter brings targets in line with their tables before anything is written to them. An ALTER
// waits for everybody who reads the target, and those who come later wait for the ALTER. So it
// is given up soon, and tried again for Options.BlockedWait. The other targets have their turn
// meanwhile, so that one who reads several of them holds them up for as long as one.
func (m *merging) alter(ctx context.Context) error {
	if len(m.merge.Alterations) == 0 {
		return nil
	}
	if err := m.sameEpoch(ctx, m.session, m.merge.Checkpoint.Epoch); err != nil {
		return err
	}
	var all []alteration
	var behind error
	for _, a := range m.merge.Alterations {
		d, err := m.alterTarget(ctx, a)
		if m.isBlocked(err) {
			behind = moreOf(behind, err)
			continue
		}
		if err != nil {
			return err
		}
		for _, sql := range d.fills {
			m.fills = append(m.fills, targetFill{a.Table, sql})
		}
		all = append(all, d.alterations...)
	}
	if behind != nil {
		return behind
	}
	if m.options.Print && len(all) > 0 {
		return &replicator.Halt{
			Reason: replicator.AlterationDue,
			Found:  fmt.Sprintf("%d alterations of targets are due, and warehouse.ddl is print", len(printed(all))),
			Means:  "the source's tables have other columns than their targets",
			Repair: shown(printed(all)),
		}
	}
	return nil
}

// alterTarget does what is due to one target, unless Options.Print forbids it, and returns what
// was due. Redshift may refuse an alteration because an earlier try has done it: the server may
// go on with a statement whose link is lost. So after a refusal the target is read again, and
// the error stands only if the alteration is still due.
func (m *merging) alterTarget(ctx context.Context, a replicator.Alteration) (d due, err error) {
	for {
		have, by, read := m.target(ctx, m.session, a.Table)
		if read != nil {
			return d, read
		}
		again := err
		if d, err = m.due(ctx, m.session, a, have, by); err != nil || m.options.Print {
			return d, err
		}
		if u, ok := errors.AsType[*refusedAlteration](again); ok && u.alteration.among(d.alterations) {
			delete(m.known.blocked, a.Table.Target) // it is parked for another reason
			return d, m.undo(ctx, a.Table, u)
		}
		if err = m.alterAll(ctx, a.Table, d.alterations); err == nil {
			delete(m.known.blocked, a.Table.Target) // not before: some of them succeed beside readers at each try
			if len(d.alterations) > 0 {
				m.known.refusals.merged([]*schema.Table{a.Table})
			}
		}
		if _, ok := errors.AsType[*refusedAlteration](err); !ok {
			return d, err
		}
	}
}

// refusedAlteration is the error of an alteration that Redshift refuses because of the target.
type refusedAlteration struct {
	*replicator.Unfit
	alteration alteration
}

// undo takes back what was altered before an alteration that Redshift refuses, and returns why it
// does. People may leave in place what keeps Redshift from dropping a column, such as a view, and
// then nobody needs the copy that was to take the column's place.
func (m *merging) undo(ctx context.Context, t *schema.Table, u *refusedAlteration) error {
	if sql := u.alteration.undo; sql != "" {
		err := m.alterOnce(ctx, t, []string{sql}, true)
		if err != nil && (codeOf(err) == "" || replicator.Retryable(err)) {
			return err
		}
	}
	return u.Unfit
}

// alterAll carries out alterations one after another.
func (m *merging) alterAll(ctx context.Context, t *schema.Table, all []alteration) error {
	for _, a := range all {
		if err := m.alterBy(ctx, t, a); err != nil {
			return err
		}
		m.merged.Altered = append(m.merged.Altered, printed([]alteration{a})...)
	}
	return nil
}

// alterBy carries out one alteration. If Redshift refuses it, or others hold it up for long, only
// its table is unfit.
func (m *merging) alterBy(ctx context.Context, t *schema.Table, a alteration) error {
	if err := m.retryBlocked(ctx, t, a); err != nil {
		return err
	}
	began := time.Now()
	err := m.alterOnce(ctx, t, a.statements, len(a.statements) > 1)
	switch {
	case err == nil:
		return nil
	case replicator.Retryable(err), codeOf(err) == "", m.session.conn.IsClosed():
		return m.judgeBlocked(ctx, t, a, began, err)
	case replicator.Final(err):
		err = m.judgeOwner(ctx, m.session, t, err)
	case !m.known.refusals.countAgainst(t.OID, codeOf(err)):
		return err
	default:
		p := in(m.options.Schema, t.Target)
		err = unfit(t, &replicator.Halt{
			Reason: replicator.TargetDrift,
			Found:  fmt.Sprintf("Redshift refuses an alteration of %s that is due: %s", p, strings.Join(a.statements, "; ")),
			Means:  err.Error(),
			Repair: "do away with what stands in its way, such as a view that is not WITH NO SCHEMA BINDING, or a policy of row-level security that refers to the column, or " + outOfTheWay(p, t),
			Cause:  err,
		})
	}
	if u, ok := errors.AsType[*replicator.Unfit](err); ok {
		return &refusedAlteration{u, a}
	}
	return err
}

// alterOnce runs one statement, or several in a transaction under the fence, and then takes away
// the limit that they were run with.
func (m *merging) alterOnce(ctx context.Context, t *schema.Table, statements []string, fenced bool) error {
	var err error
	if fenced {
		err = m.alterFenced(ctx, t, statements)
	} else {
		err = m.alterLimited(ctx, t, statements[0])
	}
	if reset := m.session.limit(context.WithoutCancel(ctx), 0); err == nil {
		for _, sql := range statements {
			delete(m.known.tries, sql)
		}
		return reset
	}
	return err
}

const opAlter = "alter a target"

// alterLimited runs one statement, and gives it up if others hold it up for long.
func (m *merging) alterLimited(ctx context.Context, t *schema.Table, sql string) error {
	limit := m.nextLimit(t, sql)
	if err := m.session.limit(ctx, limit); err != nil {
		return err
	}
	return m.session.patient(ctx, limit, func() error {
		_, err := m.session.run(ctx, opAlter, sql)
		return err
	})
}

// alterFenced runs statements in a transaction that takes the fence. They remove a column to
// which another daemon may write, if it has taken over meanwhile.
func (m *merging) alterFenced(ctx context.Context, t *schema.Table, statements []string) error {
	return m.bounded(ctx, m.session, func() error {
		if err := m.sameEpoch(ctx, m.session, m.merge.Checkpoint.Epoch); err != nil {
			return err
		}
		for _, sql := range statements {
			if err := m.alterLimited(ctx, t, sql); err != nil {
				return err
			}
		}
		return m.session.limit(ctx, 0) // a COMMIT takes its time
	})
}

// nextLimit counts a try of a statement, and returns how long it may take; 0 if there is no limit,
// as for the copy of a column. Readers of the target wait while an ALTER waits, so its limit is
// short at first and doubled with each try. An ALTER that moves all rows to other slices or into
// another order takes longer the more rows there are; any other only waits for readers, and for
// its commit.
func (m *merging) nextLimit(t *schema.Table, sql string) time.Duration {
	if !strings.HasPrefix(sql, "ALTER") {
		return 0
	}
	most := somePatience
	if movesRows(in(m.options.Schema, t.Target), sql) {
		most = mostPatience
	}
	n := m.known.tries[sql]
	m.known.tries[sql] = min(n+1, most)
	return patience << n
}

// How often the limit of a statement is doubled at most: up to 48 seconds or, if it moves all
// rows, to an hour and three quarters.
const (
	somePatience = 4
	mostPatience = 11
)

// fillColumns runs the statements that fill columns which were added or renamed, in the rows
// that were there before.
func (m *merging) fillColumns(ctx context.Context) error {
	for _, f := range m.fills {
		if _, err := m.runOn(ctx, f.table, replicator.StepFill, f.sql); err != nil {
			return err
		}
	}
	return nil
}
