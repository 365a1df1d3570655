package redshift

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rowshift/replicator"
	"rowshift/schema"
	"rowshift/test/redshifttest"
)

func TestAlterationSQL(t *testing.T) {
	table, target := plain(), in("Sales", "accounts")
	golden(t, "alter",
		addColumn(target, "order", "VARCHAR(65535)"), renameColumn(target, "TAG", "order"), lengthenColumn(target, "note", "VARCHAR(160)"),
		copyColumn(target, "label", "v"), emptyColumn(target, "note"), blockerOf("Sales", "accounts"),
		strings.Join(printed(widenColumn(target, rowKeys{dist: "id", sort: []string{"id"}}, table.Columns[0], "id__wide", "")), ";\n"),
		strings.Join(printed(widenColumn(target, rowKeys{dist: "id", sort: []string{"id"}}, table.Columns[2], "balance__wide", "DECIMAL(10,2)")), ";\n"),
	)
}

// wordsWith returns table words after a change.
func wordsWith(change func(*schema.Table)) *schema.Table {
	t := keyed()
	t.Configured = t.Name
	change(t)
	return t
}

// TestAlterations shows that a target is brought in line with what became of its table, that all
// its rows stay, and that doing it twice does no harm.
func TestAlterations(t *testing.T) {
	kind := func(i int, kind string) func(*schema.Table) {
		return func(t *schema.Table) { t.Columns[i].Mapping.Type = kind }
	}
	note := func(t *schema.Table) { t.Columns = append(t.Columns, column(5, "note", bigint, false)) }
	tests := []struct {
		name    string
		before  []string // on the target
		from    func(*schema.Table)
		to      func(*schema.Table)
		diff    schema.Diff
		columns string
		ran     int
	}{
		{"nothing", nil, nil, func(*schema.Table) {}, schema.Diff{}, `word, n, body`, 0},
		{"added", nil, nil, note, schema.Diff{Added: []int{3}}, `word, n, body, "note"`, 1},
		{"added, and once dropped", []string{`ALTER TABLE public_copy.words ADD COLUMN "note" BIGINT`, `UPDATE public_copy.words SET "note" = 7`}, nil, note, schema.Diff{Added: []int{3}}, `word, n, body, "note"`, 0},
		{"renamed", nil, nil, func(t *schema.Table) { t.Columns[1].Name, t.Columns[1].Target = "Count", "count" }, schema.Diff{Renamed: []schema.Rename{{From: "n", To: "count"}}}, `word, "count", body`, 1},
		{"renamed to one that was dropped", []string{`ALTER TABLE public_copy.words ADD COLUMN "count" BIGINT`}, nil,
			func(t *schema.Table) { t.Columns[1].Name, t.Columns[1].Target = "Count", "count" }, schema.Diff{Renamed: []schema.Rename{{From: "n", To: "count"}}}, `word, "count", body`, 0},
		{"longer", nil, kind(2, "VARCHAR(40)"), kind(2, "VARCHAR(65535)"), schema.Diff{Longer: true}, `word, n, body`, 1},
		{"a longer key", nil, kind(0, "VARCHAR(40)"), func(*schema.Table) {}, schema.Diff{Longer: true}, `word, n, body`, 8},
		{"longer, with an encoding that forbids it", []string{"ALTER TABLE public_copy.words ALTER COLUMN body ENCODE bytedict"}, kind(2, "VARCHAR(40)"), kind(2, "VARCHAR(80)"), schema.Diff{Longer: true}, `word, n, body`, 6},
		{"a longer key, of which a longer column of before is too short", []string{`ALTER TABLE public_copy.words ADD COLUMN "word__wide" VARCHAR(50)`}, kind(0, "VARCHAR(40)"), func(*schema.Table) {}, schema.Diff{Longer: true}, `word, n, body`, 9},
		{"wider, beside one that has the name of a wide one", []string{`ALTER TABLE public_copy.words ADD COLUMN "n__wide" BIGINT`}, kind(1, "INTEGER"),
			func(t *schema.Table) { t.Columns = append(t.Columns, column(5, "n__wide", bigint, false)) }, schema.Diff{}, `word, n, body, n__wide`, 6},
		{"shorter", nil, nil, kind(2, "VARCHAR(40)"), schema.Diff{}, `word, n, body`, 0},
		{"wider", nil, kind(1, "INTEGER"), kind(1, "DECIMAL(20,2)"), schema.Diff{}, `word, CAST(n AS BIGINT), body`, 6},
		{"a wider key", nil, func(t *schema.Table) { t.Columns[1].Mapping.Type, t.DistKey, t.SortKey = "INTEGER", 1, []int{0, 1} },
			func(t *schema.Table) { t.DistKey, t.SortKey = 1, []int{0, 1} }, schema.Diff{}, `word, n, body`, 8},
		{"a wider one that once was the key", nil, func(t *schema.Table) { t.Columns[1].Mapping.Type, t.DistKey, t.SortKey = "INTEGER", 1, []int{0, 1} },
			func(*schema.Table) {}, schema.Diff{}, `word, n, body`, 8},
		{"a wider one that was begun", []string{`ALTER TABLE public_copy.words ADD COLUMN "n__wide" BIGINT`}, kind(1, "INTEGER"), func(*schema.Table) {}, schema.Diff{}, `word, n, body`, 5},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r := w.warehouse(nil)
			if test.from == nil {
				test.from = func(*schema.Table) {}
			}
			old := wordsWith(test.from)
			w.fence(r, old)
			w.make(r, old)
			w.apply(r, batch(t, old, "insert a|1|x", "insert b|2|~"))
			w.admin(test.before...)
			now := wordsWith(test.to)
			for _, ran := range []int{test.ran, 0} {
				m := w.merging()
				m.Alterations = []replicator.Alteration{{Table: now, Diff: test.diff}}
				merged, err := r.Merge(t.Context(), m)
				if err != nil {
					t.Fatal(err)
				}
				if len(merged.Altered) != ran {
					t.Errorf("ran %q", merged.Altered)
				}
				empty := strings.Repeat("|~", len(now.Columns)-3)
				w.want(w.ask("SELECT "+test.columns+" FROM public_copy.words ORDER BY 1"), "a|1|x"+empty, "b|2|~"+empty)
			}
		})
	}
}

// A statement that moves all rows of a target, for example to another key, takes longer than
// readers are waited for. It gets twice the time with each try, and what was copied before is
// not copied again.
func TestAlterationThatTakesLong(t *testing.T) {
	w := newWorld(t)
	r := w.warehouse(nil)
	old := wordsWith(func(t *schema.Table) { t.Columns[1].Mapping.Type, t.DistKey, t.SortKey = "INTEGER", 1, []int{1} })
	w.fence(r, old)
	w.make(r, old)
	w.apply(r, batch(t, old, "insert a|1|x", "insert b|2|~"))
	long := w.server.Inject(redshifttest.Fault{Class: "ALTER TABLE", Match: "ALTER DISTKEY", Code: cancelled, Message: "canceled"})
	m := w.merging()
	m.Alterations = []replicator.Alteration{{Table: wordsWith(func(t *schema.Table) { t.DistKey, t.SortKey = 1, []int{1} })}}
	_, err := r.Merge(t.Context(), m)
	if codeOf(err) != cancelled || !replicator.Retryable(err) {
		t.Fatalf("the first try: %v", err)
	}
	if n := r.known.tries[alterDistKey(in("public_copy", "words"), "n__wide")]; n != 1 {
		t.Errorf("the time for another key was doubled %d times by a try that took too long", n)
	}
	long.Remove()
	written := "SELECT xmin FROM public_copy.words ORDER BY word"
	before := w.below(written)
	again := w.server.Inject(redshifttest.Fault{Class: "ALTER TABLE", Match: "COMPOUND SORTKEY", Code: "XX000", Message: "VACUUM is running"})
	if _, err = r.Merge(t.Context(), m); again.Hits() != 1 || !replicator.Retryable(err) {
		t.Fatalf("the second try: %v", err)
	}
	again.Remove()
	if diff := cmp.Diff(before, w.below(written)); diff != "" {
		t.Error("rows were written again: " + diff)
	}
	if _, err := r.Merge(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	w.want(w.ask("SELECT word, n, body FROM public_copy.words ORDER BY 1"), "a|1|x", "b|2|~")
	if len(r.known.tries) > 0 {
		t.Errorf("the same alterations would begin with more time another day: %v", r.known.tries)
	}
	tried := &merging{Warehouse: r}
	p, limits := in("public_copy", "words"), []time.Duration{}
	for _, sql := range []string{alterDistKey(p, "n__wide"), alterSortKey(p, []string{"n__wide"}), addColumn(p, "n__wide", "BIGINT"), "BEGIN"} {
		for range 20 {
			tried.nextLimit(old, sql)
		}
		limits = append(limits, tried.nextLimit(old, sql))
	}
	if diff := cmp.Diff([]time.Duration{patience << mostPatience, patience << mostPatience, patience << somePatience, 0}, limits); diff != "" {
		t.Error(diff)
	}
}

// A VARCHAR is made longer in place, unless it has an encoding with which Redshift refuses that.
func TestLongerColumnByItsEncoding(t *testing.T) {
	table := wordsWith(func(t *schema.Table) { t.Columns[2].Mapping.Type = "VARCHAR(80)" })
	w := New(Options{Schema: "public_copy", MetadataSchema: "rowshift"})
	for _, fixed := range []bool{false, true} {
		have := map[string]string{"word": "VARCHAR(65535)", "n": "BIGINT", "body": "VARCHAR(40)"}
		d, err := w.dueOf(replicator.Alteration{Table: table}, have, traits{rowKeys: rowKeys{dist: "word", sort: []string{"word"}}, fixed: map[string]bool{"body": fixed, "n": true}})
		planned := printed(d.alterations)
		if err != nil || fixed != (len(d.replaced) == 1) || !fixed && !slices.Equal(planned, []string{`ALTER TABLE "public_copy"."words" ALTER COLUMN "body" TYPE VARCHAR(80)`}) ||
			fixed && planned[0] != `ALTER TABLE "public_copy"."words" ADD COLUMN "body__wide" VARCHAR(80)` {
			t.Errorf("fixed %v: %q, %v", fixed, planned, err)
		}
	}
}

// A plan comments on a target that is spread or sorted otherwise than the config says by now. A
// run leaves it so; the statement in the comment changes it. On a target that is spread by no
// column, a plan does not comment.
func TestPlanOfOtherKeys(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	now := wordsWith(func(t *schema.Table) { t.DistKey, t.SortKey = 1, []int{1, 0} })
	none := wordsWith(func(t *schema.Table) { t.DistKey, t.SortKey = -1, nil })
	planned, err := r.Plan(t.Context(), []*schema.Table{none}, replicator.Foreseen{})
	if err != nil {
		t.Fatal(err)
	}
	w.want(planned,
		`-- public.words: its target has the DISTKEY "word", which is kept; for that of the config: ALTER TABLE "public_copy"."words" ALTER DISTSTYLE EVEN`,
		`-- public.words: its target has the SORTKEY ("word"), which is kept; for that of the config: ALTER TABLE "public_copy"."words" ALTER SORTKEY NONE`)
	planned, err = r.Plan(t.Context(), []*schema.Table{now}, replicator.Foreseen{})
	if err != nil {
		t.Fatal(err)
	}
	w.want(planned,
		`-- public.words: its target has the DISTKEY "word", which is kept; for that of the config: ALTER TABLE "public_copy"."words" ALTER DISTKEY "n"`,
		`-- public.words: its target has the SORTKEY ("word"), which is kept; for that of the config: ALTER TABLE "public_copy"."words" ALTER COMPOUND SORTKEY ("n", "word")`)
	if as, err := r.Plan(t.Context(), []*schema.Table{table}, replicator.Foreseen{}); err != nil || len(as) > 0 {
		t.Errorf("planned %q, %v for the keys that it has", as, err)
	}
	for _, line := range planned {
		_, sql, _ := strings.Cut(line, "config: ")
		w.admin(sql)
	}
	if left, err := r.Plan(t.Context(), []*schema.Table{now}, replicator.Foreseen{}); err != nil || len(left) > 0 {
		t.Errorf("planned %q, %v", left, err)
	}
	w.admin(`ALTER TABLE public_copy.words ALTER DISTSTYLE EVEN`, `ALTER TABLE public_copy.words ALTER SORTKEY NONE`)
	if left, err := r.Plan(t.Context(), []*schema.Table{none}, replicator.Foreseen{}); err != nil || len(left) > 0 {
		t.Errorf("planned %q, %v for a table without keys", left, err)
	}
	w.admin(`ALTER TABLE public_copy.words ALTER DISTSTYLE ALL`)
	if left, err := r.Plan(t.Context(), []*schema.Table{now}, replicator.Foreseen{}); err != nil || len(left) > 0 {
		t.Errorf("planned %q, %v for a copy on each node", left, err)
	}
}

// TestAlterationsThatAreNoUse shows that a table is unfit if no alteration helps its target, or
// if Redshift refuses the alteration.
func TestAlterationsThatAreNoUse(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	w.apply(r, batch(t, table, "insert a|1|x"))
	w.admin("CREATE VIEW public_copy.bound AS SELECT n FROM public_copy.words")
	for found, change := range map[string]func(*schema.Table){
		`column "n" of "public_copy"."words" is BIGINT`: func(t *schema.Table) { t.Columns[1].Mapping.Type = "VARCHAR(40)" },
		`Redshift refuses an alteration`:                func(t *schema.Table) { t.Columns[1].Mapping.Type = "DECIMAL(30,2)" },
	} {
		m := w.merging()
		m.Alterations = []replicator.Alteration{{Table: wordsWith(change)}}
		_, err := r.Merge(t.Context(), m)
		u, ok := errors.AsType[*replicator.Unfit](err)
		if !ok || u.OID != table.OID || u.Why.Reason != replicator.TargetDrift || !strings.Contains(u.Why.Found, found) || !strings.Contains(u.Why.Repair, "rowshift resync public.words") {
			t.Errorf("%s: %v", found, err)
		}
		w.unmoved()
		w.want(w.ask("SELECT word, n FROM public_copy.words"), "a|1")
		w.want(w.columnsOfWords(), "body", "n", "word") // and no copy of n
	}
}

// TestAlterationsThatArePrinted shows that nothing is altered under Options.Print, nor by a
// fenced daemon.
func TestAlterationsThatArePrinted(t *testing.T) {
	w := newWorld(t)
	first, table := w.withWords()
	now := wordsWith(func(t *schema.Table) { t.Columns = append(t.Columns, column(5, "note", bigint, false)) })
	r := w.warehouse(func(o *Options) { o.Print = true })
	m := w.merging()
	m.Alterations = []replicator.Alteration{{Table: now, Diff: schema.Diff{Added: []int{3}}}}
	_, err := r.Merge(t.Context(), m)
	if h := wantHalt(t, err, replicator.AlterationDue); !strings.Contains(h.Repair, `ALTER TABLE "public_copy"."words" ADD COLUMN "note" BIGINT;`) {
		t.Error(h)
	}
	w.fence(r, table)
	if _, err := first.Merge(t.Context(), m); !errors.Is(err, replicator.ErrFenced) {
		t.Errorf("a fenced daemon: %v", err)
	}
	if n := w.ask("SELECT COUNT(*) FROM svv_columns WHERE table_schema = 'public_copy' AND column_name = 'note'"); n[0] != "0" {
		t.Error("altered all the same")
	}
	planned, err := r.Plan(t.Context(), []*schema.Table{now}, replicator.Foreseen{})
	if err != nil || strings.Join(planned, "; ") != `ALTER TABLE "public_copy"."words" ADD COLUMN "note" BIGINT` {
		t.Errorf("planned %q, %v", planned, err)
	}
}

// TestWideningEndsUnderTheFence shows that a daemon that was replaced does not remove a column
// to which its successor may be writing.
func TestWideningEndsUnderTheFence(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	w.admin(`ALTER TABLE public_copy.words ADD COLUMN "n__wide" DECIMAL(30,2)`)
	m := newMerging(r, w.merging())
	end := alteration{statements: []string{dropColumn(in("public_copy", "words"), "n"), renameColumn(in("public_copy", "words"), "n__wide", "n")}}
	w.fence(w.warehouse(nil))
	columns := func() []string {
		return w.ask("SELECT column_name FROM svv_columns WHERE table_schema = 'public_copy' AND table_name = 'words' ORDER BY 1")
	}
	run := func() error {
		return r.with(t.Context(), func(s *session) error {
			m.session = s
			return m.alterBy(t.Context(), table, end)
		})
	}
	if err := run(); !errors.Is(err, replicator.ErrFenced) {
		t.Errorf("a fenced daemon: %v", err)
	}
	w.want(columns(), "body", "n", "n__wide", "word")
	m.merge.Checkpoint.Epoch = w.epoch
	if err := run(); err != nil {
		t.Error(err)
	}
	w.want(columns(), "body", "n", "word")
}

// TestAlterationThatIsDone shows that a table is not parked if Redshift refuses an alteration
// because an earlier try, whose link was lost, has already done it.
func TestAlterationThatIsDone(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	w.apply(r, batch(t, table, "insert a|1|x"))
	done := w.server.Inject(redshifttest.Fault{Class: "ALTER TABLE", Match: "ADD COLUMN", Code: "42701", Message: `column "note" already exists`, After: true, Nth: 1})
	m := w.merging()
	m.Alterations = []replicator.Alteration{{Table: wordsWith(func(t *schema.Table) {
		t.Columns[1].Mapping.Type = "DECIMAL(30,2)"
		t.Columns = append(t.Columns, column(5, "note", bigint, false))
	}), Diff: schema.Diff{Added: []int{3}}}}
	merged, err := r.Merge(t.Context(), m)
	if err != nil || done.Hits() != 1 || len(merged.Altered) != 6 {
		t.Fatalf("ran %q, hit %d times: %v", merged.Altered, done.Hits(), err)
	}
	w.want(w.ask("SELECT word, CAST(n AS BIGINT), body, note FROM public_copy.words"), "a|1|x|~")
}

// TestWideningBesideOneThatWasBegun shows that a target which an earlier widening left sorted by
// a wide column is sorted by that column's later name when the next one is widened.
func TestWideningBesideOneThatWasBegun(t *testing.T) {
	table := wordsWith(func(t *schema.Table) { t.SortKey = []int{0, 1} })
	have := map[string]string{"word": "VARCHAR(40)", "word__wide": "VARCHAR(65535)", "n": "INTEGER", "body": "VARCHAR(65535)"}
	d, err := New(Options{Schema: "s"}).dueOf(replicator.Alteration{Table: table}, have, traits{rowKeys: rowKeys{dist: "word__wide", sort: []string{"word__wide", "n"}}})
	if err != nil || !slices.Contains(printed(d.alterations), `ALTER TABLE "s"."words" ALTER COMPOUND SORTKEY ("word", "n__wide")`) {
		t.Errorf("%q, %v", printed(d.alterations), err)
	}
}

// A column of a table that is loaded is renamed, but not copied to one that has the new name: the
// load writes that one, whose type may be another.
func TestRenameBeforeALoadCopiesNothing(t *testing.T) {
	w, table := New(Options{Schema: "s"}), wordsWith(func(t *schema.Table) { t.Columns[1].Name, t.Columns[1].Target = "count", "count" })
	a := replicator.Alteration{Table: table, Diff: schema.Diff{Renamed: []schema.Rename{{From: "n", To: "count"}, {From: "m", To: "count"}}}, Loads: true}
	for _, c := range []struct {
		there []string
		want  int
	}{{[]string{"n"}, 1}, {[]string{"m"}, 1}, {[]string{"n", "m"}, 1}, {[]string{"n", "count"}, 0}} {
		have := map[string]string{"word": table.Columns[0].Mapping.Type, "body": table.Columns[2].Mapping.Type}
		for _, name := range c.there {
			have[name] = "BIGINT"
		}
		d, err := w.dueOf(a, have, traits{})
		if err != nil || len(d.alterations) != c.want || len(d.fills) > 0 {
			t.Errorf("with %q: %+v, %v", c.there, d, err)
		}
	}
}

// A column that may have several names by now, and is replaced, is guarded by a policy that knows it
// by any of them. The target's own name for it comes first.
func TestNamesOfAReplacedColumn(t *testing.T) {
	w, table := New(Options{Schema: "s"}), wordsWith(func(t *schema.Table) { t.Columns[1].Name, t.Columns[1].Target = "count", "count" })
	a := replicator.Alteration{Table: table, Diff: schema.Diff{Renamed: []schema.Rename{{From: "n", To: "count"}, {From: "m", To: "count"}}}, Loads: true}
	for now, want := range map[string][]string{"n": {"n", "m"}, "m": {"m", "count", "n"}, "count": {"count", "n", "m"}} {
		have := map[string]string{"word": table.Columns[0].Mapping.Type, now: "INTEGER", "body": table.Columns[2].Mapping.Type}
		d, err := w.dueOf(a, have, traits{})
		if err != nil || len(d.replaced) != 1 || !slices.Equal(d.replaced[0].called, want) {
			t.Errorf("called %s: %+v, %v", now, d.replaced, err)
		}
	}
}

// An alteration that Redshift refuses with XX000, or for the server's own trouble, does not park its
// table at once: the server may refuse everything just then. XX000 does in three merges in a row.
func TestAlterationRefusedByTheServer(t *testing.T) {
	t.Parallel()
	for code, parks := range map[string]bool{"XX000": true, "58030": false} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r, table := w.withWords()
			f := w.server.Inject(redshifttest.Fault{Class: "ALTER TABLE", Match: "ADD COLUMN", Code: code, Message: "assert"})
			m := w.merging()
			m.Alterations = []replicator.Alteration{{Table: wordsWith(func(t *schema.Table) { t.Columns = append(t.Columns, column(5, "note", bigint, false)) }), Diff: schema.Diff{Added: []int{3}}}}
			refused := func(tries int) {
				t.Helper()
				for n := range tries {
					_, err := r.Merge(t.Context(), m)
					if u, ok := errors.AsType[*replicator.Unfit](err); ok != (parks && n == 2) || codeOf(err) != code || ok && u.OID != table.OID {
						t.Errorf("try %d: %v", n+1, err)
					}
				}
			}
			refused(2)
			f.Remove()
			if _, err := r.Merge(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			w.admin(`ALTER TABLE public_copy.words DROP COLUMN "note"`)
			w.server.Inject(redshifttest.Fault{Class: "ALTER TABLE", Match: "ADD COLUMN", Code: code, Message: "assert"})
			refused(3)
		})
	}
}
