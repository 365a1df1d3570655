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
	config, err := o.load()
	if err != nil {
		return err
	}
	names, err := c.names(config.tables)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	r, err := newRooms(ctx, config, nil)
	if err != nil {
		return err
	}
	defer r.close()
	if err := r.warehouse.Request(ctx, names); err != nil {
		return err
	}
	for _, n := range names {
		fmt.Fprintf(o.stdout, "%v: requested\n", n)
	}
	fmt.Fprintf(o.stdout, "The daemon reads it with its next merge or checkpoint refresh; see %s.request.\n", config.warehouse.metadataSchema)
	return nil
}

// names returns the tables that are meant, which must be of the config.
func (c resyncCommand) names(choices []schema.Choice) ([]schema.Name, error) {
	var names []schema.Name
	var errs []error
	for _, text := range c.Tables {
		i := slices.IndexFunc(choices, func(c schema.Choice) bool { return c.Name.String() == text })
		switch {
		case i < 0:
			errs = append(errs, fmt.Errorf("%s is not a table of the config, which has %s", text, listed(choices)))
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
