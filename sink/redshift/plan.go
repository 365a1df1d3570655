package redshift

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"rowshift/replicator"
	"rowshift/schema"
)

// Plan returns the statements that a run would execute before it loads: the DDL and grants that
// are still missing, with a comment for each table that is loaded or parked.
func (w *Warehouse) Plan(ctx context.Context, tables []*schema.Table, foreseen replicator.Foreseen) ([]string, error) {
	s, err := w.open(ctx)
	if err != nil {
		return nil, err
	}
	defer s.close(ctx)
	var statements []string
	for _, name := range []string{w.options.MetadataSchema, w.options.Schema} {
		n, err := s.number(ctx, "look for a schema", countSchema(name))
		if err != nil {
			return nil, err
		}
		if n == 0 {
			statements = append(statements, createSchema(name))
		}
	}
	names, err := w.tableNames(ctx, s)
	if err != nil {
		return nil, err
	}
	if !names.has(checkpointTable) {
		statements = append(statements, w.createMetadata(names)...)
	} else {
		layout, err := w.readLayout(ctx, s)
		if err != nil {
			return nil, err
		}
		statements = append(statements, w.steps(layout)...)
	}
	for _, t := range tables {
		if u, ok := errors.AsType[*replicator.Unfit](roomForTable(t)); ok {
			statements = append(statements, parked(t, u))
			continue
		}
		have, by, err := w.target(ctx, s, t)
		if u, ok := errors.AsType[*replicator.Unfit](err); ok {
			statements = append(statements, parked(t, u))
			continue
		}
		if err != nil {
			return nil, err
		}
		altered, err := w.planTable(ctx, s, t, have, by, foreseen)
		if err != nil {
			return nil, err
		}
		statements = append(statements, altered...)
	}
	due, err := w.planGrants(ctx, s, tables)
	return append(statements, due...), err
}

// planTable returns the statements that a target needs, and as comments what else becomes of its
// table. If no alteration helps the target, it returns a comment only.
func (w *Warehouse) planTable(ctx context.Context, s *session, t *schema.Table, have map[string]string, by traits, foreseen replicator.Foreseen) (statements []string, err error) {
	state, a := foreseen.Of(t.OID)
	a.Table = t
	left := leftOver(t, have, a.Diff)
	d, err := w.due(ctx, s, a, have, by)
	if u, ok := errors.AsType[*replicator.Unfit](err); ok {
		return []string{parked(t, u)}, nil
	}
	if err != nil {
		return nil, err
	}
	if state != nil && state.State == replicator.Loading {
		statements = append(statements, loaded(state))
	}
	if len(have) == 0 {
		return append(statements, w.createTarget(t)...), nil
	}
	if len(statements) > 0 || !a.Diff.Empty() {
		for _, name := range left {
			statements = append(statements, comment("%v has no column for %s of its target, which is kept, with NULL in rows that are written from now on; to do away with it: %s",
				t.Configured, quoted(name), dropColumn(in(w.options.Schema, t.Target), name)))
		}
	}
	statements = append(statements, printed(d.alterations)...)
	if len(d.alterations) == 0 { // alterations may be about to move the keys
		statements = append(statements, w.otherKeys(t, by.rowKeys)...)
	}
	return append(statements, d.fills...), nil
}

// otherKeys comments on a target whose rows are spread or sorted by other columns than the
// config says, which counts only when a target is made. A target whose rows are spread or sorted
// by no column, as with DISTSTYLE ALL or AUTO, is taken for somebody's choice.
func (w *Warehouse) otherKeys(t *schema.Table, by rowKeys) (comments []string) {
	p := in(w.options.Schema, t.Target)
	dist, alter := "", spreadEvenly(p)
	if t.DistKey >= 0 {
		dist = t.Columns[t.DistKey].Target
		alter = alterDistKey(p, dist)
	}
	if by.dist != "" && by.dist != dist {
		comments = append(comments, comment("%v: its target has the DISTKEY %s, which is kept; for that of the config: %s", t.Configured, quoted(by.dist), alter))
	}
	var sort []string
	for _, i := range t.SortKey {
		sort = append(sort, t.Columns[i].Target)
	}
	if alter = unsort(p); len(sort) > 0 {
		alter = alterSortKey(p, sort)
	}
	if len(by.sort) > 0 && !slices.Equal(by.sort, sort) {
		comments = append(comments, comment("%v: its target has the SORTKEY (%s), which is kept; for that of the config: %s", t.Configured, quotedAll(by.sort), alter))
	}
	return comments
}

// parked returns the comment that a table would be parked, and why.
func parked(t *schema.Table, u *replicator.Unfit) string {
	return comment("%v is parked: %s; repair: %s", t.Configured, u.Why.Found, u.Why.Repair)
}

// loaded returns the comment that a table is loaded and, if it was before, why it is again.
func loaded(s *replicator.TableState) string {
	if s.Why == "" {
		return comment("%v is loaded", s.Name)
	}
	return comment("%v is loaded again, beside its live copy: %s", s.Name, s.Why)
}

// leftOver returns the target's columns that no column of the table is written to, sorted.
func leftOver(t *schema.Table, have map[string]string, d schema.Diff) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(have)) {
		is := func(c schema.Column) bool { return c.Target == name }
		was := func(r schema.Rename) bool { return r.From == name }
		if !slices.ContainsFunc(t.Columns, is) && !slices.ContainsFunc(d.Renamed, was) {
			names = append(names, name)
		}
	}
	return names
}

// comment formats a line of a plan that is not run.
func comment(format string, args ...any) string {
	return "-- " + strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " ")
}

// planGrants returns the grants that are missing on what is there.
func (w *Warehouse) planGrants(ctx context.Context, s *session, tables []*schema.Table) ([]string, error) {
	all, err := w.readable(ctx, s, targetsOf(tables))
	if err != nil {
		return nil, err
	}
	var statements []string
	for _, reader := range w.options.Readers {
		due, err := w.lacking(ctx, s, reader, all)
		if err != nil {
			return nil, err
		}
		for _, sql := range due {
			if !slices.Contains(statements, sql) { // rights on a schema are due for each table in it
				statements = append(statements, sql)
			}
		}
	}
	return statements, nil
}
