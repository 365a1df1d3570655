package redshift

import (
	"slices"
	"strings"
	"testing"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
	"rowshift/test/redshifttest"

	"github.com/jackc/pgx/v5/pgconn"
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

// check checks a warehouse and some tables, with the object that the bucket's check puts. A
// finding that failed, or could not be asked, must say what repairs it.
func (w *world) check(r *Warehouse, tables ...*schema.Table) []replicator.Finding {
	w.t.Helper()
	var findings []replicator.Finding
	for _, f := range w.stager.Check(w.t.Context(), func(manifest string) { findings = r.Check(w.t.Context(), tables, manifest) }) {
		if f.Verdict != replicator.Fine {
			w.t.Errorf("%+v", f)
		}
	}
	for _, f := range findings {
		if f.Found == "" || (f.Repair == "") != (f.Verdict == replicator.Fine) {
			w.t.Errorf("%+v", f)
		}
	}
	return findings
}

func TestCheckBeforeTheFirstRun(t *testing.T) {
	w := newWorld(t)
	r := w.warehouse(func(o *Options) { o.Readers = []string{"analysts"} })
	before := w.below("SELECT relname FROM pg_class WHERE relnamespace <> 'redshift_catalog'::regnamespace ORDER BY 1")
	for _, f := range w.check(r, keyed()) {
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
		o.Print = true
		o.Readers, o.CopyRole = []string{"nobody", "group nobodies"}, "arn:aws:iam::1:role/stranger"
	})
	findings := w.check(r, table)
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
	findings = w.check(w.warehouse(func(o *Options) { o.Schema, o.MetadataSchema = "theirs", "nowhere" }))
	for subject, repair := range map[string]string{"schema theirs": `GRANT USAGE, CREATE ON SCHEMA "theirs"`, "schema nowhere": `CREATE SCHEMA IF NOT EXISTS "nowhere" AUTHORIZATION "loader";`} {
		if f := find(t, findings, subject); f.Verdict != replicator.Failure || !strings.Contains(f.Repair, repair) {
			t.Errorf("%s: %+v", subject, f)
		}
	}
}

func TestCheckOfAnotherPipelinesSchema(t *testing.T) {
	w := newWorld(t)
	w.withWords()
	r := w.warehouse(func(o *Options) { o.Pipeline = "orders" })
	if f := find(t, w.check(r), "checkpoint"); f.Verdict != replicator.Failure || !strings.Contains(f.Found, "accounts") || !strings.Contains(f.Repair, "warehouse.metadata_schema") {
		t.Errorf("%+v", f)
	}
}

// What Plan lists, run by hand, leaves nothing for a run to make.
func TestPlanIsWhatARunMakes(t *testing.T) {
	w := newWorld(t)
	r := w.warehouse(func(o *Options) { o.Readers = []string{"analysts"} })
	tables := []*schema.Table{keyed(), composite()}
	planned, err := r.Plan(t.Context(), tables, replicator.Foreseen{})
	if err != nil || len(planned) < 10 {
		t.Fatalf("%q, %v", planned, err)
	}
	for _, sql := range planned {
		w.query(must(w.config("loader")(t.Context())), sql)
	}
	if left, err := r.Plan(t.Context(), tables, replicator.Foreseen{}); err != nil || len(left) != 0 {
		t.Errorf("left: %q, %v", left, err)
	}
	w.fence(r, tables...)
	w.make(r, tables...)
	w.want(w.query(must(w.config("analysts")(t.Context())), "SELECT COUNT(*) FROM public_copy.words"), "0")
	w.want(w.query(must(w.config("analysts")(t.Context())), "SELECT COUNT(*) FROM rowshift_accounts.freshness"), "0")
}

// What Redshift says of a COPY of a manifest that names a file which is not there.
func TestCheckOfTheRole(t *testing.T) {
	tests := []struct {
		says    string
		verdict replicator.Verdict
		repair  string
	}{
		{"Mandatory url is not present in manifest file.", replicator.Fine, ""},
		{"S3ServiceException:The specified key does not exist.,Status 404,Error NoSuchKey,Rid 0", replicator.Fine, ""},
		{"S3ServiceException:Access Denied,Status 403,Error AccessDenied,Rid 0", replicator.Failure, `"s3:GetObject","Resource":"arn:aws:s3:::acme/p/accounts/*"`},
		{"Problem reading manifest file - S3ServiceException:Access Denied,Status 403,Error AccessDenied,Rid 0", replicator.Failure, `"s3:ListBucket","Resource":"arn:aws:s3:::acme"`},
		{"COPY with MANIFEST parameter requires full path of an S3 object.", replicator.Failure, `"s3:prefix":"p/accounts/*"`},
		{"S3ServiceException:Rate exceeded,Status 400,Error KMS.ThrottlingException", replicator.Warning, "not known"},
		{"S3ServiceException:because,Status 400,Error KMS.DependencyTimeoutException", replicator.Warning, "not known"},
		{"S3ServiceException:because,Status 400,Error KMS.KeyUnavailableException", replicator.Warning, "not known"},
		{"S3ServiceException:The ciphertext refers to a customer master key that you may not use,Status 400,Error KMS.AccessDeniedException", replicator.Failure, "kms:Decrypt"},
		{"S3ServiceException:The bucket you are attempting to access must be addressed using the specified endpoint.,Status 301,Error PermanentRedirect", replicator.Failure, "bucket.region"},
		{"Problem reading manifest file - S3ServiceException:The specified key does not exist.,Status 404,Error NoSuchKey,Rid 0", replicator.Failure, "bucket.url"},
		{"User arn:aws:redshift:a:1:dbuser:c/l is not authorized to assume IAM Role arn:aws:iam::1:role/copy", replicator.Failure, "GRANT ASSUMEROLE ON"},
		{"S3CurlException: Connection timed out after 50001 milliseconds", replicator.Warning, "sys_query_history"},
		{"canary", replicator.Warning, "sys_query_history"},
	}
	w := New(Options{CopyRole: copyRole})
	for _, test := range tests {
		err := (&session{}).failed("copy", &pgconn.PgError{Severity: "ERROR", Code: "XX000", Message: test.says})
		verdict, repair := w.judgeCopy(err, "s3://acme/p/accounts/check-1.manifest", `"loader"`)
		if verdict != test.verdict || !strings.Contains(repair, test.repair) || (repair == "") != (verdict == replicator.Fine) {
			t.Errorf("%s: %s, repair: %s", test.says, verdict, repair)
		}
	}
	if verdict, _ := w.judgeCopy(nil, "s3://acme/a", "l"); verdict != replicator.Warning {
		t.Errorf("a COPY that loaded nothing from nowhere: %s", verdict)
	}
}

// A COPY that the role may not do halts once that has lasted, because changes in IAM take a
// while to be known everywhere. A COPY that is refused for another reason does not count.
func TestCopyThatMayNotReadHalts(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	m := w.merging(w.stage(batch(t, table, "insert a|1|x"))...)
	refused := func(says string) error {
		t.Helper()
		f := w.server.Inject(redshifttest.Fault{Class: "COPY", Code: "XX000", Message: says})
		defer f.Remove()
		_, err := r.Merge(t.Context(), m)
		if err == nil || replicator.Retryable(err) {
			t.Errorf("%v", err)
		}
		return err
	}
	const denied, late = "S3ServiceException:Access Denied,Status 403,Error AccessDenied,Rid 0", "S3CurlException: Connection timed out"
	ago := time.Now().Add(-rolePatience)
	r.role.Extend(ago, rolePatience)
	if err := refused(late); replicator.Final(err) {
		t.Errorf("refused for another reason: %v", err)
	}
	for range 2 {
		if h := wantHalt(t, refused(denied), replicator.WarehouseUnfit); !strings.Contains(h.Found, "Access Denied") || !strings.Contains(h.Repair, `"s3:GetObject"`) {
			t.Errorf("%+v", h)
		}
	}
	if _, err := r.Merge(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	w.position = m.Checkpoint.LSN
	m = w.merging(w.stage(batch(t, table, "insert b|1|x"))...)
	if err := refused(denied); replicator.Final(err) {
		t.Errorf("after a COPY that read: %v", err)
	}
}

func TestCheckOfTheRoleReadsTheBucket(t *testing.T) {
	w := newWorld(t)
	r := w.warehouse(nil)
	if f := find(t, w.check(r), "COPY role"); f.Verdict != replicator.Fine {
		t.Errorf("%+v", f)
	}
	if f := find(t, r.Check(t.Context(), nil, "s3://"+w.s3.Bucket+"/nothing.manifest"), "COPY role"); f.Verdict != replicator.Failure {
		t.Errorf("of a manifest that is not there: %+v", f)
	}
	if f := find(t, r.Check(t.Context(), nil, ""), "COPY role"); f.Verdict != replicator.Unasked || f.Repair == "" {
		t.Errorf("without a manifest: %+v", f)
	}
}

func TestCheckOfATargetOfSomebodyElse(t *testing.T) {
	w := newWorld(t)
	r, table := w.withWords()
	if f := find(t, w.check(r, table), "target words"); f.Verdict != replicator.Fine {
		t.Errorf("%+v", f)
	}
	w.admin("ALTER TABLE public_copy.words OWNER TO dev")
	f := find(t, w.check(r, table), "target words")
	if f.Verdict != replicator.Failure || !strings.Contains(f.Found, "owned by dev") || f.Repair != `ALTER TABLE "public_copy"."words" OWNER TO "loader";` {
		t.Fatalf("%+v", f)
	}
	w.admin(strings.TrimSuffix(f.Repair, ";"))
	if f := find(t, w.check(r, table), "target words"); f.Verdict != replicator.Fine {
		t.Errorf("%+v", f)
	}
}
