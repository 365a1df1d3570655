package redshift

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
)

// loadLedgers begins the names of the loads' ledgers.
const loadLedgers = "ledger_"

// ledgerOf returns the name of a load's ledger, given that of its held table.
func ledgerOf(held string) string { return loadLedgers + strings.TrimPrefix(held, "held_") }

// tablesOfLoad returns the names of a load's tables. into and held are its load table and its
// held table; either is empty if the load does not have it.
func tablesOfLoad(into, held string) (names []string) {
	if into != "" {
		names = append(names, into)
	}
	if held != "" {
		names = append(names, held, ledgerOf(held))
	}
	return names
}

// loadLedger returns the ledger of a load, given the name of its held table.
func (m metadata) loadLedger(held string) place { return m.table(ledgerOf(held)) }

// staging are the staging tables of a fold. One is empty if the fold has no files for it.
type staging struct {
	rows, entries place
}

// countEvery is how often the rows in quarantine are counted though no merge changes them:
// `rowshift quarantine drop` does too. It is a little less than the default checkpoint_refresh,
// so that each refresh of a quiet stream counts, while a busy one spends next to nothing on it.
const countEvery = 4 * time.Minute

// countQuarantine counts the rows in quarantine, unless the count is known, and reports them.
// Each merge reports them, because the report of the one that counted may be lost.
func (m *merging) countQuarantine(ctx context.Context) error {
	if m.known.inQuarantine != nil && time.Since(m.known.countedAt) < countEvery {
		m.merged.Quarantined = maps.Clone(m.known.inQuarantine)
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
	m.known.inQuarantine, m.merged.Quarantined, m.known.countedAt = open, maps.Clone(open), time.Now()
	return nil
}

// scanOpen reads the rows of countOpen.
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

// recount counts the rows in quarantine again if the merge may have changed their number.
func (m *merging) recount(ctx context.Context) error {
	if !m.quarantineChanged {
		return nil
	}
	m.known.inQuarantine = nil
	return m.countQuarantine(ctx)
}

// account runs statements on the ledger or the quarantine.
func (m *merging) account(ctx context.Context, statements ...string) error {
	for _, sql := range statements {
		if _, err := m.step(ctx, replicator.StepAccount, sql); err != nil {
			return err
		}
	}
	return nil
}

// lift lifts what a table has in quarantine as far as a fold says something newer: all rows if
// the fold truncates, else those whose keys it has.
func (m *merging) lift(ctx context.Context, f replicator.StagedFold, s staging, at replicator.LSN) error {
	if m.known.inQuarantine[f.Table.Configured] == 0 {
		return nil
	}
	m.quarantineChanged = true
	var statements []string
	if f.Truncated {
		statements = append(statements, m.metadata.liftAll(f.Table.Configured, at))
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

// enter writes a fold's entries to the ledger and the quarantine.
func (m *merging) enter(ctx context.Context, f replicator.StagedFold, s staging) error {
	if s.entries == "" {
		return nil
	}
	return m.book(ctx, f.Table, s.entries, m.metadata.insertAdjusted(s.entries, f.Table), m.metadata.insertRefused(s.entries, f.Table))
}

// book counts entries of a table, and runs the statements that write them: adjusted writes those
// to the ledger, and refused those to the quarantine. It runs neither if there is nothing to write.
func (m *merging) book(ctx context.Context, t *schema.Table, entries place, adjusted, refused string) error {
	counted, err := m.counted(ctx, t, entries)
	if err != nil {
		return err
	}
	if counted.adjusted > 0 {
		if err := m.account(ctx, adjusted); err != nil {
			return err
		}
	}
	if counted.refused == 0 {
		return nil
	}
	m.refusedSome(t, counted.refused)
	return m.account(ctx, refused)
}

// refusedSome notes that rows went into quarantine, so that a later fold lifts them.
func (m *merging) refusedSome(t *schema.Table, n int64) {
	m.quarantineChanged = true
	m.known.inQuarantine[t.Configured] += n
}

// counts are how many entries there are.
type counts struct {
	adjusted, refused int64
}

// counted counts entries, and reports them.
func (m *merging) counted(ctx context.Context, t *schema.Table, of place) (c counts, err error) {
	rows, err := m.session.rows(ctx, "count the entries", countEntries(of))
	if err != nil {
		return c, err
	}
	for _, r := range rows {
		s := &scanner{row: r}
		e := replicator.Entries{Table: t.Configured, Kind: s.text(), Rule: schema.Rule(s.text()), Count: s.number()}
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

// forgo puts staged rows that found no origin into quarantine, and marks their keys as gone.
func (m *merging) forgo(ctx context.Context, f replicator.StagedFold, stage place, n int64, at replicator.Written) error {
	m.merged.Entries = append(m.merged.Entries, replicator.Entries{Table: f.Table.Configured, Kind: replicator.Unfilled, Rule: schema.Quarantine, Count: n})
	m.refusedSome(f.Table, n)
	return m.account(ctx, m.metadata.insertUnfilled(stage, f, at), forgoUnfilled(stage, f.Unchanged))
}

// joinLedger moves a load's entries to the ledger and the quarantine. It lifts what the table
// had in quarantine before, because the load has read all rows anew.
func (m *merging) joinLedger(ctx context.Context, j replicator.Join, at replicator.LSN) error {
	if m.known.inQuarantine[j.Table.Configured] > 0 {
		m.quarantineChanged = true
		if err := m.account(ctx, m.metadata.liftAll(j.Table.Configured, at)); err != nil {
			return err
		}
	}
	from := m.metadata.loadLedger(j.Held)
	return m.book(ctx, j.Table, from, m.metadata.joinAdjusted(from, j.Table), m.metadata.joinRefused(from, j.Table))
}

// loadBook is the ledger of a load, for a fold that is applied to the load table.
type loadBook struct {
	ledger place
	fold   int64              // the fold's number
	at     replicator.Written // what the entries of rows that found no origin give as their commit
	run    func(context.Context, string) error
}

// forget removes refused rows from the ledger if the fold says something newer of them. create
// returns the statement that makes a temporary table of the fold's keys; it is nil if the fold
// has none.
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
