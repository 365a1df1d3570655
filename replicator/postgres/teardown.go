package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"rowshift/replicator"
)

// Teardown returns the statements that remove from the source what keeps log there or
// was made for us: the slot, and the publication unless a DBA makes it. There are none
// if nothing is there. With apply they are run. The error is a *replicator.Halt if
// somebody streams from the slot, or it is none of ours.
func (o *Origin) Teardown(ctx context.Context, apply bool) ([]string, error) {
	conn, err := o.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer shut(conn)
	s, err := serverOf(ctx, conn)
	if err != nil {
		return nil, err
	}
	statements, err := o.remains(ctx, conn, s)
	if err != nil || !apply {
		return statements, err
	}
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return nil, fmt.Errorf("postgres: %s: %w", statement, bare(err))
		}
	}
	return statements, nil
}

// remains are the statements of a Teardown.
func (o *Origin) remains(ctx context.Context, conn *pgx.Conn, s server) (statements []string, err error) {
	found, err := findSlot(ctx, conn, o.options.Slot)
	switch {
	case err != nil:
		return nil, err
	case found == nil:
	case !found.ours(s.database):
		return nil, o.strange(found)
	case found.active:
		return nil, &replicator.Halt{
			Reason: replicator.SlotStrange,
			Found:  fmt.Sprintf("server process %d streams from slot %q", found.activePID, o.options.Slot),
			Means:  "a daemon runs",
			Repair: "stop it first",
		}
	default:
		statements = append(statements, dropSlot(o.options.Slot))
	}
	if !o.options.Create {
		return statements, nil
	}
	p, err := readPublication(ctx, conn, s, o.options.Publication)
	if err == nil && p != nil {
		statements = append(statements, "DROP PUBLICATION "+pgx.Identifier{o.options.Publication}.Sanitize())
	}
	return statements, err
}
