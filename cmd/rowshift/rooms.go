package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"rowshift/replicator"
	"rowshift/replicator/postgres"
	"rowshift/schema"
	"rowshift/sink/bucket"
	"rowshift/sink/redshift"
)

// rooms are the parts that talk to the source, the bucket and the warehouse.
type rooms struct {
	origin    *postgres.Origin
	stager    *bucket.Stager
	warehouse *redshift.Warehouse

	resyncLost bool // whether a run resets a lost slot without being asked
}

// newRooms turns the config into the plain options of each room. It does not connect
// yet. It reports what the origin waits for to waiting, and warnings of the S3 client to
// warned; both may be nil.
func newRooms(ctx context.Context, c *config, waiting, warned func(string)) (*rooms, error) {
	stager, err := bucket.New(ctx, bucket.Options{
		URL: c.bucket.url, Pipeline: c.pipeline, Region: c.bucket.region,
		KMSKey: c.bucket.kmsKey, Endpoint: c.bucket.endpoint, Compression: c.bucket.compression, Memory: c.limits.Files(), Warned: warned,
	})
	if err != nil {
		return nil, err
	}
	choices, err := c.choices()
	if err != nil {
		return nil, err
	}
	return &rooms{
		origin: postgres.New(postgres.Options{
			Config: c.source.connect, Slot: c.source.slot, Publication: c.source.publication,
			Create: c.source.create, LoadYield: c.source.loadYield, LookEvery: c.source.cataloguePoll, Format: c.source.format, Choices: choices, Waiting: waiting,
		}),
		stager: stager,
		warehouse: redshift.New(redshift.Options{
			Config: c.warehouse.connect, Version: built().Version, Pipeline: c.pipeline, Region: c.bucket.region,
			Schema: c.warehouse.schema, MetadataSchema: c.warehouse.metadataSchema,
			CopyRole: c.warehouse.copyRole, Readers: c.warehouse.readers, QueryGroup: c.warehouse.queryGroup, HaltOnCopyError: c.warehouse.haltOnCopy,
			Print: c.warehouse.printDDL,
		}),
		resyncLost: c.source.resyncLost,
	}, nil
}

// close ends the warehouse's sessions.
func (r *rooms) close() { r.warehouse.Close() }

// into puts the rooms into the replicator's options.
func (r *rooms) into(o *replicator.Options) {
	o.Origin = r.origin
	o.Stager, o.Sweeper = r.stager, r.stager
	o.Warehouse, o.Loader = r.warehouse, r.warehouse
}

// check checks everything that a first run needs, each part within the time each. The
// warehouse is asked about the tables only if the source could describe them, and reads
// the object that the check of the bucket has put.
func (r *rooms) check(ctx context.Context, each time.Duration) []replicator.Finding {
	var source, warehouse []replicator.Finding
	tables := make(chan []*schema.Table, 1)
	var wg sync.WaitGroup
	wg.Go(func() {
		r.tellOrigin(ctx, each/4)
		asking, cancel := context.WithTimeout(ctx, each)
		defer cancel()
		source = r.origin.Check(asking)
		all, _ := r.origin.Tables(asking) // if the source cannot be asked, its findings say why
		tables <- all
	})
	asking, cancel := context.WithTimeout(ctx, each)
	defer cancel()
	bucket := r.stager.Check(asking, func(manifest string) {
		all := <-tables
		asking, cancel := context.WithTimeout(ctx, each)
		defer cancel()
		warehouse = r.warehouse.Check(asking, all, manifest)
	})
	wg.Wait()
	return slices.Concat(source, bucket, warehouse)
}

// tellOrigin tells the origin what the warehouse remembers, because its checks and plans
// depend on that. If the warehouse does not answer within most, it tells nothing.
func (r *rooms) tellOrigin(ctx context.Context, most time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	if cp, err := r.warehouse.Checkpoint(ctx); err == nil {
		r.origin.Expect(cp, r.resyncLost)
	}
}

// plan returns the statements that a run would execute. Among them are comments that
// name the tables that would be loaded or parked.
func (r *rooms) plan(ctx context.Context) (source, warehouse []string, err error) {
	cp, err := r.warehouse.Checkpoint(ctx)
	if err != nil {
		return nil, nil, unasked("warehouse", err) // a warehouse that hangs leaves the source no time, and would get it blamed
	}
	r.origin.Expect(cp, r.resyncLost)
	source, seen, err := r.origin.Plan(ctx)
	if err != nil {
		return nil, nil, unasked("source", err)
	}
	var tables []*schema.Table
	for _, published := range seen.Tables {
		tables = append(tables, published.Table)
	}
	if warehouse, err = r.warehouse.Plan(ctx, tables, replicator.Foresee(cp, seen)); err != nil {
		return nil, nil, unasked("warehouse", err)
	}
	return source, warehouse, nil
}

// lookBeforeReset checks the source as a reset does before it begins, and tells the
// origin what the warehouse remembers of the tables. It changes nothing.
func (r *rooms) lookBeforeReset(ctx context.Context, cp *replicator.Checkpoint) error {
	look := replicator.CreateRequest{Look: true}
	if cp != nil {
		look.Resumed, look.Known = true, cp.Known()
		if cp.Phase == replicator.Streaming {
			look.Slot = cp.Slot
		}
	}
	_, err := r.origin.Create(ctx, look)
	return err
}

// unasked adds to the error of a database that cannot be reached where to look. Other
// errors already say that.
func unasked(which string, err error) error {
	switch causeOf(err) {
	case "connect", "connection", "timeout":
		return fmt.Errorf("the %s cannot be asked: %w; make sure that %[1]s.dsn, its password, ca and tls are right, and that the network lets us through", which, err)
	}
	return err
}

// slot looks at the slot on a connection of its own, so it may be called at any time.
func (r *rooms) slot(ctx context.Context) (slotSighting, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout) // a source may take a connection and then be silent
	defer cancel()
	s, err := r.origin.SlotState(ctx)
	if err != nil {
		return slotSighting{}, err
	}
	return slotSighting{
		at: time.Now(), exists: s.Exists, active: s.Active, making: s.Making, status: s.Status, safe: s.Safe, limited: s.Limited,
		retained: s.Retained, current: s.Current,
	}, nil
}

// waits returns the requests that are not done, and how many rows wait in held tables,
// by OID.
func (r *rooms) waits(ctx context.Context, cp *replicator.Checkpoint) ([]redshift.OpenRequest, map[uint32]int64, error) {
	requests, err := r.warehouse.OpenRequests(ctx)
	if err != nil {
		return nil, nil, err
	}
	held, err := r.warehouse.HeldRows(ctx, cp.Tables)
	return requests, held, err
}

// quarantined counts the rows in quarantine of each table. Without a checkpoint there
// are none.
func (r *rooms) quarantined(ctx context.Context, cp *replicator.Checkpoint) (map[schema.Name]int64, error) {
	if cp == nil {
		return nil, nil
	}
	return r.warehouse.Quarantined(ctx)
}
