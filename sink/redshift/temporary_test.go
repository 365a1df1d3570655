package redshift

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rowshift/replicator"
	"rowshift/schema"
	"rowshift/test/redshifttest"
)

// A target may have any name, and may be in a schema of the search path. None is taken for a
// temporary table of ours, least of all for one that was not made.
func TestNoTargetIsTakenForATemporaryTable(t *testing.T) {
	w := newWorld(t)
	var kept []string
	for _, name := range []string{"stage_1", "stage_2", "keys", "keys_2", "keys_3", "fitting", "texts", "probe"} {
		kept = append(kept, name, string(temporary(name)))
	}
	loader := must(w.config("loader")(t.Context()))
	w.admin("GRANT CREATE, USAGE ON SCHEMA public TO loader")
	for _, name := range kept {
		w.query(loader, fmt.Sprintf("CREATE TABLE public.%s (n BIGINT)", name))
	}
	r := w.warehouse(func(o *Options) { o.Schema = "public" })
	table := ruled()
	w.fence(r, table)
	w.make(r, table)
	w.apply(r, batch(t, table, "insert a|1|x"))
	there := func(after string) {
		t.Helper()
		left := w.ask("SELECT table_name FROM svv_tables WHERE table_schema = 'public'")
		for _, name := range kept {
			if !slices.Contains(left, strings.Trim(name, `"`)) {
				t.Errorf("%s is gone after %s", name, after)
			}
		}
	}
	there("a merge")
	for _, f := range []redshifttest.Fault{{Class: "CREATE TABLE", Match: "_stage_"}, {Class: "CREATE TABLE", Match: "_keys_"}, {Class: "INSERT", Match: "words"}, {Class: "COPY", Match: "_stage_"}} {
		f.Code, f.Message = "53000", "insufficient resources"
		fault := w.server.Inject(f)
		r.known.inQuarantine = map[schema.Name]int64{table.Configured: 1}
		if _, err := r.Merge(t.Context(), w.merging(w.stage(batch(t, table, "insert b|2|y"))...)); err == nil || fault.Hits() == 0 {
			t.Errorf("%+v: %v, hit %d times", f, err, fault.Hits())
		}
		fault.Remove()
		there(fmt.Sprintf("%s %s", f.Class, f.Match))
	}
	r.Check(t.Context(), []*schema.Table{table}, "s3://"+w.s3.Bucket+"/none.manifest")
	there("a check")
	w.apply(r, batch(t, table, "insert b|2|y"))
	w.want(w.ask("SELECT word FROM public.words ORDER BY 1"), "a", "b")
	there("another merge")
}

// A target may have a name that is the alias of another table in a statement on it.
func TestTargetsOfShortNames(t *testing.T) {
	for _, name := range []string{"s", "l", "g", "t"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r, table := w.warehouse(nil), keyed()
			table.Name.Table, table.Configured.Table, table.Target = name, name, name
			rows := func() []string { return w.ask("SELECT word, n, body FROM public_copy." + name + " ORDER BY 1") }
			w.fence(r, table)
			w.load(r, "load_1_1_16504", table, "a|1|x", "b|2|y", "c|3|z")
			w.join(r, table, "load_1_1_16504")
			w.apply(r, batch(t, table, "update a|9|^", "delete b", "insert d|4|~"))
			w.want(rows(), "a|9|x", "c|3|z", "d|4|~")
			w.admin("INSERT INTO public_copy." + name + " VALUES ('d', 4, NULL), (NULL, 7, NULL), ('e', 5, 'x')")
			w.load(r, "load_1_2_16504", table, "a|9|x", "c|4|z", "d|4|~", "f|6|x")
			w.apply(r, &replicator.Batch{Commit: true, Joins: joining(table, "load_1_2_16504")})
			w.want(rows(), "a|9|x", "c|4|z", "d|4|~", "f|6|x")
		})
	}
}
