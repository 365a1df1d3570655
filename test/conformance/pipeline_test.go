package conformance

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
	"rowshift/sink/bucket"
	"rowshift/sink/redshift"
)

// pipeline is a sink that works on a server.
type pipeline struct {
	*server
	name      string
	options   redshift.Options
	warehouse *redshift.Warehouse
	stager    *bucket.Stager // nil in a behaviour that has no files
	table     *schema.Table
	states    []replicator.TableState // of the tables, as merges write them; nil if unknown
	time      time.Time               // of the last commit in the next merges
	epoch     replicator.Epoch
	position  replicator.LSN
}

// pipeline returns a pipeline with a metadata schema of that name. Its targets are in the
// schema of the run.
func (s *server) pipeline(name string, change ...func(*redshift.Options)) (*pipeline, error) {
	p := &pipeline{server: s, name: name, table: words("words_of_" + name), options: redshift.Options{
		Config: s.recorded, Version: "conformance", Pipeline: name, Schema: s.schema, MetadataSchema: s.schema + "_" + name, CopyRole: s.role,
	}}
	for _, c := range change {
		c(&p.options)
	}
	s.t.Cleanup(func() {
		if err := s.execute("DROP SCHEMA IF EXISTS " + p.options.MetadataSchema + " CASCADE"); err != nil {
			s.t.Error(err)
		}
	})
	p.warehouse = p.another()
	if s.files == "" {
		return p, nil
	}
	var err error
	p.stager, err = bucket.New(s.ctx, bucket.Options{URL: s.files, Pipeline: name, Region: s.bucket.region, Endpoint: s.bucket.endpoint})
	return p, err
}

// another opens the warehouse as another process would.
func (p *pipeline) another(change ...func(*redshift.Options)) *redshift.Warehouse {
	o := p.options
	for _, c := range change {
		c(&o)
	}
	w := redshift.New(o)
	p.t.Cleanup(w.Close)
	return w
}

// regional sets the bucket's region, which COPY then names.
func (p *pipeline) regional(o *redshift.Options) { o.Region = p.bucket.region }

// first returns the checkpoint of a new pipeline with these tables.
func (p *pipeline) first(tables ...*schema.Table) replicator.Checkpoint {
	c := replicator.Checkpoint{
		Pipeline: p.name, Phase: replicator.Creating, LSN: 100, Time: p.time, System: "7300000000000000001", Timeline: 1, Database: "app", Slot: "rowshift",
		Publication: replicator.PublicationID{OID: 16400, XMin: 700},
	}
	for _, t := range tables {
		c.Tables = append(c.Tables, replicator.TableState{OID: t.OID, Name: t.Configured, Target: t.Target, State: replicator.Live, Shape: t.Shape()})
	}
	slices.SortFunc(c.Tables, replicator.ByOID)
	return c
}

// fence takes the warehouse over.
func (p *pipeline) fence() error {
	c, err := p.warehouse.Fence(p.ctx, p.first(p.table))
	p.epoch, p.position = c.Epoch, c.LSN
	return err
}

// loading returns the load of a table with this number, in the current epoch.
func (p *pipeline) loading(t *schema.Table, number int) replicator.LoadState {
	name := fmt.Sprintf("%d_%d_%d", p.epoch, number, t.OID)
	return replicator.LoadState{Into: "load_" + name, Held: "held_" + name, Loaded: true}
}

// joining returns the join of a table from its load.
func joining(t *schema.Table, l replicator.LoadState) replicator.Join {
	return replicator.Join{Table: t, From: l.Into, Held: l.Held}
}

// make makes a load's tables, and the target if there is none.
func (p *pipeline) make(t *schema.Table, l replicator.LoadState) error {
	if err := p.warehouse.Hold(p.ctx, l.Held, t); err != nil {
		return err
	}
	return p.warehouse.MakeLoad(p.ctx, p.epoch, t, l)
}

// stageRows puts rows of a load into the bucket, except those that are known to be
// refused.
func (p *pipeline) stageRows(t *schema.Table, l replicator.LoadState, refused replicator.Rows, rows ...string) (f replicator.StagedLoad, err error) {
	files, err := p.stager.Load(p.ctx, replicator.LoadRequest{Epoch: p.epoch, Into: l.Into, Table: t, At: p.position, Refused: refused})
	if err != nil {
		return f, err
	}
	part, err := files.Part(p.ctx)
	if err != nil {
		return f, err
	}
	for _, r := range rows {
		if err := part.Write(tuple(r)); err != nil {
			return f, err
		}
	}
	if err := part.Close(); err != nil {
		return f, err
	}
	return files.Cut(p.ctx)
}

// bring loads rows into a load table.
func (p *pipeline) bring(t *schema.Table, l replicator.LoadState, rows ...string) error {
	f, err := p.stageRows(t, l, nil, rows...)
	if err != nil {
		return err
	}
	if err := p.make(t, l); err != nil {
		return err
	}
	return p.warehouse.Load(p.ctx, l, t, f)
}

// load loads rows into a load table with this number, and has it join.
func (p *pipeline) load(number int, rows ...string) error {
	l := p.loading(p.table, number)
	if err := p.bring(p.table, l, rows...); err != nil {
		return err
	}
	return p.merge(&replicator.Batch{Joins: []replicator.Join{joining(p.table, l)}})
}

// change merges changes of the pipeline's table.
func (p *pipeline) change(changes ...string) error { return p.merge(p.batch(p.table, changes...)) }

// batch folds changes of a table, which are written as "insert row", "update row",
// "update key -> row", "delete key" and "truncate".
func (p *pipeline) batch(t *schema.Table, changes ...string) *replicator.Batch {
	f := replicator.NewFold(t, "")
	f.At(replicator.Written{LSN: p.position + 1, Time: p.time})
	for _, text := range changes {
		op, row, _ := strings.Cut(text, " ")
		c := replicator.Change{Table: t}
		switch op {
		case "insert":
			c.Op, c.New = replicator.Insert, tuple(row)
		case "update":
			c.Op = replicator.Update
			if from, to, moved := strings.Cut(row, " -> "); moved {
				c.Key, row = tuple(from), to
			}
			c.New = tuple(row)
		case "delete":
			c.Op, c.Key = replicator.Delete, tuple(row)
		default:
			c.Op = replicator.Truncate
		}
		f.Add(c)
	}
	return &replicator.Batch{Folds: []*replicator.Fold{f}}
}

// held has a batch held for a load, as changes of one transaction if xid is not 0.
func held(b *replicator.Batch, l replicator.LoadState, xid uint32) *replicator.Batch {
	b.Folds[0].Held, b.Folds[0].XID = l.Held, xid
	return b
}

// staging stages batches and returns their merge. Without any change it needs no bucket.
func (p *pipeline) staging(batches ...*replicator.Batch) (*replicator.Merge, error) {
	m := &replicator.Merge{Expect: p.position, Checkpoint: p.first()}
	m.Checkpoint.Epoch, m.Checkpoint.Phase, m.Checkpoint.LSN = p.epoch, replicator.Streaming, p.position+10
	m.Checkpoint.Tables = p.states
	for _, b := range batches {
		b.Commit, b.End, b.Time = true, m.Checkpoint.LSN, p.time
		m.Checkpoint.LSN += 10
		s := &replicator.Staged{Commit: true, End: b.End, Time: b.Time, Joins: b.Joins, Holds: b.Holds}
		if len(b.Folds) > 0 {
			var err error
			if s, err = p.stager.Stage(p.ctx, p.epoch, b); err != nil {
				return nil, err
			}
		}
		m.Staged = append(m.Staged, s)
	}
	return m, nil
}

// merge stages and merges batches.
func (p *pipeline) merge(batches ...*replicator.Batch) error {
	m, err := p.staging(batches...)
	if err != nil {
		return err
	}
	_, err = p.merged(m)
	return err
}

// merged runs a merge, and moves the position to its end.
func (p *pipeline) merged(m *replicator.Merge) (replicator.Merged, error) {
	done, err := p.warehouse.Merge(p.ctx, m)
	if err == nil {
		p.position = m.Checkpoint.LSN
	}
	return done, err
}

// applyAll applies held changes until none is left.
func (p *pipeline) applyAll(t *schema.Table, l replicator.LoadState) error {
	for n := 0; ; n++ {
		applied, err := p.warehouse.Apply(p.ctx, p.epoch, t, l, n)
		if err != nil || !applied.Left {
			return err
		}
	}
}

// ask returns the sorted rows of a query. $meta stands for the metadata schema, $schema
// for the schema of the targets.
func (p *pipeline) ask(sql string) ([]string, error) {
	sql = strings.NewReplacer("$meta", p.options.MetadataSchema, "$schema", p.options.Schema).Replace(sql)
	results, err := p.session("").PgConn().Exec(p.ctx, sql).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", sql, err)
	}
	rows, _ := shown(results)
	slices.Sort(rows)
	return rows, nil
}

// do returns a step that runs a statement.
func (p *pipeline) do(sql string) func() error {
	return func() error {
		_, err := p.ask(sql)
		return err
	}
}

// has returns a step that fails unless a query has these rows, in any order.
func (p *pipeline) has(sql string, want ...string) func() error {
	return func() error {
		got, err := p.ask(sql)
		if err != nil {
			return err
		}
		want = slices.Clone(want)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			return fmt.Errorf("%s: %q, not %q", sql, got, want)
		}
		return nil
	}
}

// holds fails unless the target has these rows.
func (p *pipeline) holds(want ...string) func() error {
	return func() error { return p.has("SELECT word, n, body FROM "+p.table.Target, want...)() }
}

// inOrder runs steps until one fails, and returns how.
func inOrder(steps ...func() error) string {
	for i, step := range steps {
		if err := step(); err != nil {
			return fmt.Sprintf("step %d: %v", i+1, err)
		}
	}
	return ""
}

// differs returns nil if holds, and an error otherwise.
func differs(holds bool, format string, args ...any) error {
	if holds {
		return nil
	}
	return fmt.Errorf(format, args...)
}

// halts fails unless err is a halt for this reason which says this in what it found or in
// its repair.
func halts(err error, reason replicator.Reason, says string) error {
	h, ok := errors.AsType[*replicator.Halt](err)
	return differs(ok && h.Reason == reason && strings.Contains(h.Found+h.Repair, says), "%v is no halt for %s that says %q", err, reason, says)
}
