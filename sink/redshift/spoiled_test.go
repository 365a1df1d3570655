package redshift

import (
	"errors"
	"testing"

	"rowshift/replicator"
	"rowshift/test/redshifttest"
)

// Tables of a load that somebody has dropped, or that refuse the same again and again, are told as
// those of one table's load, so that it begins anew while others get on.
func TestTablesOfALoadAreSpoiled(t *testing.T) {
	spoiled := func(t *testing.T, err error, oid uint32) {
		t.Helper()
		if s, ok := errors.AsType[*replicator.Spoiled](err); !ok || s.OID != oid || replicator.Final(err) || replicator.Retryable(err) {
			t.Errorf("it is told as %v", err)
		}
	}
	t.Run("merge", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		r, table := w.withWords()
		l := w.loading(r, table, 1)
		w.admin("DROP TABLE rowshift_accounts." + l.Held)
		_, err := r.Merge(t.Context(), w.merging(w.stage(held(batch(t, table, "insert a|1|x"), l, 0))...))
		spoiled(t, err, table.OID)
		w.apply(r, batch(t, table, "insert b|1|x"))
	})
	t.Run("apply", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		r, table := w.withWords()
		l := w.loading(r, table, 1)
		w.apply(r, held(batch(t, table, "insert a|1|x"), l, 0))
		apply := func() error {
			_, err := r.Apply(t.Context(), w.epoch, table, l, 0)
			return err
		}
		refuses := w.server.Inject(redshifttest.Fault{Match: "held_1_1", Class: "DELETE", Code: "XX000", Message: "assert"})
		for range mostRefusals - 1 {
			if err := apply(); err == nil || replicator.Retryable(err) {
				t.Errorf("refused as %v", err)
			} else if _, ok := errors.AsType[*replicator.Spoiled](err); ok {
				t.Error("it is spoiled at once, though it may be the server")
			}
		}
		spoiled(t, apply(), table.OID)
		refuses.Remove()
		if err := apply(); err != nil {
			t.Error(err)
		}
		w.admin("DROP TABLE rowshift_accounts." + l.Into)
		w.apply(r, held(batch(t, table, "insert b|1|x"), l, 0))
		spoiled(t, apply(), table.OID)
	})
}
