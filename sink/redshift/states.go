package redshift

import (
	"context"
	"slices"

	"rowshift/replicator"
	"rowshift/schema"
)

// writeStates writes the tables' states that differ from those that were written last. The error
// is a *replicator.Unfit if there is no room for one of them.
func (m *merging) writeStates(ctx context.Context, now []replicator.TableState) error {
	var none error
	statements := m.metadata.writeStates(m.known.tables, now, func(t replicator.TableState) string {
		detail := detailOf(t)
		if err := roomFor(t, detail); none == nil {
			none = err
		}
		return detail
	})
	if none != nil {
		return none
	}
	for _, sql := range statements {
		if _, err := m.step(ctx, replicator.StepCheckpoint, sql); err != nil {
			return err
		}
	}
	if len(statements) > 0 {
		m.over = loadsGone(m.known.tables, now)
	}
	if m.known.tables = now; now == nil {
		m.known.tables = []replicator.TableState{}
	}
	return nil
}

// loadsGone returns the loads that the states was have and the states now do not.
func loadsGone(was, now []replicator.TableState) (gone []replicator.LoadState) {
	type names struct{ into, held string }
	goesOn := map[names]bool{}
	for _, s := range now {
		if s.Load != nil {
			goesOn[names{s.Load.Into, s.Load.Held}] = true
		}
	}
	for _, s := range was {
		if s.Load != nil && !goesOn[names{s.Load.Into, s.Load.Held}] {
			gone = append(gone, *s.Load)
		}
	}
	return gone
}

// rename moves what is open of a table to the name that the config now has for it: its rows in
// quarantine, and the requests for it. A table of the same OID goes on under its new name
// without a load, so nothing else would lift or answer what is open under the old one.
func (m *merging) rename(ctx context.Context) error {
	now := m.merge.Checkpoint.Tables
	if m.known.tables != nil && replicator.SameTables(m.known.tables, now) {
		return nil
	}
	was, err := m.named(ctx)
	if err != nil {
		return err
	}
	for _, t := range now {
		old, ok := was[t.OID]
		if !ok || old.Name == t.Name {
			continue
		}
		i := slices.IndexFunc(now, func(other replicator.TableState) bool { return other.Name == old.Name })
		if i >= 0 && now[i].Target == old.Target {
			continue // that table still has its name, but another OID, since the source is another
		}
		m.known.inQuarantine = nil // counted again, by the new names
		statements := []string{m.metadata.renameOpen(old.Target, t.Name)}
		if i < 0 {
			statements = append(statements, m.metadata.renameRequests(old.Name, t.Name))
		}
		for _, sql := range statements {
			if _, err := m.step(ctx, replicator.StepCheckpoint, sql); err != nil {
				return err
			}
		}
	}
	return nil
}

// named returns the states that were written last, by OID. They have names and targets at least.
func (m *merging) named(ctx context.Context) (map[uint32]replicator.TableState, error) {
	was := m.known.tables
	if was == nil {
		rows, err := m.session.rows(ctx, "read the names", m.metadata.readNames())
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			s := &scanner{row: r}
			was = append(was, replicator.TableState{OID: uint32(s.number()), Name: schema.Name{Schema: s.text(), Table: s.text()}, Target: s.text()})
			if s.err != nil {
				return nil, altered(s.err)
			}
		}
	}
	named := map[uint32]replicator.TableState{}
	for _, t := range was {
		if t.OID != 0 { // a table that is not in the source has no OID
			named[t.OID] = t
		}
	}
	return named, nil
}

// writeStates returns the statements that write tables' states over those that were written
// last, which are nil if that is not known. There may be thousands, most of them unchanged, so
// it writes only those that changed, and splits them, since one state may have 65,000 bytes, which
// a literal may double.
func (m metadata) writeStates(was, now []replicator.TableState, detail func(replicator.TableState) string) (statements []string) {
	if was != nil && replicator.SameTables(was, now) {
		return nil
	}
	gone, changed := changedStates(was, now)
	if was == nil || gone == nil {
		statements, changed = append(statements, deleteAll(m.tableState())), now
	} else {
		for some := range slices.Chunk(gone, mostTogether) {
			statements = append(statements, m.deleteTables(some))
		}
	}
	for rows := stateRows(changed, detail); len(rows) > 0; {
		n := fitTogether(rows)
		statements, rows = append(statements, m.insertTables(rows[:n])), rows[n:]
	}
	return statements
}

// changedStates compares the states that were written with those of now, both sorted by OID. It
// returns the OIDs of the states to delete, and the states to write. gone is nil if all have to
// be written: a table that is not in the source has no OID to delete it by.
func changedStates(was, now []replicator.TableState) (gone []uint32, changed []replicator.TableState) {
	gone = []uint32{}
	for len(was) > 0 || len(now) > 0 {
		switch {
		case len(now) == 0 || len(was) > 0 && was[0].OID < now[0].OID:
			gone = append(gone, was[0].OID)
			was = was[1:]
		case len(was) == 0 || now[0].OID < was[0].OID:
			gone, changed = append(gone, now[0].OID), append(changed, now[0])
			now = now[1:]
		default:
			if !was[0].Same(now[0]) {
				gone, changed = append(gone, now[0].OID), append(changed, now[0])
			}
			was, now = was[1:], now[1:]
		}
	}
	if len(gone) > 0 && gone[0] == 0 {
		return nil, nil
	}
	return gone, changed
}
