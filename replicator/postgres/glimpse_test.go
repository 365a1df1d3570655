package postgres

import (
	"testing"

	"rowshift/replicator"
)

// TestTwoHarmlessSteps shows that a table is not loaded again because a column was altered
// and, later, the table rewritten, if the watcher looked in between; and that rewritten
// values still are a reason to load it.
func TestTwoHarmlessSteps(t *testing.T) {
	for _, c := range []struct {
		steps []string
		same  bool
	}{
		{[]string{`ALTER TABLE a ALTER v SET DEFAULT 3`, `VACUUM FULL a`}, true},
		{[]string{`ALTER TABLE a ALTER v SET NOT NULL`, `TRUNCATE a`, `ALTER TABLE a ALTER v SET DEFAULT 3`, `CLUSTER a USING a_pkey`}, true},
		{[]string{`ALTER TABLE a ALTER v SET DEFAULT 3; ALTER TABLE a ALTER v TYPE int USING v + 1`}, false},
		{[]string{`ALTER TABLE a ALTER v SET DEFAULT 3`, `ALTER TABLE a ALTER v TYPE int USING v + 1`}, false},
	} {
		w := newWorld(t)
		other := w.dial()
		w.exec(other, `CREATE TABLE a (id int PRIMARY KEY, v int)`)
		w.choose(every("a")...)
		w.create()
		conn := w.dial()
		s, err := serverOf(t.Context(), conn)
		if err != nil {
			t.Fatal(err)
		}
		open := func() *opening {
			t.Helper()
			o := &opening{Origin: w.Origin, conn: conn, server: s, matcher: &matcher{tables: map[uint32]chosen{}}}
			if err := o.look(t.Context()); err != nil {
				t.Fatal(err)
			}
			return o
		}
		opened := open()
		watcher := &watcher{Origin: w.Origin, server: s, opened: opened.sight, print: opened.sight.print}
		found := ""
		for _, step := range c.steps {
			w.exec(other, step)
			if err := watcher.look(t.Context(), conn); err != nil {
				t.Fatal(err)
			}
			if a := watcher.altered.Load(); a != nil {
				found = a.Found
			}
		}
		if (found == "") != c.same {
			t.Errorf("%q: the watcher finds %q", c.steps, found)
		}
		was, is := opened.opened.Tables[0].Table, open().opened.Tables[0]
		remembered := replicator.TableState{OID: was.OID, State: replicator.Live, Shape: was.Shape(), Heap: was.Heap}
		if diff, _ := remembered.After(is.SameRows).Follow(is.Table, 1, 1, nil); diff.Empty() != c.same {
			t.Errorf("%q: opened again, it is %+v", c.steps, diff)
		}
		remembered.Heap.File++ // it is not what the stream was opened with
		if after := remembered.After(is.SameRows); after.Heap.File != remembered.Heap.File {
			t.Errorf("%q: what was seen of one table is taken for another's", c.steps)
		}
	}
}
