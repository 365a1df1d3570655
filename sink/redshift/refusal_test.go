package redshift

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rowshift/replicator"
	"rowshift/schema"
	"rowshift/test/redshifttest"
)

func TestCountThatDiffersMergesNothing(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	m := w.merging(w.stage(batch(t, table, "insert a|1|x", "insert b|2|y"))...)
	m.Staged[0].Folds[0].Files.Rows = 3
	_, err := r.Merge(t.Context(), m)
	if err == nil || !strings.Contains(err.Error(), "2 rows of 3") || replicator.Retryable(err) {
		t.Errorf("%v", err)
	}
	w.want(w.words())
	w.unmoved()
}

func TestFileThatIsGoneMergesNothing(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	m := w.merging(w.stage(batch(t, table, "insert a|1|x"))...)
	for _, url := range m.Staged[0].Folds[0].Files.Objects {
		if strings.Contains(url, ".csv") {
			w.s3.Delete(t, strings.TrimPrefix(url, "s3://"+w.s3.Bucket+"/"))
		}
	}
	if _, err := r.Merge(t.Context(), m); err == nil {
		t.Error("merged without a file")
	}
	w.want(w.words())
	w.unmoved()
}

// A row whose origin is not in the target goes to quarantine. The next version that is whole
// lifts it.
func TestRowThatCannotBeFilledIsRefused(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	w.apply(r, batch(t, table, "insert a|1|x", "insert b|2|y", "insert c|3|z"))
	w.admin("DELETE FROM public_copy.words WHERE word = 'a'")
	done := w.apply(r, batch(t, table, "update a|2|^", "update c|4|^", "delete b"))
	w.want(w.words(), "c|4|z")
	w.want(w.quarantine(), `["a"]|unfilled|~|open`)
	if diff := cmp.Diff([]replicator.Entries{{Table: table.Name, Kind: "unfilled", Rule: schema.Quarantine, Count: 1}}, done.Entries); diff != "" || done.Quarantined[table.Name] != 1 {
		t.Error(diff, done.Quarantined)
	}
	w.apply(r, batch(t, table, "update a -> d|3|^")) // depends on the row that was refused
	w.want(w.words(), "c|4|z")
	w.want(w.quarantine(), `["a"]|unfilled|~|lifted`, `["d"]|unfilled|~|open`)
	w.apply(r, batch(t, table, "update d|4|w"))
	w.want(w.words(), "c|4|z", "d|4|w")
	w.want(w.quarantine(), `["a"]|unfilled|~|lifted`, `["d"]|unfilled|~|lifted`)
}

func TestDriftHaltsMergesAndLoads(t *testing.T) {
	tests := []struct{ name, sql, found, repair string }{
		{"dropped", "DROP TABLE public_copy.words", "no table", "leave it to the resync to make it; then rowshift resync public.words"},
		{"column dropped", "ALTER TABLE public_copy.words DROP COLUMN body", `no column "body"`, "rowshift resync public.words"},
		{"column of another type", "ALTER TABLE public_copy.words DROP COLUMN body; ALTER TABLE public_copy.words ADD COLUMN body VARCHAR(2)", "VARCHAR(2)", "RENAME COLUMN"},
		{"a view in its place", "ALTER TABLE public_copy.words RENAME TO words_old; CREATE VIEW public_copy.words AS SELECT * FROM public_copy.words_old; GRANT ALL ON public_copy.words TO loader",
			`"public_copy"."words" is a view`, "drop the view"},
		{"a view of late binding in its place", "ALTER TABLE public_copy.words RENAME TO words_old; CREATE VIEW public_copy.words AS SELECT * FROM public_copy.words_old WITH NO SCHEMA BINDING; GRANT ALL ON public_copy.words TO loader",
			`"public_copy"."words" is a view`, "leave it to the resync to make it; then rowshift resync public.words"},
		{"a materialized view in its place", "ALTER TABLE public_copy.words RENAME TO words_old; CREATE MATERIALIZED VIEW public_copy.words AS SELECT * FROM public_copy.words_old; GRANT SELECT ON public_copy.words TO loader",
			`"public_copy"."words" is a view`, "drop the view"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			r, table := w.withWords()
			w.admin(strings.Split(test.sql, "; ")...)
			m := w.merging(w.stage(batch(t, table, "insert a|1|long enough"))...)
			_, err := r.Merge(t.Context(), m)
			if h := wantHalt(t, err, replicator.TargetDrift); !strings.Contains(h.Found, test.found) || !strings.Contains(h.Repair, test.repair) {
				t.Error(h)
			}
			if u, ok := errors.AsType[*replicator.Unfit](err); !ok || u.OID != table.OID {
				t.Errorf("of no table: %v", err)
			}
			w.unmoved()
			if test.name == "dropped" {
				return // a load makes it anew
			}
			wantHalt(t, r.MakeLoad(t.Context(), w.epoch, table, loadState("load_1_1_1")), replicator.TargetDrift)
		})
	}
}

// If somebody gave a target to another user, only its table is parked: merges, loads,
// alterations, joins and the grants at a start go on without it. If a right on one of our own
// targets is missing, everything halts.
func TestTargetOfAnotherUser(t *testing.T) {
	w := newWorld(t)
	r := w.warehouse(func(o *Options) { o.Readers = []string{"analysts"} })
	table, other := keyed(), plain()
	w.fence(r, table, other)
	w.make(r, table, other)
	w.load(r, "load_1_1_16504", table, "a|1|x")
	known := w.merging()
	known.Checkpoint.Tables = first(table, other).Tables
	if _, err := r.Merge(t.Context(), known); err != nil {
		t.Fatal(err)
	}
	m := w.merging(w.stage(batch(t, table, "insert a|1|x"))...)
	lacks := w.server.Inject(redshifttest.Fault{Class: "DELETE", Match: "words", Code: lacksRight, Message: "permission denied for schema public_copy"})
	_, err := r.Merge(t.Context(), m)
	wantHalt(t, err, replicator.WarehouseUnfit)
	lacks.Remove()
	parked := func(of string, err error) {
		t.Helper()
		u, ok := errors.AsType[*replicator.Unfit](err)
		if !ok || u.OID != table.OID || !strings.Contains(u.Why.Found, "is owned by dev") || !strings.HasPrefix(u.Why.Repair, `ALTER TABLE "public_copy"."words" OWNER TO "loader"; then rowshift resync`) {
			t.Errorf("%s: %v", of, err)
		}
	}
	w.admin("ALTER TABLE public_copy.words OWNER TO dev")
	_, err = r.Merge(t.Context(), m)
	parked("a merge", err)
	_, err = r.Merge(t.Context(), w.merging(w.stage(&replicator.Batch{Commit: true, Joins: joining(table, "load_1_1_16504")})...))
	parked("a join", err)
	parked("a load", r.MakeLoad(t.Context(), w.epoch, table, loadState("load_1_2_1")))
	w.admin("GRANT SELECT, INSERT, DELETE ON public_copy.words TO loader")
	altering := w.merging()
	altering.Alterations = []replicator.Alteration{{Table: wordsWith(func(t *schema.Table) { t.Columns = append(t.Columns, column(5, "note", bigint, false)) })}}
	_, err = r.Merge(t.Context(), altering)
	parked("an alteration", err)
	w.unmoved()
	w.admin("REVOKE SELECT ON public_copy.accounts FROM analysts", "REVOKE ALL ON public_copy.words FROM loader")
	if _, err := r.Fence(t.Context(), first(table, other)); err != nil {
		t.Fatal(err)
	}
	w.want(w.query(must(w.config("analysts")(t.Context())), "SELECT COUNT(*) FROM public_copy.accounts"), "0")
}

// plan and check report a view in a target's place beforehand, whatever its kind.
func TestViewInATargetsPlaceIsTold(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	loader := must(w.config("loader")(t.Context()))
	w.admin("ALTER TABLE public_copy.words RENAME TO words_old")
	for _, view := range []string{"VIEW public_copy.words AS SELECT * FROM public_copy.words_old", "VIEW public_copy.words AS SELECT * FROM public_copy.words_old WITH NO SCHEMA BINDING",
		"MATERIALIZED VIEW public_copy.words AS SELECT * FROM public_copy.words_old"} {
		w.query(loader, "CREATE "+view)
		planned, err := r.Plan(t.Context(), []*schema.Table{table}, replicator.Foreseen{})
		if err != nil || !strings.Contains(strings.Join(planned, "\n"), `public.words is parked: "public_copy"."words" is a view`) {
			t.Errorf("%s: planned %q, %v", view, planned, err)
		}
		findings := r.Check(t.Context(), []*schema.Table{table}, "")
		if f := findings[len(findings)-1]; f.Verdict != replicator.Failure || !strings.Contains(f.Found, "is a view") || !strings.Contains(f.Repair, "rowshift resync public.words") {
			t.Errorf("%s: found %+v", view, f)
		}
		kind, _, _ := strings.Cut(view, " public_copy")
		w.query(loader, "DROP "+kind+" public_copy.words")
	}
}

// A target that refuses a statement for a reason of its own parks its table. What the server
// refuses for its own sake parks none, and errors that pass are tried again.
func TestRefusalIsOfTheTargetOrOfTheServer(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	const unfit, passes, ends = "unfit", "passes", "ends"
	tests := []struct{ code, message, want string }{
		{"42804", "column \"n\" is of another type", unfit},
		{"0A000", "cannot delete from a view", unfit},
		{"55000", "cannot delete from a view", unfit},
		{"54000", "row is too large", unfit},
		{"P0001", "canary", unfit},
		{"22001", "canary", unfit},
		{"XX000", "1023", passes},
		{"XX000", "system is in resize mode", passes},
		{"40001", "conflict", passes},
		{"55P03", "locked", passes},
		{"57014", "canceled", passes},
		{"53100", "disk full", passes},
		{"53000", "insufficient resources", ends},
		{"55006", "in use", ends},
		{"57000", "intervention", ends},
		{"58030", "I/O error", ends},
		{"25006", "cannot execute", ends},
		{"08006", "lost", ends},
		{"XX000", "canary", ends},
		{"XX000", "canary", ends},
		{"XX000", "canary", unfit}, // three times in a row, so the target is to blame
	}
	m := w.merging(w.stage(batch(t, table, "insert a|1|x"))...)
	idle := &replicator.Merge{Expect: m.Expect, Checkpoint: m.Checkpoint.Clone()} // as between any two passes
	idle.Checkpoint.LSN = m.Expect
	for i, test := range tests {
		if _, err := r.Merge(t.Context(), idle); err != nil {
			t.Fatal(err)
		}
		f := w.server.Inject(redshifttest.Fault{Class: []string{"DELETE", "INSERT"}[i%2], Match: "public_copy", Code: test.code, Message: test.message})
		_, err := r.Merge(t.Context(), m)
		f.Remove()
		got := ends
		u, ok := errors.AsType[*replicator.Unfit](err)
		switch {
		case ok:
			if got = unfit; u.OID != table.OID || u.Why.Reason != replicator.TargetDrift || !strings.Contains(u.Why.Found, test.code) || !strings.Contains(u.Why.Repair, "rowshift resync public.words") {
				t.Errorf("%s: %v", test.code, u)
			}
		case replicator.Retryable(err):
			got = passes
		}
		if err == nil || got != test.want || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s %s: %s, want %s: %v", test.code, test.message, got, test.want, err)
		}
		w.unmoved()
	}
	if _, err := r.Merge(t.Context(), m); err != nil {
		t.Error(err)
	}
	if r.known.refusals != (refusals{}) {
		t.Errorf("remembered after a merge: %v", r.known.refusals)
	}
}

// The repair of a target with the longest possible name can be printed, and can be run.
func TestRepairOfALongName(t *testing.T) {
	table := keyed()
	table.Target = strings.Repeat("x", schema.MaxName)
	m := &merging{Warehouse: New(Options{Schema: "public_copy"}), refusing: table}
	want := `or rename the table: ALTER TABLE "public_copy"."` + table.Target + `" RENAME TO "` + table.Target[:schema.MaxName-4] + `_old"; then rowshift resync public.words`
	if h := m.refusal(&Error{Code: "42804"}); !strings.Contains(h.Repair, want) {
		t.Error(h.Repair)
	}
}

// If one table after another is refused with XX000, and nothing is merged in between, the server
// is to blame: a full disk must not park more than one table.
func TestRefusalsOfTableAfterTable(t *testing.T) {
	one, other, third := &schema.Table{OID: 1}, &schema.Table{OID: 2}, &schema.Table{OID: 3}
	var r refusals
	until := func(table *schema.Table) (n int) {
		for n = 1; !r.countAgainst(table.OID, "XX000"); n++ {
		}
		return n
	}
	got := []int{until(one), until(other)}
	r.merged(nil)
	got = append(got, until(one))
	r.merged([]*schema.Table{third})
	got = append(got, until(other))
	r.merged([]*schema.Table{other, third})
	got = append(got, until(one))
	want := []int{mostRefusals, mostBehindAnother, mostBehindAnother, mostRefusals, mostRefusals}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// If Redshift refuses for good to make a table, be it a target, a load table or a held table,
// only its source table is parked. Errors that pass are tried again, those that may be the
// server's park nothing at first, and those that are the server's nothing at all.
func TestTableThatIsNotMadeParksItsTable(t *testing.T) {
	w := newWorld(t)
	r, table := w.warehouse(nil), keyed()
	w.fence(r, table)
	l := loadState("load_1_1_1")
	hold := func() error { return r.Hold(t.Context(), l.Held, table) }
	load := func() error { return r.MakeLoad(t.Context(), w.epoch, table, l) }
	refused := func(match, code string, do func() error) error {
		t.Helper()
		f := w.server.Inject(redshifttest.Fault{Class: "CREATE TABLE", Match: match, Code: code, Message: "not for a key"})
		defer f.Remove()
		err := do()
		if err == nil {
			t.Fatalf("%s %s was made", code, match)
		}
		return err
	}
	parks := func(match, code string, do func() error) {
		t.Helper()
		err := refused(match, code, do)
		u, ok := errors.AsType[*replicator.Unfit](err)
		if !ok || u.OID != table.OID || u.Why.Reason != replicator.TargetDrift || !strings.Contains(u.Why.Found, match) || !strings.Contains(u.Why.Found, code) || !strings.Contains(u.Why.Repair, "rowshift resync public.words") {
			t.Errorf("%s of %s: %v", code, match, err)
		}
	}
	parks("held_1_1_1", "42601", hold)
	parks("public_copy", "0A000", load)
	w.want(w.ask("SELECT COUNT(*) FROM svv_tables WHERE table_name = 'words'"), "0")
	if err := refused("public_copy", "53100", load); !replicator.Retryable(err) {
		t.Errorf("a full disk: %v", err)
	}
	if err := refused("public_copy", "58030", load); replicator.Retryable(err) || replicator.Final(err) {
		t.Errorf("the server's: %v", err)
	}
	for range mostRefusals - 1 {
		if err := refused("public_copy", "XX000", load); replicator.Final(err) {
			t.Errorf("of nobody knows what: %v", err)
		}
		if err := hold(); err != nil { // as before each load
			t.Error(err)
		}
	}
	parks("public_copy", "XX000", load)
	if err := load(); err != nil || r.loadRefusals != (refusals{}) {
		t.Errorf("remembered once one is made: %v, %v", r.loadRefusals, err)
	}
	parks("load_1_1_1", "42611", load)
}

// A table whose key is bytea is loaded and merged, and none of its tables is spread or sorted by
// that.
func TestKeyOfBytea(t *testing.T) {
	w := newWorld(t)
	r, table := w.warehouse(nil), keyless()
	w.fence(r, table)
	w.load(r, "load_1_1_16506", table, `\x00|1|x|y`, `\x0020|2|x|y`)
	w.apply(r, &replicator.Batch{Commit: true, Joins: joining(table, "load_1_1_16506")})
	w.apply(r, batch(t, table, `update \x00|3|^|z`, `insert \x61|4|x|y`, `delete \x0020`))
	w.want(w.ask("SELECT digest, n, note, body FROM public_copy.digests ORDER BY n"), "00|3|x|z", "61|4|x|y")
	w.want(w.ask("SELECT COUNT(*) FROM svv_redshift_columns WHERE table_name IN ('digests', 'load_1_1_16506') AND (distkey OR sortkey <> 0)"), "0")
}

// A target that somebody gave a constraint parks its table the first time, because it would
// refuse the same rows for ever.
func TestConstraintOfSomebodyParksTheTable(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	w.admin("ALTER TABLE public_copy.words DROP COLUMN body", "ALTER TABLE public_copy.words ADD COLUMN body VARCHAR(65535) NOT NULL DEFAULT ''")
	_, err := r.Merge(t.Context(), w.merging(w.stage(batch(t, table, "insert a|1|x", "insert secret|2|~"))...))
	u, ok := errors.AsType[*replicator.Unfit](err)
	if !ok || u.OID != table.OID || u.Why.Reason != replicator.TargetDrift || !strings.Contains(u.Why.Repair, "drop the column") || !strings.Contains(u.Why.Repair, "rowshift resync public.words") || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
	w.unmoved()
}

func TestRefusedFileHaltsWithoutTheValue(t *testing.T) {
	w := newWorld(t)
	_, table := w.withWords()
	r := w.warehouse(func(o *Options) { o.HaltOnCopyError = true })
	w.apply(r, batch(t, table, "insert a|1|x"))
	wrong := *table
	wrong.Columns = append([]schema.Column{}, table.Columns...)
	wrong.Columns[1].Mapping.Append = nil
	m := w.merging(w.stage(batch(t, &wrong, "insert b|secret|y"))...)
	_, err := r.Merge(t.Context(), m)
	h := wantHalt(t, err, replicator.LoadRefused)
	if strings.Contains(err.Error(), "secret") || !strings.Contains(h.Found, "column n, error 1207 (not a digit)") || !strings.Contains(h.Found, "s3://") || !strings.Contains(h.Repair, "tables.public.words") {
		t.Error(h.Found, h.Repair)
	}
	w.want(w.words(), "a|1|x")
	w.unmoved()
}

// A serverless workgroup has no stl_load_errors: sys_load_error_detail tells the column.
// https://docs.aws.amazon.com/redshift/latest/mgmt/serverless-known-issues.html
func TestRefusedFileOfAServerlessWorkgroup(t *testing.T) {
	w := newWorld(t)
	_, table := w.withWords()
	r := w.warehouse(func(o *Options) { o.HaltOnCopyError = true })
	wrong := *table
	wrong.Columns = append([]schema.Column{}, table.Columns...)
	wrong.Columns[1].Mapping.Append = nil
	lacks := w.server.Inject(redshifttest.Fault{Match: "stl_load_errors", Code: "42P01", Message: `relation "stl_load_errors" does not exist`})
	_, err := r.Merge(t.Context(), w.merging(w.stage(batch(t, &wrong, "insert b|secret|y"))...))
	h := wantHalt(t, err, replicator.LoadRefused)
	if lacks.Hits() != 1 || strings.Contains(err.Error(), "secret") || !strings.Contains(h.Found, "column n, error 1207 (not a digit)") || !strings.Contains(h.Found, "s3://") {
		t.Errorf("%d refused: %s", lacks.Hits(), h.Found)
	}
}

func TestMissingRightHalts(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	w.server.Inject(redshifttest.Fault{Class: "DELETE", Match: "words", Code: lacksRight, Message: "permission denied for schema public_copy"})
	_, err := r.Merge(t.Context(), w.merging(w.stage(batch(t, table, "insert a|1|x"))...))
	wantHalt(t, err, replicator.WarehouseUnfit)
	w.unmoved()
}
