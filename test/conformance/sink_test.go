package conformance

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"rowshift/replicator"
	"rowshift/schema"
	"rowshift/sink/bucket"
	"rowshift/sink/redshift"
)

// sinkRules are those that the sink leans on most.
var sinkRules = []string{"R-106", "R-305", "R-307", "R-648"}

// sink is what the daemon's own sink does with a server, in order: the statements of its
// checks, of loads, of merges and of the fence. TestConformance tells which of the forms on
// the list of test/surface it did not send.
var sink = []*behaviour{
	{name: "sink-checks-a-server", rules: sinkRules, grade: "C", files: true, observe: sinkChecks},
	{name: "sink-loads-and-merges", rules: sinkRules, grade: "C", files: true, observe: sinkMerges},
	{name: "sink-fences-older-daemons", rules: sinkRules, grade: "C", files: true, observe: sinkFences},
}

// pipeline is a sink at work on a server.
type pipeline struct {
	*server
	name      string
	warehouse *redshift.Warehouse
	stager    *bucket.Stager
	table     *schema.Table
	epoch     replicator.Epoch
	position  replicator.LSN
}

// pipeline makes one, with the schema of that name for its targets and metadata.
func (s *server) pipeline(name string) (*pipeline, error) {
	stager, err := bucket.New(s.ctx, bucket.Options{
		URL: s.files, Pipeline: name, Region: s.bucket.region, Endpoint: s.bucket.endpoint,
	})
	if err != nil {
		return nil, err
	}
	w := redshift.New(redshift.Options{
		Config: s.recorded, Pipeline: name,
		Schema: s.schema, MetadataSchema: s.schema + "_" + name, CopyRole: s.role,
	})
	s.t.Cleanup(func() {
		w.Close()
		if err := s.execute("DROP SCHEMA IF EXISTS " + s.schema + "_" + name + " CASCADE"); err != nil {
			s.t.Error(err)
		}
	})
	return &pipeline{server: s, name: name, warehouse: w, stager: stager, table: words("words_of_" + name)}, nil
}

// words is a table (word text primary key, n numeric(10,2), body text).
func words(target string) *schema.Table {
	column := func(n int16, name string, oid uint32, typmod int32, kind string, toastable bool) schema.Column {
		typ := schema.Type{OID: oid, Base: oid, Typmod: typmod, Name: kind, Category: 'S'}
		return schema.Column{Attribute: schema.Attribute{Attnum: n, Name: name, Type: typ, Toastable: toastable}, Target: name, Mapping: schema.MappingOf(typ)}
	}
	return &schema.Table{
		OID: 16501, Name: schema.Name{Schema: "public", Table: "words"}, Target: target,
		Columns: []schema.Column{column(1, "word", 25, -1, "text", true), column(2, "n", 1700, 10<<16|2+4, "numeric", false), column(3, "body", 25, -1, "text", true)},
		Key:     []int{0}, DistKey: 0, SortKey: []int{0},
	}
}

// tuple makes a row: ~ is NULL, ^ an unchanged value.
func tuple(values string) replicator.Tuple {
	t := replicator.Tuple{}
	for v := range strings.SplitSeq(values, "|") {
		switch v {
		case "~":
			t = t.Append(replicator.Value{Kind: replicator.Null})
		case "^":
			t = t.Append(replicator.Value{Kind: replicator.Unchanged})
		default:
			t = t.Append(replicator.Value{Kind: replicator.Text, Text: []byte(v)})
		}
	}
	return t
}

// fence takes the warehouse over.
func (p *pipeline) fence() error {
	first := replicator.Checkpoint{
		Pipeline: p.name, Phase: replicator.Creating, LSN: 100, System: "7300000000000000001", Timeline: 1, Database: "app", Slot: "rowshift",
		Publication: replicator.PublicationID{OID: 16400, XMin: 700},
		Tables:      []replicator.TableState{{OID: p.table.OID, Name: p.table.Name, Target: p.table.Target, State: replicator.Live, Shape: p.table.Shape()}},
	}
	c, err := p.warehouse.Fence(p.ctx, first)
	p.epoch, p.position = c.Epoch, c.LSN
	return err
}

// load loads rows into a load table, and lets it join.
func (p *pipeline) load(into string, rows ...string) error {
	ctx := p.ctx
	files, err := p.stager.Load(ctx, replicator.LoadRequest{Epoch: p.epoch, Into: into, Table: p.table, At: p.position})
	if err != nil {
		return err
	}
	part, err := files.Part(ctx)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if err := part.Write(tuple(r)); err != nil {
			return err
		}
	}
	if err := part.Close(); err != nil {
		return err
	}
	f, err := files.Cut(ctx)
	if err != nil {
		return err
	}
	l := replicator.LoadState{Into: into, Held: "held_" + strings.TrimPrefix(into, "load_")}
	if err := p.warehouse.Hold(ctx, l.Held, p.table); err != nil {
		return err
	}
	if err := p.warehouse.MakeLoad(ctx, p.epoch, p.table, l); err != nil {
		return err
	}
	if err := p.warehouse.Load(ctx, l, p.table, f); err != nil {
		return err
	}
	return p.merge(&replicator.Batch{Commit: true, Joins: []replicator.Join{{Table: p.table, From: l.Into, Held: l.Held}}})
}

// change folds changes into a batch, and merges it.
func (p *pipeline) change(changes ...replicator.Change) error {
	f := replicator.NewFold(p.table, "")
	for _, c := range changes {
		c.Table = p.table
		f.Add(c)
	}
	return p.merge(&replicator.Batch{Commit: true, Folds: []*replicator.Fold{f}})
}

func (p *pipeline) merge(b *replicator.Batch) error {
	b.End = p.position + 10
	staged, err := p.stager.Stage(p.ctx, p.epoch, b)
	if err != nil {
		return err
	}
	c := replicator.Checkpoint{
		Pipeline: p.name, Epoch: p.epoch, Phase: replicator.Streaming, LSN: b.End, System: "7300000000000000001", Timeline: 1,
		Database: "app", Slot: "rowshift", Publication: replicator.PublicationID{OID: 16400, XMin: 700},
	}
	if _, err := p.warehouse.Merge(p.ctx, &replicator.Merge{Expect: p.position, Checkpoint: c, Staged: []*replicator.Staged{staged}}); err != nil {
		return err
	}
	p.position = b.End
	return nil
}

// holds compares the target's rows.
func (p *pipeline) holds(want ...string) error {
	results, err := p.session("").PgConn().Exec(p.ctx, "SELECT word, n, body FROM "+p.table.Target).ReadAll()
	if err != nil {
		return err
	}
	got, _ := shown(results)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return fmt.Errorf("the target has %q, not %q", got, want)
	}
	return nil
}

// sinkChecks asks what `rowshift check` asks of a warehouse.
func sinkChecks(s *server) string {
	p, err := s.pipeline("checks")
	if err != nil {
		return err.Error()
	}
	var warehouse []replicator.Finding
	ofBucket := p.stager.Check(s.ctx, func(manifest string) {
		warehouse = p.warehouse.Check(s.ctx, []*schema.Table{p.table}, manifest)
	})
	for _, f := range append(ofBucket, warehouse...) {
		if f.Verdict != replicator.Fine {
			return fmt.Sprintf("%s: %s", f.Subject, f.Found)
		}
	}
	return ""
}

func sinkMerges(s *server) string {
	p, err := s.pipeline("merges")
	if err != nil {
		return err.Error()
	}
	ins := func(row string) replicator.Change {
		return replicator.Change{Op: replicator.Insert, New: tuple(row)}
	}
	for _, do := range []func() error{
		p.fence,
		func() error { return p.load("load_1_0_16501", "a|1.25|x", "a |2|~", "b|3|", "é|~|line\nbreak") },
		func() error { return p.holds("a|1.25|x", "a |2.00|NULL", "b|3.00|", "é|NULL|line\nbreak") },
		func() error { return p.load("load_1_1_16501", "a|1.25|x", "b|4|", "c|5|y") },
		func() error { return p.holds("a|1.25|x", "b|4.00|", "c|5.00|y") },
		func() error {
			return p.change(ins(`q"'\|6|\N`),
				replicator.Change{Op: replicator.Update, New: tuple("a|9|^")},
				replicator.Change{Op: replicator.Update, Key: tuple("b"), New: tuple("d|7|moved")},
				replicator.Change{Op: replicator.Delete, Key: tuple("c")})
		},
		func() error { return p.holds(`q"'\|6.00|\N`, "a|9.00|x", "d|7.00|moved") },
		func() error { return p.change(replicator.Change{Op: replicator.Truncate}, ins("z|1|~")) },
		func() error { return p.holds("z|1.00|NULL") },
	} {
		if err := do(); err != nil {
			return err.Error()
		}
	}
	return ""
}

// sinkFences lets a second daemon take over.
func sinkFences(s *server) string {
	first, err := s.pipeline("fences")
	if err != nil {
		return err.Error()
	}
	second := *first
	second.warehouse = redshift.New(redshift.Options{
		Config: s.recorded, Pipeline: "fences",
		Schema: s.schema, MetadataSchema: s.schema + "_fences", CopyRole: s.role,
	})
	defer second.warehouse.Close()
	if err := errors.Join(first.fence(), first.load("load_1_0_16501", "a|1|x"), second.fence()); err != nil {
		return err.Error()
	}
	if err := first.change(replicator.Change{Op: replicator.Delete, Key: tuple("a")}); !errors.Is(err, replicator.ErrFenced) {
		return fmt.Sprintf("the older daemon's merge ended with %v", err)
	}
	if err := errors.Join(second.change(replicator.Change{Op: replicator.Update, New: tuple("a|2|^")}), second.holds("a|2.00|x")); err != nil {
		return err.Error()
	}
	return ""
}
