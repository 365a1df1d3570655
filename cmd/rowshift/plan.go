package main

import (
	"context"
	"fmt"
	"io"
	"strings"
)

type planCommand struct{}

// Run prints what a run would execute. It executes nothing.
func (planCommand) Run(ctx context.Context, o *outside) error {
	return o.ask(ctx, func(ctx context.Context, config *config, r *rooms) error {
		source, warehouse, err := r.plan(ctx)
		if err != nil {
			return err
		}
		printPlan(o.stdout, "source "+config.source.String(), source)
		printPlan(o.stdout, "warehouse "+config.warehouse.String(), warehouse)
		return nil
	})
}

// printPlan prints the statements that are due in one place, as SQL that can be run.
func printPlan(w io.Writer, where string, statements []string) {
	if len(statements) == 0 {
		fmt.Fprintf(w, "-- %s: nothing is due\n", where)
		return
	}
	fmt.Fprintf(w, "-- %s\n", where)
	for _, s := range statements {
		s = strings.TrimSpace(s)
		if !strings.HasSuffix(s, ";") && !strings.HasPrefix(s, "--") {
			s += ";"
		}
		fmt.Fprintln(w, s)
	}
}
