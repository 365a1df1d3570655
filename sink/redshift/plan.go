package redshift

import (
	"context"
	"slices"

	"rowshift/schema"
)

// Plan returns the statements that a run would execute before it loads: the DDL and
// grants that are not there yet.
func (w *Warehouse) Plan(ctx context.Context, tables []*schema.Table) ([]string, error) {
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
		}
	}
	due, err := w.planGrants(ctx, s, tables)
	return append(statements, due...), err
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
