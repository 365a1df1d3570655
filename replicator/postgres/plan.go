package postgres

import (
	"context"
)

// Plan returns the statements that a first run would execute on the source to be able
// to replicate: those of the publication, in one transaction, and then the slot's.
// Unless Options.Create is set they are a DBA's to run, and a run halts without them.
// There are none if nothing is missing. Nothing is changed.
func (o *Origin) Plan(ctx context.Context) ([]string, error) {
	conn, err := o.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer shut(conn)
	s, err := serverOf(ctx, conn)
	if err != nil {
		return nil, err
	}
	tables, err := o.tables(ctx, conn, s)
	if err != nil {
		return nil, err
	}
	p, err := readPublication(ctx, conn, s, o.options.Publication)
	if err != nil {
		return nil, err
	}
	statements := o.difference(p, tables)
	found, err := findSlot(ctx, conn, o.options.Slot)
	if err != nil {
		return nil, err
	}
	if found == nil {
		statements = append(statements, createSlot(o.options.Slot))
	}
	return statements, nil
}
