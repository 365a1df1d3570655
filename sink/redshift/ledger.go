package redshift

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"rowshift/replicator"
	"rowshift/schema"
)

// loadLedgers is what the names of loads' ledgers begin with.
const loadLedgers = "ledger_"

// ledgerOf names the ledger of a load by its held table.
func ledgerOf(held string) string { return loadLedgers + strings.TrimPrefix(held, "held_") }

// tablesOfLoad names the tables of a load, as far as it has any.
func tablesOfLoad(into, held string) (names []string) {
	if into != "" {
		names = append(names, into)
	}
	if held != "" {
		names = append(names, held, ledgerOf(held))
	}
	return names
}

// loadLedger is the ledger of a load.
func (m metadata) loadLedger(held string) place { return m.table(ledgerOf(held)) }

// staging are the staging tables of a fold; empty where it has no such files.
type staging struct {
	rows, entries place
}

// opened reads how many rows are in quarantine, unless that is known, and tells it with
// each merge: the one that read it may be one of which nobody hears.
func (m *merging) opened(ctx context.Context) error {
	if m.inQuarantine != nil {
		m.merged.Quarantined = maps.Clone(m.inQuarantine)
		return nil
	}
	rows, err := m.session.rows(ctx, "count the quarantine", m.metadata.countOpen())
	if err != nil {
		return err
	}
	open, err := scanOpen(rows)
	if err != nil {
		return err
	}
	m.inQuarantine, m.merged.Quarantined = open, maps.Clone(open)
	return nil
}

// scanOpen reads rows of countOpen.
func scanOpen(rows [][][]byte) (map[schema.Name]int64, error) {
	open := map[schema.Name]int64{}
	for _, r := range rows {
		s := &scanner{row: r}
		n := schema.Name{Schema: s.text(), Table: s.text()}
		open[n] = s.number()
		if s.err != nil {
			return nil, altered(s.err)
		}
	}
	return open, nil
}

// recount reads how many rows are in quarantine if the merge may have changed that.
func (m *merging) recount(ctx context.Context) error {
	if !m.stirred {
		return nil
	}
	m.inQuarantine = nil
	return m.opened(ctx)
}

// account runs statements on the ledger or the quarantine.
func (m *merging) account(ctx context.Context, statements ...string) error {
	for _, sql := range statements {
		if _, err := m.step(ctx, "account", sql); err != nil {
			return err
		}
	}
	return nil
}

// lift lifts a table's quarantine by what a fold says: of all keys if it truncates, else
// of those that it has.
func (m *merging) lift(ctx context.Context, f replicator.StagedFold, s staging, at replicator.LSN) error {
	if m.inQuarantine[f.Table.Known] == 0 {
		return nil
	}
	m.stirred = true
	var statements []string
	if f.Truncated {
		statements = append(statements, m.metadata.liftAll(f.Table.Known, at))
	}
	if s.rows != "" {
		keys, err := m.temporary(ctx, "keys", func(p place) string { return createKeys(p, s.rows, f.Table) })
		if err != nil {
			return err
		}
		statements = append(statements, m.metadata.liftKeys(keys, f.Table, at))
	}
	if s.entries != "" {
		statements = append(statements, m.metadata.liftGiven(s.entries, f.Table, at))
	}
	return m.account(ctx, statements...)
}

// enter writes a fold's entries to ledger and quarantine.
func (m *merging) enter(ctx context.Context, f replicator.StagedFold, s staging) error {
	if s.entries == "" {
		return nil
	}
	counted, err := m.counted(ctx, f.Table, s.entries)
	if err != nil {
		return err
	}
	if counted.adjusted > 0 {
		if err := m.account(ctx, m.metadata.insertAdjusted(s.entries, f.Table)); err != nil {
			return err
		}
	}
	if counted.refused == 0 {
		return nil
	}
	m.refusedSome(f.Table, counted.refused)
	return m.account(ctx, m.metadata.insertRefused(s.entries, f.Table))
}

// refusedSome notes that rows went into quarantine, so that a later fold lifts them.
func (m *merging) refusedSome(t *schema.Table, n int64) {
	m.stirred = true
	m.inQuarantine[t.Known] += n
}

// counts are how many entries there are.
type counts struct {
	adjusted, refused int64
}

// counted counts entries, and tells of them.
func (m *merging) counted(ctx context.Context, t *schema.Table, of place) (c counts, err error) {
	rows, err := m.session.rows(ctx, "count the entries", countEntries(of))
	if err != nil {
		return c, err
	}
	for _, r := range rows {
		s := &scanner{row: r}
		e := replicator.Entries{Table: t.Known, Kind: s.text(), Rule: schema.Rule(s.text()), Count: s.number()}
		switch {
		case s.err != nil:
			return c, altered(s.err)
		case e.Rule == liftedRule:
			continue
		case e.Rule == schema.Quarantine:
			c.refused += e.Count
		default:
			c.adjusted += e.Count
		}
		m.merged.Entries = append(m.merged.Entries, e)
	}
	return c, nil
}

// forgo puts the staged rows into quarantine that have not found their origin, and lets
// their keys be gone.
func (m *merging) forgo(ctx context.Context, f replicator.StagedFold, stage place, n int64, at replicator.Written) error {
	m.merged.Entries = append(m.merged.Entries, replicator.Entries{Table: f.Table.Known, Kind: replicator.Unfilled, Rule: schema.Quarantine, Count: n})
	m.refusedSome(f.Table, n)
	return m.account(ctx, m.metadata.insertUnfilled(stage, f, at), forgoUnfilled(stage, f.Unchanged))
}

// joinLedger moves a load's ledger to where its table's is. What was in quarantine of
// the table before is lifted: the load has read all rows anew.
func (m *merging) joinLedger(ctx context.Context, j replicator.Join, at replicator.LSN) error {
	if m.inQuarantine[j.Table.Known] > 0 {
		m.stirred = true
		if err := m.account(ctx, m.metadata.liftAll(j.Table.Known, at)); err != nil {
			return err
		}
	}
	from := m.metadata.loadLedger(j.Held)
	counted, err := m.counted(ctx, j.Table, from)
	if err != nil {
		return err
	}
	if counted.adjusted > 0 {
		if err := m.account(ctx, m.metadata.joinAdjusted(from, j.Table)); err != nil {
			return err
		}
	}
	if counted.refused == 0 {
		return nil
	}
	m.refusedSome(j.Table, counted.refused)
	return m.account(ctx, m.metadata.joinRefused(from, j.Table))
}

// loadBook is the ledger of a load, to which a fold is applied.
type loadBook struct {
	ledger place
	fold   int64              // the fold's number
	at     replicator.Written // what a row is accounted with that is not filled
	run    func(context.Context, string) error
}

// forget forgets the rows that were refused before, if there are any, of which the fold
// says something else. create is the statement that makes a temporary table of its keys,
// empty if it has none.
func (b loadBook) forget(ctx context.Context, s *session, truncated bool, create func(place) string) error {
	n, err := s.number(ctx, "count refused rows", countRefused(b.ledger))
	if err != nil || n == 0 {
		return err
	}
	if truncated {
		if err := b.run(ctx, forgetRefused(b.ledger, b.fold)); err != nil {
			return err
		}
	}
	if create == nil {
		return nil
	}
	keys := temporary("keys")
	for _, sql := range []string{create(keys), forgetRefusedOf(b.ledger, keys, b.fold), drop(keys)} {
		if err := b.run(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// numberOf returns the number of the next fold that goes into a load table.
func (m *merging) numberOf(ctx context.Context, j replicator.Join) (int64, error) {
	last, err := m.session.number(ctx, "account", lastHeld(m.metadata.table(j.Held), m.metadata.loadLedger(j.Held)))
	return last + 1, err
}

// joinOf returns the join whose load table a fold applies to.
func joinOf(s *replicator.Staged, into string) (replicator.Join, error) {
	for _, j := range s.Joins {
		if j.From == into {
			return j, nil
		}
	}
	return replicator.Join{}, fmt.Errorf("redshift: a fold of %s, which does not join", into)
}
