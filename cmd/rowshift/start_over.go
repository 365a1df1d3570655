package main

import (
	"fmt"
	"strings"

	"rowshift/replicator"

	"github.com/jackc/pgx/v5"
)

// startingOver is the runbook's heading to which the repair of a halt may point.
const startingOver = `"Starting over"`

// spelled returns a listener that passes events on to l. It adds to halts that point at
// the runbook's "Starting over" the statements with this pipeline's names: the source
// does not know the warehouse's names, nor the warehouse the slot's.
func spelled(c *config, l replicator.Listener) replicator.Listener {
	halted := l.Halted
	l.Halted = func(h *replicator.Halt) {
		if strings.Contains(h.Repair, startingOver) {
			told := *h
			told.Repair += c.statements()
			h = &told
		}
		halted(h)
	}
	return l
}

// statements returns the SQL that starts this pipeline over.
func (c *config) statements() string {
	schema, loader := pgx.Identifier{c.warehouse.metadataSchema}.Sanitize(), pgx.Identifier{c.warehouse.user}.Sanitize()
	return fmt.Sprintf("; that is, with the daemon stopped: in PostgreSQL, if the slot is there, SELECT pg_drop_replication_slot('%s'); "+
		"in Redshift, DROP SCHEMA %s CASCADE; and then CREATE SCHEMA %[2]s AUTHORIZATION %[3]s, unless the daemon may make it", c.source.slot, schema, loader)
}
