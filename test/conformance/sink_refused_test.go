package conformance

import (
	"errors"
	"fmt"
	"maps"

	"rowshift/replicator"
	"rowshift/schema"
	"rowshift/sink/redshift"
)

// miswritten returns a table whose numbers are written unchecked, so that COPY refuses
// some of them, as if a check of ours were missing.
func miswritten(t *schema.Table) *schema.Table {
	wrong := *t
	wrong.Columns = append([]schema.Column{}, t.Columns...)
	for i := range wrong.Columns {
		if wrong.Columns[i].Name == "n" {
			wrong.Columns[i].Mapping.Append = nil
		}
	}
	return &wrong
}

// digested returns the digests by which rows that COPY refuses are known.
func digested(rows ...[]string) replicator.Rows {
	all := replicator.Rows{}
	for _, texts := range rows {
		var dst []byte
		for _, text := range texts {
			dst = replicator.AppendDigest(dst, []byte(text), false)
		}
		all[string(dst)] = true
	}
	return all
}

// refusedRows fails unless COPY refused these rows.
func refusedRows(err error, load bool, want replicator.Rows) error {
	r, ok := errors.AsType[*replicator.Refused](err)
	if !ok {
		return fmt.Errorf("no rows are told: %w", err)
	}
	return differs(maps.Equal(r.Rows, want) && r.Load == load, "of load %v, not %v, COPY refused %v, not %v", r.Load, load, r.Rows, want)
}

// sinkRefused makes COPY refuse rows, and finds out which: in merges, held folds and
// loads, by keys of several types. They then go to quarantine, and the other rows are
// merged.
func sinkRefused(s *server) string {
	p, err := s.pipeline("refused")
	if err != nil {
		return err.Error()
	}
	p.table = declared(16540, "refused_text", "word text*, n int8, body text*")
	bytes := declared(16541, "refused_bytes", "shut bool, n int8, body text*, hash bytea")
	bytes.Key = []int{0, 3}
	ofText := []string{"insert a|1|two\nlines", "insert b |secret|y", "insert b|2|y", "insert c\n\"|1e3|y", "delete d"}
	inText := digested([]string{"b ", "secret", "y"}, []string{"c\n\"", "1e3", "y"})
	return inOrder(
		p.fence,
		func() error { return p.make(p.table, p.loading(p.table, 0)) },
		func() error { return p.make(bytes, p.loading(bytes, 0)) },
		p.refusedMerges(miswritten(p.table), inText, ofText...),
		p.withoutRefused(miswritten(p.table), inText, ofText...),
		p.holds("a|1|two\nlines", "b|2|y"),
		p.has(`SELECT "key", reason FROM $meta.quarantine`, `["b "]|copy`, `["c\n\""]|copy`),
		p.refusedMerges(miswritten(bytes), digested([]string{"t", "secret", "x", "0b"}, []string{"f", "secret", "x", "0a"}),
			`insert t|1|x|\x0a`, `insert t|secret|x|\x0b`, `insert f|secret|x|\x0a`, `insert f|2|x|\x0b`),
		p.has("SELECT COUNT(*) FROM refused_bytes", "0"),
		func() error { return p.refusedLoads() },
	)
}

// refusedMerges merges changes of which COPY refuses some, held and not held. Nothing of
// them may be merged. With HaltOnCopyError it is a halt.
func (p *pipeline) refusedMerges(wrong *schema.Table, want replicator.Rows, changes ...string) func() error {
	return func() error {
		l := p.loading(wrong, 1)
		if err := p.make(wrong, l); err != nil {
			return err
		}
		for _, b := range []*replicator.Batch{held(p.batch(wrong, changes...), l, 0), p.batch(wrong, changes...)} {
			if err := refusedRows(p.merge(b), false, want); err != nil {
				return err
			}
		}
		m, err := p.staging(p.batch(wrong, changes...))
		if err != nil {
			return err
		}
		_, err = p.another(func(o *redshift.Options) { o.HaltOnCopyError = true }).Merge(p.ctx, m)
		return halts(err, replicator.LoadRefused, "COPY refused a row")
	}
}

// withoutRefused merges the changes again, when it is known which of them COPY refuses.
func (p *pipeline) withoutRefused(wrong *schema.Table, refused replicator.Rows, changes ...string) func() error {
	return func() error {
		b := p.batch(wrong, changes...)
		b.Refused = map[uint32]replicator.Rows{wrong.OID: refused}
		return p.merge(b)
	}
}

// refusedLoads loads rows of which COPY refuses some, with and without the bucket's
// region.
func (p *pipeline) refusedLoads() error {
	for number, w := range []*redshift.Warehouse{p.warehouse, p.another(p.regional)} {
		t := miswritten(declared(uint32(16542+number), fmt.Sprintf("refused_load_%d", number), []string{"id int4, n int8", "word text, m int4, n int8"}[number]))
		rows := []string{"1|secret", "2|7"}
		want := digested([]string{"1", "secret"})
		if number > 0 {
			rows, want = []string{"a|1|secret", "a |2|7"}, digested([]string{"a", "1", "secret"})
		}
		l := p.loading(t, 2)
		f, err := p.stageRows(t, l, nil, rows...)
		if err != nil {
			return err
		}
		if err := p.make(t, l); err != nil {
			return err
		}
		if err := refusedRows(w.Load(p.ctx, l, t, f), true, want); err != nil {
			return err
		}
		if f, err = p.stageRows(t, l, want, rows...); err != nil {
			return err
		}
		if err := errors.Join(w.Load(p.ctx, l, t, f), p.join(t, l)(), p.has("SELECT n FROM "+t.Target, "7")(),
			p.has("SELECT reason FROM $meta.quarantine WHERE target = '"+t.Target+"'", "copy")()); err != nil {
			return err
		}
	}
	return nil
}
