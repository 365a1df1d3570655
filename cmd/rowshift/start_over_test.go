package main

import (
	"strings"
	"testing"

	"rowshift/replicator"
)

// The statements, with this pipeline's names, are added to halts that point at "Starting
// over", and to no others.
func TestStartingOverIsSpelledOut(t *testing.T) {
	var told *replicator.Halt
	l := spelled(load(t, goodConfig), replicator.Listener{Halted: func(h *replicator.Halt) { told = h }})
	points := &replicator.Halt{Reason: replicator.SlotMissing, Repair: `start over as the runbook's "Starting over" says`}
	l.Halted(points)
	for _, statement := range []string{"SELECT pg_drop_replication_slot('rowshift_accounts')", `DROP SCHEMA "rowshift" CASCADE`, `CREATE SCHEMA "rowshift" AUTHORIZATION "loader"`} {
		if !strings.Contains(told.Repair, statement) {
			t.Errorf("%q lacks %q", told.Repair, statement)
		}
	}
	if strings.Contains(points.Repair, "DROP") || told.Reason != replicator.SlotMissing {
		t.Errorf("%+v, %+v", points, told)
	}
	other := &replicator.Halt{Reason: replicator.BucketUnfit, Repair: "aws s3 mb"}
	if l.Halted(other); told != other {
		t.Errorf("%+v", told)
	}
}
