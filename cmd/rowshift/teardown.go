package main

import (
	"context"
	"fmt"
)

type teardownCommand struct {
	Yes bool `help:"Carry it out. Without it the statements are only printed."`
}

// Run drops the slot and the publication, so that an uninstalled daemon never fills the
// source's disk. The targets stay.
func (c teardownCommand) Run(ctx context.Context, o *outside) error {
	return o.ask(ctx, func(ctx context.Context, config *config, r *rooms) error {
		statements, err := r.origin.Teardown(ctx, c.Yes)
		if err != nil {
			return err
		}
		printPlan(o.stdout, "source "+config.source.String(), statements)
		switch {
		case len(statements) == 0:
		case c.Yes:
			fmt.Fprintln(o.stdout, "-- done; the tables in Redshift are left as they are")
		default:
			fmt.Fprintln(o.stdout, "-- nothing was done: --yes carries it out")
		}
		return nil
	})
}
