package conformance

import (
	"fmt"
	"slices"

	"rowshift/replicator"
	"rowshift/schema"
	"rowshift/sink/redshift"
)

// requested are two tables for which somebody requests something.
type requested struct {
	*pipeline
	one, other *schema.Table
}

// sinkRequests requests loads and resets, and answers them as merges do, without merging
// a row.
func sinkRequests(s *server) string {
	p, err := s.pipeline("requests")
	if err != nil {
		return err.Error()
	}
	r := requested{p, declared(16560, "requested_one", "id int8, n int4"), declared(16561, "requested_other", "id int8, n int4")}
	p.table = r.one
	return inOrder(
		func() error {
			return halts(p.warehouse.Request(p.ctx, "early", nil), replicator.CheckpointMissing, "start the daemon")
		},
		p.fence,
		r.resyncs,
		r.renamed,
		r.resets,
	)
}

// knows sets the states of both tables.
func (r requested) knows() { r.states = r.first(r.one, r.other).Tables }

// asks fails unless the answer of a merge has requests for the loads of these tables.
func (r requested) asks(want ...schema.Name) error {
	m, err := r.staging()
	if err != nil {
		return err
	}
	done, err := r.merged(m)
	return differs(err == nil && slices.Equal(done.Resyncs, want), "asked for are %v, not %v: %v", done.Resyncs, want, err)
}

// answered fails unless these are the answers to the requests with this token.
func (r requested) answered(word string, want ...redshift.Answer) error {
	got, err := r.warehouse.Answers(r.ctx, word)
	return differs(err == nil && slices.Equal(got, want), "answers are %v, not %v: %v", got, want, err)
}

// resyncs requests loads, takes one up, refuses one, and completes them.
func (r requested) resyncs() error {
	stranger := schema.Name{Schema: "public", Table: "requested_stranger"}
	if err := r.another().Request(r.ctx, "word", []schema.Name{r.one.Configured, r.other.Configured, stranger}); err != nil {
		return err
	}
	open, err := r.warehouse.OpenRequests(r.ctx)
	if err != nil || len(open) != 3 || open[0].Kind != "resync" || open[0].State != "requested" || open[0].Table != r.one.Configured || open[0].Age < 0 {
		return fmt.Errorf("open are %+v, %w", open, err)
	}
	l := r.loading(r.one, 1)
	l.Loaded = false
	r.knows()
	if err := r.asks(r.one.Configured, r.other.Configured); err != nil {
		return err
	}
	r.knows() // states other than those that are written, with a load
	r.states[0].State, r.states[0].Load = replicator.Loading, &l
	if err := r.asks(r.other.Configured); err != nil {
		return err
	}
	if err := r.answered("word", redshift.Answer{Table: r.one.Configured, State: redshift.ResyncTaken}, redshift.Answer{Table: r.other.Configured, State: redshift.ResyncRequested},
		redshift.Answer{Table: stranger, State: redshift.ResyncRefused}); err != nil {
		return err
	}
	if err := r.make(r.one, l); err != nil {
		return err
	}
	r.knows()
	if err := r.join(r.one, l)(); err != nil {
		return err
	}
	if err := r.answered("word", redshift.Answer{Table: r.one.Configured, State: redshift.ResyncDone}, redshift.Answer{Table: r.other.Configured, State: redshift.ResyncRequested},
		redshift.Answer{Table: stranger, State: redshift.ResyncRefused}); err != nil {
		return err
	}
	return r.has(`SELECT source_table, state, taken_at IS NULL, done_at IS NULL FROM $meta.request`,
		"requested_one|done|f|f", "requested_other|requested|t|t", "requested_stranger|refused|t|f")()
}

// renamed gives a table another name in the config. Requests for it, and its rows in
// quarantine, then go by that name.
func (r requested) renamed() error {
	if err := r.do(`INSERT INTO $meta.quarantine (source_schema, source_table, target, "key", reason, lsn) VALUES ('public', 'requested_other', 'requested_other', '["1"]', 'not_utf8', '0/1')`)(); err != nil {
		return err
	}
	was := r.other.Configured
	r.other.Configured.Table = "requested_renamed"
	r.knows()
	if err := r.asks(r.other.Configured); err != nil {
		return err
	}
	open, err := r.warehouse.Quarantined(r.ctx)
	if err != nil || len(open) != 1 || open[r.other.Configured] != 1 || open[was] != 0 {
		return fmt.Errorf("in quarantine are %v, %w", open, err)
	}
	return r.has("SELECT source_oid, source_table, state FROM $meta.table_state", "16560|requested_one|live", "16561|requested_renamed|live")()
}

// resets requests a reset of the slot, begins it and another one that the config names,
// and completes both with the join of the last table.
func (r requested) resets() error {
	is := func(token string, want redshift.ResetState) func() error {
		return func() error {
			got, _, err := r.another().Reset(r.ctx, token)
			return differs(err == nil && got == want, "reset %s is %q, not %q: %v", token, got, want, err)
		}
	}
	creating := func(token string) func() error {
		return func() error {
			m, err := r.staging()
			if err != nil {
				return err
			}
			m.Checkpoint.Phase, m.Checkpoint.Reset = replicator.Creating, token
			_, err = r.merged(m)
			return err
		}
	}
	l := r.loading(r.one, 2)
	differ := inOrder(
		is("asked", redshift.ResetUnknown),
		func() error { return r.warehouse.RequestReset(r.ctx, "asked") },
		func() error { return r.warehouse.RequestReset(r.ctx, "asked") }, // requesting it twice has no effect
		is("asked", redshift.ResetRequested),
		func() error {
			m, err := r.staging()
			if err != nil {
				return err
			}
			done, err := r.merged(m)
			return differs(err == nil && done.ResetAsked, "a merge tells of a reset: %v, %v", done.ResetAsked, err)
		},
		creating("asked"),
		is("asked", redshift.ResetTaken),
		creating("named"),
		is("named", redshift.ResetTaken),
		func() error {
			c, err := r.another().Checkpoint(r.ctx)
			if err != nil {
				return err
			}
			return differs(c.Phase == replicator.Creating && c.Reset == "named" && len(c.Resets) == 2, "the checkpoint is %+v", c)
		},
		func() error { return r.make(r.one, l) },
		r.join(r.one, l),
		is("asked", redshift.ResetDone),
		is("named", redshift.ResetDone),
		func() error {
			_, took, err := r.warehouse.Reset(r.ctx, "named")
			return differs(err == nil && took >= 0, "the last reset took %v: %v", took, err)
		},
		r.has("SELECT token FROM $meta.request WHERE kind = 'reset'", "asked", "named"),
	)
	return differs(differ == "", "resets: %s", differ)
}
