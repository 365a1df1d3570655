package main

import (
	"context"
	"time"

	"rowshift/replicator"
	"rowshift/replicator/postgres"
	"rowshift/sink/bucket"
	"rowshift/sink/redshift"
)

// rooms are what talks to the source, the bucket and the warehouse.
type rooms struct {
	origin    *postgres.Origin
	stager    *bucket.Stager
	warehouse *redshift.Warehouse
}

// newRooms turns the config into the plain options of each room. It reaches for
// nothing yet. waiting may be nil.
func newRooms(ctx context.Context, c *config, waiting func(string)) (*rooms, error) {
	stager, err := bucket.New(ctx, bucket.Options{
		URL: c.bucket.url, Pipeline: c.pipeline, Region: c.bucket.region,
		KMSKey: c.bucket.kmsKey, Endpoint: c.bucket.endpoint,
	})
	if err != nil {
		return nil, err
	}
	return &rooms{
		origin: postgres.New(postgres.Options{
			Config: c.source.connect, Slot: c.source.slot, Publication: c.source.publication,
			Create: c.source.create, LoadYield: c.source.loadYield, Choices: c.tables, Waiting: waiting,
		}),
		stager: stager,
		warehouse: redshift.New(redshift.Options{
			Config: c.warehouse.connect, Version: built().Version, Pipeline: c.pipeline, Region: c.bucket.region,
			Schema: c.warehouse.schema, MetadataSchema: c.warehouse.metadataSchema,
			CopyRole: c.warehouse.copyRole, Readers: c.warehouse.readers, QueryGroup: c.warehouse.queryGroup,
		}),
	}, nil
}

// close ends what is still open.
func (r *rooms) close() { r.warehouse.Close() }

// into gives the rooms to the replicator.
func (r *rooms) into(o *replicator.Options) {
	o.Origin = r.origin
	o.Stager, o.Sweeper = r.stager, r.stager
	o.Warehouse, o.Loader = r.warehouse, r.warehouse
}

// check looks at everything that a first run needs. The warehouse is asked about
// the tables if the source could tell what they are, and reads what the bucket's check
// has put.
func (r *rooms) check(ctx context.Context) []replicator.Finding {
	findings := r.origin.Check(ctx)
	tables, err := r.origin.Tables(ctx)
	if err != nil {
		tables = nil // the source's findings say why
	}
	var warehouse []replicator.Finding
	findings = append(findings, r.stager.Check(ctx, func(manifest string) {
		warehouse = r.warehouse.Check(ctx, tables, manifest)
	})...)
	return append(findings, warehouse...)
}

// plan returns the statements that a first run would execute.
func (r *rooms) plan(ctx context.Context) (source, warehouse []string, err error) {
	tables, err := r.origin.Tables(ctx)
	if err != nil {
		return nil, nil, err
	}
	if source, err = r.origin.Plan(ctx); err != nil {
		return nil, nil, err
	}
	warehouse, err = r.warehouse.Plan(ctx, tables)
	return source, warehouse, err
}

// slot looks at the slot, on a connection of its own: it may be called beside
// everything else.
func (r *rooms) slot(ctx context.Context) (slotSighting, error) {
	s, err := r.origin.SlotState(ctx)
	if err != nil {
		return slotSighting{}, err
	}
	return slotSighting{
		at: time.Now(), exists: s.Exists, active: s.Active, status: s.Status, safe: s.Safe, limited: s.Limited,
		retained: s.Retained, current: s.Current,
	}, nil
}

// checkpoint reads what the warehouse remembers, nil if that is nothing.
func (r *rooms) checkpoint(ctx context.Context) (*replicator.Checkpoint, error) {
	return r.warehouse.Checkpoint(ctx)
}
