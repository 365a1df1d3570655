package redshift

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"rowshift/replicator"
	"rowshift/schema"

	"github.com/jackc/pgx/v5"
)

// load puts rows into a load table.
func (w *world) load(r *Warehouse, into string, table *schema.Table, rows ...string) {
	w.t.Helper()
	w.loadTuples(r, into, table, tuples(rows...))
}

func (w *world) loadTuples(r *Warehouse, into string, table *schema.Table, rows []replicator.Tuple) {
	w.t.Helper()
	w.loadFiles(r, into, table, w.staging(table, rows)[0])
}

// join merges a batch with which a table joins.
func (w *world) join(r *Warehouse, table *schema.Table, from string) replicator.Merged {
	w.t.Helper()
	return w.apply(r, &replicator.Batch{Commit: true, Joins: joining(table, from)})
}

func TestReconcileWritesOnlyWhatDiffers(t *testing.T) {
	w := newWorld(t)
	r := w.warehouse(func(o *Options) { o.Readers = []string{"analysts"} })
	table := keyed()
	w.fence(r, table)
	w.load(r, "load_1_1_16504", table, "same|1|x", "null|2|~", "was null|3|~", "body|4|a", "blanks|5|a", "extra|6|x", "tail |7|x", "empty|8|")
	w.join(r, table, "load_1_1_16504")
	w.admin("CREATE VIEW public_copy.bound AS SELECT word, n FROM public_copy.words")
	before := w.places()

	w.load(r, "load_1_2_16504", table, "same|1|x", "null|2|~", "was null|3|x", "body|4|b", "blanks|5|a ", "missing|9|x", "tail|7|x", "empty|8|~")
	merged := w.join(r, table, "load_1_2_16504")
	w.want(w.words(), "body|4|b", "null|2|~", "same|1|x", "tail|7|x", "empty|8|~", "blanks|5|a ", "missing|9|x", "was null|3|x")
	// Four differ, two are gone, two are new: 4 + 2 deleted, 4 + 2 inserted, and the
	// keys that are gone collected.
	if n := merged.Rows[table.OID]; n < 12 || n > 14 {
		t.Errorf("%d rows were written", n)
	}
	after := w.places()
	for _, word := range []string{"same", "null"} {
		if before[word] != after[word] || before[word] == "" {
			t.Errorf("row %q moved from %q to %q", word, before[word], after[word])
		}
	}
	if got := w.ask("SELECT COUNT(*) FROM public_copy.bound"); got[0] != "8" {
		t.Errorf("the view has %v rows", got)
	}
	w.want(w.query(must(w.config("analysts")(t.Context())), "SELECT COUNT(*) FROM public_copy.words"), "8")
	w.want(w.ask("SELECT table_name FROM svv_tables WHERE table_name LIKE 'load%'"))
	w.unstaged()
}

// places returns where each row of words lies on the server behind the stand-in.
func (w *world) places() map[string]string {
	places := map[string]string{}
	for _, r := range w.below("SELECT rtrim(word::text), ctid, xmin FROM public_copy.words") {
		word, place, _ := strings.Cut(r, "|")
		places[word] = place
	}
	return places
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// A target's rows may have been written when another column was the key, or by somebody else. A
// row that has no key, or the key of another row, gives way.
func TestReconcileOfAnotherKey(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	w.load(r, "load_1_1_16504", table, "a|1|x", "b|2|y", "c|3|z")
	w.join(r, table, "load_1_1_16504")
	w.admin(`INSERT INTO public_copy.words VALUES ('a', 1, 'x'), ('a ', 1, 'x'), (NULL, 7, 'x'), ('b', 2, 'other'), ('b', 2, 'y'), ('gone', 1, 'x')`)
	w.load(r, "load_1_2_16504", table, "a|1|x", "a |1|x", "b|2|y", "c|3|z")
	before := w.places()
	w.join(r, table, "load_1_2_16504")
	w.want(w.words(), "a|1|x", "b|2|y", "c|3|z", "a |1|x")
	if after := w.places(); before["c"] != after["c"] || before["c"] == "" {
		t.Errorf("row c moved from %q to %q", before["c"], after["c"])
	}
}

// Redshift's row-level security hides rows from reads, updates and deletions, also those of the
// owner, but lets all rows be inserted. A target that cannot be made equal for that is reported,
// whether some rows are hidden or all, and nothing is written.
func TestReconcileOfHiddenRows(t *testing.T) {
	for name, policy := range map[string]string{"some": "n < 2", "all": "false"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r, table := w.withWords()
			w.load(r, "load_1_1_16504", table, "a|1|x", "b|2|y")
			w.join(r, table, "load_1_1_16504")
			for _, sql := range []string{"ENABLE ROW LEVEL SECURITY", "FORCE ROW LEVEL SECURITY"} {
				w.below("ALTER TABLE public_copy.words " + sql)
			}
			for _, command := range []string{"SELECT USING", "UPDATE USING", "DELETE USING", "INSERT WITH CHECK"} {
				only := policy
				if strings.HasPrefix(command, "INSERT") {
					only = "true"
				}
				w.below(fmt.Sprintf("CREATE POLICY p%s ON public_copy.words FOR %s (%s)", command[:1], command, only))
			}
			w.load(r, "load_1_2_16504", table, "a|1|x", "c|3|z")
			m := w.merging(w.stage(&replicator.Batch{Commit: true, Joins: joining(table, "load_1_2_16504")})...)
			_, err := r.Merge(t.Context(), m)
			u, ok := errors.AsType[*replicator.Unfit](err)
			if !ok || u.OID != table.OID || u.Why.Reason != replicator.TargetDrift || !strings.Contains(u.Why.Found, "rows fewer than") ||
				!strings.Contains(u.Why.Repair, `TO "loader"; or`) || !strings.Contains(u.Why.Repair, "OFF; then rowshift resync public.words") {
				t.Errorf("%v", err)
			}
			w.unmoved()
			w.want(w.below("SELECT word FROM public_copy.words ORDER BY 1"), "a", "b")
			w.below("ALTER TABLE public_copy.words DISABLE ROW LEVEL SECURITY")
			if _, err := r.Merge(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			w.want(w.words(), "a|1|x", "c|3|z")
		})
	}
}

// A target's key may be wider than its mapping: it stays so when the source's type, types or hash
// make the mapping narrower. Keys of before that are gone go as they are.
func TestReconcileOfANarrowerKey(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		was, now string
		rows     []string // in the target, by its key
		loaded   string
	}{
		"a shorter text": {"VARCHAR(65535)", "VARCHAR(64)", []string{strings.Repeat("long ", 20), "a"}, "a"},
		"a uuid":         {"VARCHAR(65535)", "VARCHAR(36)", []string{strings.Repeat("no uuid ", 10), "a"}, "a"},
		"an integer":     {"BIGINT", "INTEGER", []string{"9876543210", "1"}, "1"},
		"a fixed point":  {"DECIMAL(20,4)", "DECIMAL(18,2)", []string{"1.0049", "1.0000"}, "1.0000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r := w.warehouse(nil)
			as := func(kind string) *schema.Table {
				return wordsWith(func(t *schema.Table) {
					t.Columns[0].Mapping = schema.Mapping{Type: kind, Text: strings.HasPrefix(kind, "VARCHAR")}
				})
			}
			w.fence(r, as(c.was))
			w.load(r, "load_1_1_16504", as(c.was), c.rows[0]+"|1|x", c.rows[1]+"|2|y")
			w.join(r, as(c.was), "load_1_1_16504")
			w.load(r, "load_1_2_16504", as(c.now), c.loaded+"|2|z")
			w.join(r, as(c.now), "load_1_2_16504")
			w.want(w.ask("SELECT word, n, body FROM public_copy.words"), c.loaded+"|2|z")
		})
	}
}

// A target that somebody drops, or gives to another user, parks its table alone also if that is
// noticed when the keys that go are to be collected.
func TestJoinIntoATargetThatIsNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, table := w.withWords()
	w.load(r, "load_1_1_16504", table, "a|1|x")
	for _, sql := range []string{"ALTER TABLE public_copy.words OWNER TO dev", "DROP TABLE public_copy.words"} {
		w.admin(sql)
		_, err := r.Merge(t.Context(), w.merging(w.stage(&replicator.Batch{Commit: true, Joins: joining(table, "load_1_1_16504")})...))
		if u, ok := errors.AsType[*replicator.Unfit](err); !ok || u.OID != table.OID || u.Why.Reason != replicator.TargetDrift {
			t.Errorf("%s: %v", sql, err)
		}
		w.unmoved()
	}
}

func TestReconcileOfEmptyTables(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	w.load(r, "load_1_1_16504", table)
	w.join(r, table, "load_1_1_16504")
	w.want(w.words())
	w.load(r, "load_1_2_16504", table, "a|1|x")
	w.join(r, table, "load_1_2_16504")
	w.want(w.words(), "a|1|x")
	w.load(r, "load_1_3_16504", table)
	w.join(r, table, "load_1_3_16504")
	w.want(w.words())
}

func TestReconcileOfTypesWithoutEquality(t *testing.T) {
	w := newWorld(t)
	r, table := w.warehouse(nil), document()
	w.fence(r, table)
	for i, doc := range []string{"[1]", "[2]", "~"} {
		from := fmt.Sprintf("load_1_%d_16503", i)
		w.load(r, from, table, "1|ann|1.50|"+doc, "2|bob|~|[]")
		w.join(r, table, from)
		got := w.ask("SELECT id, owner, balance, JSON_SERIALIZE(note) FROM public_copy.documents ORDER BY id")
		w.want(got, "1|ann|1.50|"+doc, "2|bob|~|[]")
	}
}

// A text key is compared by its length in such a table, too.
func TestReconcileOfTextKeysBesideTypesWithoutEquality(t *testing.T) {
	w := newWorld(t)
	r, table := w.warehouse(nil), keyed()
	table.Columns[2].Mapping = schema.Mapping{Type: "SUPER"}
	w.fence(r, table)
	w.load(r, "load_1_1_16504", table, "a|1|[1]", "a |2|[2]", "gone|3|~")
	w.join(r, table, "load_1_1_16504")
	w.load(r, "load_1_2_16504", table, "a|1|[3]", "a |2|[2]", "b|4|[]")
	w.join(r, table, "load_1_2_16504")
	w.want(w.ask("SELECT word, n, JSON_SERIALIZE(body) FROM public_copy.words ORDER BY n"), "a|1|[3]", "a |2|[2]", "b|4|[]")
}

func TestReconcileOfCompositeKeyAndBytes(t *testing.T) {
	w := newWorld(t)
	r, table := w.warehouse(nil), composite()
	w.fence(r, table)
	w.load(r, "load_1_1_16502", table, `1|10|x|\x00ff`, `1|11|y|~`, `2|12|x|\x01`)
	w.join(r, table, "load_1_1_16502")
	w.load(r, "load_1_2_16502", table, `1|10|x|\x00fe`, `1|11|y|\x02`, `2|~|x|\x01`)
	w.join(r, table, "load_1_2_16502")
	w.want(w.below(`SELECT line, amount, "order", encode("a ""quoted"" name", 'hex') FROM public_copy."order lines" ORDER BY line, "order"`),
		"1|10|x|00fe", "1|11|y|02", "2|~|x|01")
}

// The changes of the batch that a table joins with are applied first, to its load table.
func TestJoinComesAfterTheFolds(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	w.load(r, "load_1_1_16504", table, "a|1|x", "b|2|y")
	b := batch(t, table, "update a|9|^", "delete b")
	b.Folds[0].Into = "load_1_1_16504"
	b.Joins = joining(table, "load_1_1_16504")
	w.apply(r, b)
	w.want(w.words(), "a|9|x")
}

// Somebody who reads a load table does not hold up what has been committed.
func TestLoadTableThatIsReadIsLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r, table := w.withWords()
	w.load(r, "load_1_1_16504", table, "a|1|x")
	reader, err := pgx.ConnectConfig(t.Context(), must(w.config("dev")(t.Context())))
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close(t.Context())
	for _, sql := range []string{"BEGIN", "SELECT COUNT(*) FROM rowshift_accounts.load_1_1_16504"} {
		if _, err := reader.PgConn().Exec(t.Context(), sql).ReadAll(); err != nil {
			t.Fatal(err)
		}
	}
	w.join(r, table, "load_1_1_16504")
	w.want(w.words(), "a|1|x")
	if _, err := reader.PgConn().Exec(t.Context(), "ROLLBACK").ReadAll(); err != nil {
		t.Fatal(err)
	}
	w.fence(r)
	w.want(w.ask("SELECT table_name FROM svv_tables WHERE table_name LIKE 'load%'"))
}
