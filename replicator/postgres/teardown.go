package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"rowshift/replicator"
	"rowshift/schema"
)

// Teardown returns the statements that remove from the source what keeps log there or was
// made for us: the slot and, unless a DBA makes it, the publication. It returns none if
// nothing is there, and a comment for a publication that somebody else may read. With
// apply, it runs them. The error is a *replicator.Halt if somebody streams from the slot,
// or the slot is not ours.
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
		if strings.HasPrefix(statement, comment("")) {
			continue
		}
		if _, err := conn.Exec(ctx, "SET synchronous_commit = local; "+statement); err != nil { // no standby is waited for
			return nil, fmt.Errorf("postgres: %s: %w", statement, err)
		}
	}
	return statements, nil
}

// remains returns the statements of a Teardown.
func (o *Origin) remains(ctx context.Context, conn *session, s server) (statements []string, err error) {
	found, err := findSlot(ctx, conn, o.options.Slot)
	switch {
	case err != nil:
		return nil, err
	case found == nil:
	case !found.ours(s.database):
		return nil, o.strangeHalt(found)
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
	if err != nil || p == nil {
		return statements, err
	}
	drop := "DROP PUBLICATION " + o.publicationName()
	if foreign := o.unnamed(p); foreign != "" {
		drop = comment(fmt.Sprintf("publication %q publishes %s: if nobody else reads it: %s", o.options.Publication, foreign, drop))
	}
	return append(statements, drop), nil
}

// unnamed describes what a publication has that the config does not name, because of which
// it may be somebody else's; empty if there is nothing of that.
func (o *Origin) unnamed(p *publication) string {
	if p.broad {
		return "all tables, or all of a schema"
	}
	var names []string
	for _, have := range p.tables {
		if !slices.ContainsFunc(o.options.Choices, func(c schema.Choice) bool { return c.Name == have.name }) {
			names = append(names, have.name.String())
		}
	}
	if names == nil {
		return ""
	}
	return "what the config does not name (" + strings.Join(names, ", ") + ")"
}
