package redshift

import (
	"slices"
	"strings"
	"testing"

	"rowshift/replicator"
	"rowshift/schema"
)

// find returns the finding about a subject.
func find(t *testing.T, findings []replicator.Finding, subject string) replicator.Finding {
	t.Helper()
	i := slices.IndexFunc(findings, func(f replicator.Finding) bool { return f.Subject == "warehouse: "+subject })
	if i < 0 {
		t.Fatalf("nothing about %s: %v", subject, findings)
	}
	return findings[i]
}

func TestCheckBeforeTheFirstRun(t *testing.T) {
	w := newWorld(t)
	r := w.warehouse(func(o *Options) { o.Readers = []string{"analysts"} })
	before := w.below("SELECT relname FROM pg_class WHERE relnamespace <> 'redshift_catalog'::regnamespace ORDER BY 1")
	for _, f := range r.Check(t.Context(), []*schema.Table{keyed()}) {
		if f.Verdict != replicator.Fine || f.Found == "" {
			t.Errorf("%+v", f)
		}
	}
	w.want(w.below("SELECT relname FROM pg_class WHERE relnamespace <> 'redshift_catalog'::regnamespace ORDER BY 1"), before...)
}

func TestCheckFindsWhatIsMissing(t *testing.T) {
	w := newWorld(t)
	first, table := w.withWords()
	w.apply(first, batch(t, table, "insert a|1|x"))
	w.admin("ALTER TABLE public_copy.words DROP COLUMN body", "CREATE SCHEMA theirs", "REVOKE CREATE ON DATABASE "+w.database+" FROM loader")
	r := w.warehouse(func(o *Options) {
		o.Readers, o.CopyRole = []string{"nobody", "group nobodies"}, "arn:aws:iam::1:role/stranger"
	})
	findings := r.Check(t.Context(), []*schema.Table{table})
	for subject, repair := range map[string]string{
		"reader nobody": `CREATE USER "nobody"`, "reader group nobodies": `CREATE GROUP "nobodies"`, "COPY role": "GRANT ASSUMEROLE ON", "target words": `ADD COLUMN "body"`,
	} {
		if f := find(t, findings, subject); f.Verdict != replicator.Failure || !strings.Contains(f.Repair, repair) {
			t.Errorf("%s: %+v", subject, f)
		}
	}
	if f := find(t, findings, "checkpoint"); f.Verdict != replicator.Fine || !strings.Contains(f.Found, "epoch 1") {
		t.Errorf("%+v", f)
	}
	findings = w.warehouse(func(o *Options) { o.Schema, o.MetadataSchema = "theirs", "nowhere" }).Check(t.Context(), nil)
	for subject, repair := range map[string]string{"schema theirs": `GRANT USAGE, CREATE ON SCHEMA "theirs"`, "schema nowhere": `CREATE SCHEMA IF NOT EXISTS "nowhere"`} {
		if f := find(t, findings, subject); f.Verdict != replicator.Failure || !strings.Contains(f.Repair, repair) {
			t.Errorf("%s: %+v", subject, f)
		}
	}
}

func TestCheckOfAnotherPipelinesSchema(t *testing.T) {
	w := newWorld(t)
	w.withWords()
	r := w.warehouse(func(o *Options) { o.Pipeline = "orders" })
	if f := find(t, r.Check(t.Context(), nil), "checkpoint"); f.Verdict != replicator.Failure || !strings.Contains(f.Found, "accounts") || !strings.Contains(f.Repair, "warehouse.metadata_schema") {
		t.Errorf("%+v", f)
	}
}

// What Plan lists, run by hand, leaves nothing for a run to make.
func TestPlanIsWhatARunMakes(t *testing.T) {
	w := newWorld(t)
	r := w.warehouse(func(o *Options) { o.Readers = []string{"analysts"} })
	tables := []*schema.Table{keyed(), composite()}
	planned, err := r.Plan(t.Context(), tables)
	if err != nil || len(planned) < 10 {
		t.Fatalf("%q, %v", planned, err)
	}
	for _, sql := range planned {
		w.query(must(w.config("loader")(t.Context())), sql)
	}
	if left, err := r.Plan(t.Context(), tables); err != nil || len(left) != 0 {
		t.Errorf("left: %q, %v", left, err)
	}
	w.fence(r, tables...)
	w.make(r, tables...)
	w.want(w.query(must(w.config("analysts")(t.Context())), "SELECT COUNT(*) FROM public_copy.words"), "0")
	w.want(w.query(must(w.config("analysts")(t.Context())), "SELECT COUNT(*) FROM rowshift_accounts.freshness"), "0")
}
