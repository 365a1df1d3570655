package redshift

import (
	"errors"
	"testing"

	"rowshift/replicator"
	"rowshift/schema"
)

// staging stages rows of a load, each cut for a COPY of its own.
func (w *world) staging(table *schema.Table, cuts ...[]replicator.Tuple) (all []replicator.StagedLoad) {
	w.t.Helper()
	files, err := w.stager.Load(w.t.Context(), replicator.LoadRequest{Epoch: w.epoch, Table: table, At: w.position})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, rows := range cuts {
		part, err := files.Part(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		for _, r := range rows {
			if err := part.Write(r); err != nil {
				w.t.Fatal(err)
			}
		}
		if err := part.Close(); err != nil {
			w.t.Fatal(err)
		}
		staged, err := files.Cut(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, staged)
	}
	return all
}

// tuples returns rows in the form that row reads.
func tuples(rows ...string) (all []replicator.Tuple) {
	for _, values := range rows {
		all = append(all, row(values))
	}
	return all
}

// A load is copied range by range, each range once and with its entries. A load table that is made
// again, by a request that comes late, keeps its rows and entries.
func TestLoadIsCopiedInParts(t *testing.T) {
	w := newWorld(t)
	r, table := w.withRules()
	l := w.loading(r, table, 1)
	all := w.staging(table, tuples("a|1|x", "b|2|"+tooLong), nil, tuples("c|3|"+tooLong, "d|4|y"))
	if err := w.bring(r, l, table, all[0]); err != nil {
		t.Fatal(err)
	}
	if err := r.MakeLoad(t.Context(), w.epoch, table, l); err != nil {
		t.Fatal(err)
	}
	w.want(w.ask("SELECT COUNT(*) FROM rowshift_accounts."+l.Into), "2")
	for _, f := range all[1:] {
		if err := r.Load(t.Context(), l, table, f); err != nil {
			t.Fatal(err)
		}
	}
	w.apply(r, &replicator.Batch{Commit: true, Joins: []replicator.Join{{Table: table, From: l.Into, Held: l.Held}}})
	w.want(w.ask("SELECT word, n FROM public_copy.words ORDER BY word"), "a|1", "b|2", "c|3", "d|4")
	w.want(w.ledger(), `["b"]|body|too_long|truncate|65536`, `["c"]|body|too_long|truncate|65536`)
}

// A daemon makes no target once another has taken over. The other has already brought the
// targets in line with the source, and this one may know an earlier shape.
func TestLoadTableIsMadeUnderTheFence(t *testing.T) {
	w := newWorld(t)
	r, table := w.warehouse(nil), keyed()
	old := w.fence(r, table).Epoch
	w.fence(w.warehouse(nil), table)
	err := r.MakeLoad(t.Context(), old, table, loadState("load_1_1_1"))
	if !errors.Is(err, replicator.ErrFenced) || replicator.Retryable(err) {
		t.Errorf("made under an old epoch: %v", err)
	}
	w.want(w.ask("SELECT COUNT(*) FROM svv_tables WHERE table_name IN ('words', 'load_1_1_1')"), "0")
}
