package redshift

import (
	"context"
	"slices"
)

// The tables of the metadata schema that are not a load's, and the view.
const (
	fenceTable      = "fence"
	checkpointTable = "checkpoint"
	stateTable      = "table_state"
	requestTable    = "request"
	freshnessView   = "freshness"
	ledgerTable     = "ledger"
	quarantineTable = "quarantine"
)

// metadataTables are the names of the tables and views that are in the metadata schema.
type metadataTables []string

// has reports whether all of these are there.
func (all metadataTables) has(names ...string) bool {
	for _, name := range names {
		if !slices.Contains(all, name) {
			return false
		}
	}
	return true
}

// tableNames lists the tables and views of the metadata schema.
func (w *Warehouse) tableNames(ctx context.Context, s *session) (metadataTables, error) {
	return w.namesIn(ctx, s, w.options.MetadataSchema)
}
