package main

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/jackc/pgx/v5"

	"rowshift/replicator"
	"rowshift/replicator/postgres"
	"rowshift/schema"
	"rowshift/sink/bucket"
)

// stagedCommand is the first argument of a process of this program that stages.
const stagedCommand = "staged"

// stagedTask is what such a process reads from its standard input.
type stagedTask struct {
	DSN        string
	Checkpoint replicator.Checkpoint // where it begins
	End        replicator.LSN
	Rows       int64 // changes of rows up to there

	Endpoint, Region, Bucket, AccessKey, SecretKey string
	Profile                                        string // the file for its CPU profile; empty: none
}

// drainByStaging runs this program again to bring everything into the bucket. What a
// warehouse would remember of the tables is read before the clock starts.
func drainByStaging(ctx context.Context, b *bench, w written) (result, error) {
	s3 := b.world.S3
	task := stagedTask{DSN: b.world.SourceDSN(), Rows: w.rows, Endpoint: s3.Endpoint(), Region: s3.Region, Bucket: s3.Bucket, AccessKey: s3.AccessKey, SecretKey: s3.SecretKey}
	start, end, err := w.between()
	if err != nil {
		return result{}, err
	}
	task.End = end
	source, opened, err := sourceOf(task.DSN, stagedSlot, postgres.Auto).Open(ctx, replicator.OpenRequest{After: start})
	if err != nil {
		return result{}, err
	}
	if err := source.Close(); err != nil {
		return result{}, err
	}
	if err := b.released(ctx, stagedSlot); err != nil {
		return result{}, err
	}
	task.Checkpoint = checkpointOf(opened, start)
	if b.profiles != "" {
		task.Profile = filepath.Join(b.profiles, fmt.Sprintf("staged-%d.pprof", b.markers))
	}
	return b.timed(ctx, stagedSlot, func() (usage, error) { return elsewhere(ctx, stagedCommand, task) })
}

// checkpointOf returns the checkpoint of a warehouse that has all tables up to a
// position.
func checkpointOf(o replicator.Opened, at replicator.LSN) replicator.Checkpoint {
	cp := replicator.Checkpoint{Pipeline: "staged", Epoch: 1, Phase: replicator.Streaming, LSN: at,
		System: o.System, Timeline: o.Timeline, Database: o.Database, Slot: o.Slot, Publication: o.Publication}
	for _, p := range o.Tables {
		t := p.Table
		cp.Tables = append(cp.Tables, replicator.TableState{OID: t.OID, Name: t.Configured, Target: t.Target, State: replicator.Live,
			Row: p.Row, Shape: t.Shape(), Parts: t.Parts, Run: t.Run, Heap: t.Heap})
	}
	return cp
}

// run drains into a bucket and into a warehouse that keeps only its checkpoint.
func (task stagedTask) run(ctx context.Context) error {
	end, err := profile(task.Profile)
	if err != nil {
		return err
	}
	defer end()
	stager, err := bucket.New(ctx, bucket.Options{URL: "s3://" + task.Bucket, Pipeline: "staged", Region: task.Region, Endpoint: task.Endpoint,
		Credentials: credentials.NewStaticCredentialsProvider(task.AccessKey, task.SecretKey, "")})
	if err != nil {
		return err
	}
	w := &memory{checkpoint: task.Checkpoint}
	err = replicator.Run(ctx, replicator.Options{
		Pipeline: "staged", Origin: sourceOf(task.DSN, stagedSlot, postgres.Auto), Stager: stager, Sweeper: stager, Warehouse: w, Loader: w,
		Once: true, Tries: 1, // a benchmark does not try again
	})
	if err == nil && (w.checkpoint.LSN < task.End || w.changes < task.Rows) {
		err = fmt.Errorf("%d changes were staged of %d, up to %v of %v", w.changes, task.Rows, w.checkpoint.LSN, task.End)
	}
	return err
}

// sourceOf returns a source of all tables, with a slot and in a format.
func sourceOf(dsn, slot string, format postgres.Format) *postgres.Origin {
	o := postgres.Options{Slot: slot, Format: format, Publication: publication, Config: func(context.Context) (*pgx.ConnConfig, error) { return pgx.ParseConfig(dsn) }}
	for _, t := range tables {
		o.Choices = append(o.Choices, schema.Choice{Name: schema.Name{Schema: "public", Table: t}, All: true})
	}
	return postgres.New(o)
}

// memory is a warehouse that remembers how far it got, but no row.
type memory struct {
	replicator.Loader // nothing is loaded

	mu         sync.Mutex
	checkpoint replicator.Checkpoint
	changes    int64
}

func (m *memory) Checkpoint(context.Context) (*replicator.Checkpoint, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.checkpoint.Clone()
	return &c, nil
}

func (m *memory) Fence(context.Context, replicator.Checkpoint) (replicator.Checkpoint, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.checkpoint.Epoch++
	return m.checkpoint.Clone(), nil
}

func (m *memory) Prepare(context.Context, *replicator.Staged) error { return nil }

func (m *memory) Merge(_ context.Context, merge *replicator.Merge) (replicator.Merged, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.checkpoint = merge.Checkpoint.Clone()
	for _, s := range merge.Staged {
		m.changes += int64(s.Changes)
	}
	return replicator.Merged{Steps: map[replicator.Step]time.Duration{}}, nil
}
