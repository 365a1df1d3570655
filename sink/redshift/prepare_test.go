package redshift

import (
	"testing"
	"time"

	"rowshift/replicator"
	"rowshift/test/redshifttest"
)

// TestPrepare shows that what was prepared is not copied again, that nothing depends on its
// being there, and that none of it stays.
func TestPrepare(t *testing.T) {
	for name, c := range map[string]struct {
		before func(w *world, r *Warehouse, two []*replicator.Staged) // the merge of both
		copies int                                                    // by the merge
	}{
		"nothing is prepared": {func(*world, *Warehouse, []*replicator.Staged) {}, 2},
		"one of two is": {func(w *world, r *Warehouse, two []*replicator.Staged) {
			w.prepare(r, two[0])
		}, 1},
		"both are": {func(w *world, r *Warehouse, two []*replicator.Staged) {
			w.prepare(r, two...)
		}, 0},
		"both are, and nothing more comes for long": {func(w *world, r *Warehouse, two []*replicator.Staged) {
			w.prepare(r, two...)
			r.merges.expired(r.merges.used, waitsFor-1)
		}, 0},
		"both are, and nothing more comes at all": {func(w *world, r *Warehouse, two []*replicator.Staged) {
			w.prepare(r, two...)
			r.merges.expired(r.merges.used, waitsFor)
			w.unstaged()
		}, 2},
		"a merge of nothing comes first": {func(w *world, r *Warehouse, two []*replicator.Staged) {
			w.prepare(r, two...)
			if _, err := r.Merge(w.t.Context(), w.merging()); err != nil {
				w.t.Error(err)
			}
		}, 0},
		"its session is gone": {func(w *world, r *Warehouse, two []*replicator.Staged) {
			w.prepare(r, two...)
			r.merges.close()
		}, 2},
		"its session was begun anew": {func(w *world, r *Warehouse, two []*replicator.Staged) {
			w.prepare(r, two...)
			s := r.merges.session
			if _, err := s.run(w.t.Context(), "drop", drop(s.ahead.made...)); err != nil {
				w.t.Fatal(err)
			}
			if _, err := r.Merge(w.t.Context(), w.merging(two...)); !replicator.Retryable(err) {
				w.t.Errorf("a merge without its staging tables: %v", err)
			}
			if r.merges.session != nil {
				w.t.Error("the session is used further")
			}
			w.unmoved()
		}, 2},
		"it failed": {func(w *world, r *Warehouse, two []*replicator.Staged) {
			fault := w.server.Inject(redshifttest.Fault{Class: "COPY", Code: "XX000", Message: "assert"})
			if err := r.Prepare(w.t.Context(), two[0]); err == nil {
				w.t.Error("no error of a COPY that fails")
			}
			fault.Remove()
		}, 2},
		"the merge is tried again": {func(w *world, r *Warehouse, two []*replicator.Staged) {
			w.prepare(r, two...)
			fault := w.server.Inject(redshifttest.Fault{Class: "UPDATE", Match: "checkpoint", Code: "40001", Message: "conflict"})
			if _, err := r.Merge(w.t.Context(), w.merging(two...)); !replicator.Retryable(err) {
				w.t.Errorf("a conflict is %v", err)
			}
			fault.Remove()
			w.unmoved()
		}, 2},
		"another pass begins": {func(w *world, r *Warehouse, two []*replicator.Staged) {
			w.prepare(r, two...)
			w.fence(r)
			w.unstaged()
		}, 2},
		"it is for a merge that never comes": {func(w *world, r *Warehouse, two []*replicator.Staged) {
			again := *two[0] // what another pass has staged
			again.Folds = append([]replicator.StagedFold(nil), two[0].Folds...)
			w.prepare(r, &again)
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r, table := w.withWords()
			two := w.stage(batch(t, table, "insert a|1|x", "insert b|2|y"), batch(t, table, "update b|3|~", "delete a"))
			c.before(w, r, two)
			copies := w.server.Inject(redshifttest.Fault{Class: "COPY", Stall: time.Nanosecond})
			m := w.merging(two...)
			merged, err := r.Merge(t.Context(), m)
			if err != nil {
				t.Fatal(err)
			}
			if got := copies.Hits(); got != c.copies {
				t.Errorf("the merge copies %d times, want %d", got, c.copies)
			}
			if merged.Steps[replicator.StepCopy] <= 0 {
				t.Error("no time was taken to copy")
			}
			w.position = m.Checkpoint.LSN
			w.want(w.words(), "b|3|~")
			w.unmoved()
		})
	}
}

// prepare prepares the merge of what was staged.
func (w *world) prepare(r *Warehouse, staged ...*replicator.Staged) {
	w.t.Helper()
	for _, s := range staged {
		if err := r.Prepare(w.t.Context(), s); err != nil {
			w.t.Fatal(err)
		}
	}
}
