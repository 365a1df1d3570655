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

// Plan returns the statements that a run would execute before it loads: the DDL and
// grants that are not there yet.
func (w *Warehouse) Plan(ctx context.Context, tables []*schema.Table, known *replicator.Checkpoint) ([]string, error) {
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
	if !slices.Contains(names, "checkpoint") {
		statements = append(statements, w.createMetadata(slices.Contains(names, "freshness"))...)
	} else {
		is, err := w.readLayout(ctx, s)
		if err != nil {
			return nil, err
		}
		statements = append(statements, w.steps(is)...)
	}
	for _, t := range tables {
		have, err := w.targetColumns(ctx, s, t)
		if err != nil {
			return nil, err
		}
		if len(have) == 0 {
			statements = append(statements, w.createTarget(t)...)
			continue
		}
		altered, err := w.planAlterations(t, have, known)
		if err != nil {
			return nil, err
		}
		statements = append(statements, altered...)
	}
	due, err := w.planGrants(ctx, s, tables)
	return append(statements, due...), err
}

// planAlterations are the statements that a target needs, with what else became of its
// table as a comment. A target that no alteration helps is a comment too.
func (w *Warehouse) planAlterations(t *schema.Table, have map[string]string, known *replicator.Checkpoint) (statements []string, err error) {
	a := replicator.Alteration{Table: t}
	if known != nil {
		if s := known.Table(t.OID); s != nil && s.State == replicator.Live {
			a.Diff = schema.Compare(s.Shape, s.Heap, t)
		}
	}
	if a.Diff.Uncertain != "" {
		statements = append(statements, comment("%v is loaded again: %s", t.Known, a.Diff.Uncertain))
		a.Diff = schema.Diff{}
	}
	for _, dropped := range a.Diff.Dropped {
		statements = append(statements, comment("%v has no column %s any more: the target keeps it, with NULL in rows that are written from now on", t.Known, dropped.Name))
	}
	d, err := w.dueOf(a, have)
	if u, ok := errors.AsType[*replicator.Unfit](err); ok {
		return append(statements, comment("%v is parked: %s; %s", t.Known, u.Why.Found, u.Why.Repair)), nil
	}
	return append(append(statements, d.statements...), d.fills...), err
}

// comment writes one line of a plan that is not run.
func comment(format string, args ...any) string {
	return "-- " + strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " ")
}

// planGrants are the grants that are due on what is there.
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
		statements = append(statements, due...)
	}
	return statements, nil
}
