package redshift

import (
	"context"
	"slices"

	"rowshift/replicator"
	"rowshift/schema"
)

// mostStates is how many tables' states are written by one statement, so that it stays
// far below the 16 MB that one may have.
// https://docs.aws.amazon.com/redshift/latest/dg/c_redshift-sql.html
const mostStates = 200

// writeStates writes the states of the tables that have another than was written last.
func (m *merging) writeStates(ctx context.Context, now []replicator.TableState) error {
	statements := m.metadata.writeStates(m.tables, now)
	for _, sql := range statements {
		if _, err := m.step(ctx, "checkpoint", sql); err != nil {
			return err
		}
	}
	if len(statements) > 0 {
		m.over = loadsGone(m.tables, now)
	}
	if m.tables = now; now == nil {
		m.tables = []replicator.TableState{}
	}
	return nil
}

// loadsGone are the loads that states had and others have no longer.
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

// rename brings what is open of tables that the config has other names for to those: their
// rows in quarantine, and what was asked for them. A table of the same OID and target goes
// on by its new name, and nothing is loaded that would lift or answer what the old one has.
func (m *merging) rename(ctx context.Context) error {
	now := m.merge.Checkpoint.Tables
	if m.tables != nil && replicator.SameTables(m.tables, now) {
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
			continue // it is no other table: another source counts its OIDs otherwise
		}
		m.inQuarantine = nil // counted anew, by the names
		statements := []string{m.metadata.renameOpen(old.Target, t.Name)}
		if i < 0 {
			statements = append(statements, m.metadata.renameRequests(old.Name, t.Name))
		}
		for _, sql := range statements {
			if _, err := m.step(ctx, "checkpoint", sql); err != nil {
				return err
			}
		}
	}
	return nil
}

// named returns the names of the states that were written last, by OID.
func (m *merging) named(ctx context.Context) (map[uint32]replicator.TableState, error) {
	was := m.tables
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
		if t.OID != 0 { // a table that is not in the source has none
			named[t.OID] = t
		}
	}
	return named, nil
}

// writeStates are the statements that write tables' states over those that were written
// last, nil if that is not known. There may be thousands that are as they were.
func (m metadata) writeStates(was, now []replicator.TableState) (statements []string) {
	if was != nil && replicator.SameTables(was, now) {
		return nil
	}
	gone, changed := changedStates(was, now)
	if was == nil || gone == nil {
		statements, changed = append(statements, deleteAll(m.tableState())), now
	} else {
		for some := range slices.Chunk(gone, mostStates) {
			statements = append(statements, m.deleteTables(some))
		}
	}
	for some := range slices.Chunk(changed, mostStates) {
		statements = append(statements, m.insertTables(some, detailOf))
	}
	return statements
}

// changedStates returns the OIDs of tables whose states were written and are not as they
// are now, or not there, and the states that are to be written. Both are by OID. gone is
// nil if all are to be written: a table that is not in the source has no OID to go by.
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
