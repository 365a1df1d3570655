package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"rowshift/schema"
)

type resyncCommand struct {
	Tables []string `arg:"" name:"table" help:"Tables of the config to load again, as schema.table."`
}

// Run asks the daemon, by rows in the warehouse, to load tables again beside their
// live copies.
func (c resyncCommand) Run(ctx context.Context, o *outside) error {
	return o.ask(ctx, func(ctx context.Context, config *config, r *rooms) error {
		names, err := tablesNamed(config.tables, c.Tables)
		if err != nil {
			return err
		}
		if err := r.warehouse.Request(ctx, names); err != nil {
			return err
		}
		for _, n := range names {
			fmt.Fprintf(o.stdout, "%v: requested\n", n)
		}
		fmt.Fprintf(o.stdout, "The daemon reads it with its next merge or checkpoint refresh; see %s.request.\n", config.warehouse.metadataSchema)
		return nil
	})
}

// tablesNamed returns the tables that are meant, which must be of the config.
func tablesNamed(choices []schema.Choice, texts []string) ([]schema.Name, error) {
	var names []schema.Name
	var errs []error
	for _, text := range texts {
		i := slices.IndexFunc(choices, func(c schema.Choice) bool { return c.Name.String() == text || asRead(c.Name) == text })
		switch {
		case i < 0:
			errs = append(errs, misuse{fmt.Errorf("%s is not a table of the config, which has %s", text, listed(choices))})
		case !slices.Contains(names, choices[i].Name):
			names = append(names, choices[i].Name)
		}
	}
	return names, errors.Join(errs...)
}

// listed writes the names of tables.
func listed(choices []schema.Choice) string {
	var names []string
	for _, c := range choices {
		names = append(names, c.Name.String())
	}
	return strings.Join(names, ", ")
}
