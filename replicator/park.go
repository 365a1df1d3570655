package replicator

import (
	"slices"

	"rowshift/schema"
)

// park returns the state of a table that the source does not have, or does not have as it
// must be. It does not remember the partitions, which may be what keeps the table from going
// on: each repair is a load, and a load looks at them anew. It does remember what the target's
// columns are called, since they are to be renamed before that load.
func park(cp Checkpoint, u Unfit) TableState {
	s := TableState{OID: u.OID, Name: u.Name, Target: schema.Fold(u.Name.Table)}
	if known := cp.remembered(u.OID, u.Name); known != nil {
		s = *known
	}
	s.State, s.Load, s.Past, s.Parts, s.Run = Parked, nil, nil, nil, ""
	s.Reason, s.Why, s.Repair = u.Why.Reason, u.Why.Found, u.Why.Repair
	return s
}

// asTarget returns the state that is remembered of a table which is parked before its target
// was brought in line with it: its columns are those that the target has, as known says. If a
// column was renamed, the one of its target can then be renamed later.
func (s TableState) asTarget(known *TableState) TableState {
	if known != nil && known.Target == s.Target && len(known.Shape) > 0 {
		s.Shape, s.Heap, s.Renaming = known.Shape, known.Heap, known.Renaming
	}
	return s
}

// renamesBeforeLoad returns the new names of columns that the target of a table gets before t is
// loaded, whatever else the load is for: a load would add another column of the new name, which
// lacks the masking policies and rights of the one that is there. Some of them may have been given
// a name by a pass that died, and no pass knows which. So a column is renamed from each name that
// it may have: from the remembered one first, and from those that it was being given.
func (s TableState) renamesBeforeLoad(t *schema.Table) (renames []schema.Rename) {
	if s.Target != t.Target {
		return nil // the load makes another target
	}
	for _, c := range schema.Kept(s.Shape, t) {
		names := []string{c.From}
		for _, r := range s.Renaming {
			from, to := slices.Contains(names, r.From), slices.Contains(names, r.To)
			if from && !to {
				names = append(names, r.To)
			}
			if to && !from {
				names = append(names, r.From)
			}
		}
		for i, name := range names {
			is := func(c schema.Column) bool { return c.Target == name }
			if name != c.To && (i == 0 || !slices.ContainsFunc(t.Columns, is)) {
				renames = append(renames, schema.Rename{From: name, To: c.To})
			}
		}
	}
	return renames
}
