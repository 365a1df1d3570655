package redshift

import (
	"errors"
	"strings"
	"testing"

	"rowshift/replicator"
	"rowshift/schema"
	"rowshift/test/redshifttest"
)

// widening is a world with words whose n is an INTEGER, and a merge with which it becomes a
// BIGINT.
func widening(t *testing.T, alter func(*world, *Options)) (*world, *Warehouse, *replicator.Merge) {
	w := newWorld(t)
	r := w.warehouse(func(o *Options) {
		if alter != nil {
			alter(w, o)
		}
	})
	old := wordsWith(func(t *schema.Table) { t.Columns[1].Mapping.Type = "INTEGER" })
	w.fence(r, old)
	w.make(r, old)
	w.apply(r, batch(t, old, "insert a|1|x"))
	m := w.merging()
	m.Alterations = []replicator.Alteration{{Table: wordsWith(func(*schema.Table) {})}}
	return w, r, m
}

// columnsOfWords lists the columns of the target.
func (w *world) columnsOfWords() []string {
	return w.ask("SELECT column_name FROM svv_columns WHERE table_schema = 'public_copy' AND table_name = 'words' ORDER BY 1")
}

// wantGuarded fails the test unless the error parks words, and returns its halt.
func wantGuarded(t *testing.T, err error, found string) *replicator.Halt {
	t.Helper()
	u, ok := errors.AsType[*replicator.Unfit](err)
	if !ok || u.Why.Reason != replicator.TargetDrift || !strings.Contains(u.Why.Found, found) || !strings.Contains(u.Why.Repair, "rowshift resync public.words") {
		t.Fatalf("not parked for %s: %v", found, err)
	}
	return u.Why
}

// A VARCHAR whose length Redshift does not change for something that people have put on it is not
// copied: it could not be dropped either.
func TestColumnThatIsNotAlteredIsNotCopied(t *testing.T) {
	w := newWorld(t)
	r := w.warehouse(nil)
	old := wordsWith(func(t *schema.Table) { t.Columns[2].Mapping.Type = "VARCHAR(40)" })
	w.fence(r, old)
	w.make(r, old)
	w.apply(r, batch(t, old, "insert a|1|x"))
	w.server.Inject(redshifttest.Fault{Class: "ALTER TABLE", Match: "ALTER COLUMN", Code: "0A000", Message: "cannot alter type of a column referenced by an RLS policy"})
	m := w.merging()
	m.Alterations = []replicator.Alteration{{Table: wordsWith(func(*schema.Table) {})}}
	_, err := r.Merge(t.Context(), m)
	if h := wantGuarded(t, err, "Redshift refuses an alteration"); !strings.Contains(h.Means, "RLS policy") || !strings.Contains(h.Repair, "row-level security") {
		t.Error(h)
	}
	w.want(w.columnsOfWords(), "body", "n", "word")
	w.unmoved()
}

// Of a column that cannot be dropped, since a policy of row-level security refers to it, no copy
// stays: unless the rows are spread by the copy, which then cannot be dropped either.
func TestColumnThatIsNotDropped(t *testing.T) {
	w, r, m := widening(t, nil)
	refused := func() {
		t.Helper()
		_, err := r.Merge(t.Context(), m)
		wantGuarded(t, err, "Redshift refuses an alteration")
		w.unmoved()
	}
	f := w.server.Inject(redshifttest.Fault{Class: "ALTER TABLE", Match: `DROP COLUMN "n"`, Code: "2BP01", Message: "cannot drop a column referenced by an RLS policy"})
	refused()
	w.want(w.columnsOfWords(), "body", "n", "word")
	w.admin("ALTER TABLE public_copy.words ALTER DISTKEY n")
	refused()
	w.want(w.columnsOfWords(), "body", "n", "n__wide", "word")
	refused() // from where it stands
	w.want(w.columnsOfWords(), "body", "n", "n__wide", "word")
	f.Remove()
	if _, err := r.Merge(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	w.want(w.columnsOfWords(), "body", "n", "word")
}

// A column with privileges of its own is not replaced by one that would not have them: neither by
// a merge, nor by the statements of a plan. What the halt says lets the table go on.
func TestColumnWithPrivilegesIsNotReplaced(t *testing.T) {
	w, r, m := widening(t, nil)
	w.admin("GRANT USAGE ON SCHEMA public_copy TO analysts", "GRANT SELECT (n), UPDATE (body) ON public_copy.words TO analysts")
	_, err := r.Merge(t.Context(), m)
	h := wantGuarded(t, err, `column "n" of "public_copy"."words" has privileges of its own (analysts=r/`)
	w.want(w.columnsOfWords(), "body", "n", "word")
	w.unmoved()
	table := m.Alterations[0].Table
	planned, err := r.Plan(t.Context(), []*schema.Table{table}, replicator.Foreseen{})
	if err != nil || len(planned) != 1 || !strings.HasPrefix(planned[0], `-- public.words is parked: column "n"`) {
		t.Errorf("planned %q, %v", planned, err)
	}
	findings := r.Check(t.Context(), []*schema.Table{table}, "")
	if f := findings[len(findings)-1]; f.Verdict != replicator.Failure || f.Repair != h.Repair {
		t.Errorf("found %+v", f)
	}
	statements, after, _ := strings.Cut(h.Repair, " then ")
	w.admin(strings.Split(strings.TrimSuffix(strings.ReplaceAll(statements, "<each of them>", "analysts"), ";"), "; ")...)
	if _, err := r.Merge(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	w.want(w.query(must(w.config("analysts")(t.Context())), "SELECT n FROM public_copy.words"), "~")
	_, drop, _ := strings.Cut(after, "can be dropped: ")
	w.admin(drop)
	w.want(w.columnsOfWords(), "body", "n", "word")
}

// What was granted on a column stays if the column is made longer in place.
func TestColumnWithPrivilegesIsMadeLonger(t *testing.T) {
	w, r, m := widening(t, nil)
	w.admin("ALTER TABLE public_copy.words ALTER COLUMN body TYPE VARCHAR(40)", "GRANT USAGE ON SCHEMA public_copy TO analysts", "GRANT SELECT (body) ON public_copy.words TO analysts")
	if _, err := r.Merge(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	w.want(w.query(must(w.config("analysts")(t.Context())), "SELECT body FROM public_copy.words"), "x")
}

// A masked column is not replaced by one that is not, if Redshift shows the policy to the loader.
// One that it does not show, or that is on another column, stops nothing.
func TestMaskedColumnIsNotReplaced(t *testing.T) {
	for name, test := range map[string]struct {
		user, output, input, refused string
		parked, described            bool
	}{
		"masked":          {user: "dev", output: `["n"]`, input: `["n"]`, parked: true},
		"read for a mask": {user: "dev", output: `["body"]`, input: `["body", "n"]`, parked: true, described: true},
		"by two columns":  {user: "dev", output: `["n"]`, input: `["n", "body"]`, parked: true, described: true},
		"another column":  {user: "dev", output: `["n_old"]`, input: `["n_old"]`},
		"not shown":       {user: "loader", output: `["n"]`, input: `["n"]`},
		"may not be seen": {user: "loader", refused: lacksRight},
		"is not there":    {user: "loader", refused: noTable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, r, m := widening(t, func(w *world, o *Options) { o.Config = w.config(test.user) })
			if test.refused != "" {
				w.server.Inject(redshifttest.Fault{Match: "svv_attached_masking_policy", Code: test.refused, Message: "permission denied"})
			} else {
				w.below("INSERT INTO redshift_catalog.masking VALUES ('hide', 'public_copy', 'words', 'dev', 'analysts', 'role', 20, '" + test.input + "', '" + test.output + "')")
			}
			_, err := r.Merge(t.Context(), m)
			if !test.parked {
				if err != nil {
					t.Fatal(err)
				}
				w.want(w.ask("SELECT data_type FROM svv_redshift_columns WHERE table_name = 'words' AND column_name = 'n'"), "bigint")
				return
			}
			h := wantGuarded(t, err, `the masking policy "hide" on `+test.output+" for role analysts")
			if test.described {
				if strings.Contains(h.Repair, "ATTACH") || !strings.Contains(h.Repair, `then detach the masking policy "hide", which masks `+test.output+" and reads "+test.input+", from role analysts, and attach it to them again with priority 20, with column \"n\"") {
					t.Error(h.Repair)
				}
			} else if !strings.Contains(h.Repair, `ADD COLUMN "n" BIGINT; ATTACH MASKING POLICY "hide" ON "public_copy"."words" ("n") TO ROLE "analysts" PRIORITY 20; then rowshift resync`) {
				t.Error(h.Repair)
			}
			w.want(w.columnsOfWords(), "body", "n", "word")
		})
	}
}

// A policy knows a column by the name that it had. So a masked column that was renamed is neither
// replaced nor copied into another that the target still has.
func TestMaskedColumnThatWasRenamed(t *testing.T) {
	for name, test := range map[string]struct {
		before []string // what people have done to the target
		repair string
		left   []string
	}{
		"and replaced": {nil, `RENAME COLUMN "n" TO "m_old"; ALTER TABLE "public_copy"."words" ADD COLUMN "m" BIGINT; ATTACH MASKING POLICY "hide" ON "public_copy"."words" ("m") TO ROLE "analysts" PRIORITY 20; then rowshift resync`,
			[]string{"body", "n", "word"}},
		"before, and replaced": {[]string{"ALTER TABLE public_copy.words RENAME COLUMN n TO m"}, `RENAME COLUMN "m" TO "m_old"; ALTER TABLE "public_copy"."words" ADD COLUMN "m" BIGINT; ATTACH`,
			[]string{"body", "m", "word"}},
		"and copied": {[]string{"ALTER TABLE public_copy.words ADD COLUMN m BIGINT"}, `RENAME COLUMN "n" TO "m_old"; ATTACH MASKING POLICY "hide" ON "public_copy"."words" ("m") TO ROLE`,
			[]string{"body", "m", "n", "word"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, r, m := widening(t, func(w *world, o *Options) { o.Config = w.config("dev") })
			w.admin(test.before...)
			w.below(`INSERT INTO redshift_catalog.masking VALUES ('hide', 'public_copy', 'words', 'dev', 'analysts', 'role', 20, '["n"]', '["n"]')`)
			m.Alterations = []replicator.Alteration{{
				Table: wordsWith(func(t *schema.Table) { t.Columns[1].Name, t.Columns[1].Target = "m", "m" }),
				Diff:  schema.Diff{Renamed: []schema.Rename{{From: "n", To: "m"}}, Longer: true},
			}}
			_, err := r.Merge(t.Context(), m)
			if h := wantGuarded(t, err, `the masking policy "hide" on ["n"] for role analysts`); !strings.Contains(h.Repair, test.repair) {
				t.Error(h.Repair)
			}
			w.want(w.columnsOfWords(), test.left...)
			if name == "and copied" {
				w.want(w.ask("SELECT m FROM public_copy.words"), "~")
			}
		})
	}
}
