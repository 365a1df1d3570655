package e2e

import (
	"strings"
	"testing"

	"rowshift/test/harness"
	"rowshift/test/redshifttest"
)

// Promises 1 and 4: with bucket.compression: gzip, what is loaded, merged, entered into the
// ledger and refused is compressed by gzip, and COPY is told so.
func TestGzip(t *testing.T) {
	t.Parallel()
	s := harness.Setup{
		SQL: []string{
			"CREATE TABLE note (id integer PRIMARY KEY, text text, weight double precision)", "ALTER TABLE note OWNER TO app_owner",
			"INSERT INTO note SELECT g, 'loaded', g FROM generate_series(1, 2000) AS g",
		},
		Config: harness.Config{Tables: []string{"public.note: {columns: all, rules: {text: {too_long: quarantine}}}"}, Bucket: []string{"compression: gzip"}},
	}
	w := harness.Start(t, s)
	gzip, zstd := w.Warehouse.Inject(redshifttest.Fault{Class: "COPY", Match: " GZIP "}), w.Warehouse.Inject(redshifttest.Fault{Class: "COPY", Match: " ZSTD "}) // they only count
	d := w.MustRun(t)
	pair := harness.Pair{Name: "note", Source: "SELECT id, text, NULLIF(weight, 'NaN') FROM public.note WHERE LENGTH(text) < 100", Target: "SELECT id, text, weight FROM userdata.note"}
	w.MustBecomeEqual(t, pair)
	loads := gzip.Hits()
	execute(t, w, "UPDATE note SET text = 'merged' WHERE id < 100", "UPDATE note SET text = repeat('x', 70000) WHERE id = 7",
		"UPDATE note SET weight = 'NaN' WHERE id = 8")
	w.MustBecomeEqual(t, pair)
	if loads == 0 || gzip.Hits() == loads || zstd.Hits() != 0 {
		t.Errorf("%d loads and %d COPYs in all by gzip, %d by zstd", loads, gzip.Hits(), zstd.Hits())
	}
	if n := warehouse(t, w, "SELECT COUNT(*) FROM rowshift.ledger"); n == "0" {
		t.Error("nothing is in the ledger")
	}
	object := warehouse(t, w, `SELECT object FROM rowshift.quarantine WHERE "key" = '["7"]'`)
	if _, key, _ := strings.Cut(strings.TrimPrefix(object, "s3://"), "/"); !strings.HasSuffix(key, ".jsonl.gz") || !strings.HasPrefix(string(w.S3.Get(t, key)), "\x1f\x8b") {
		t.Errorf("the refused row is in %q", object)
	}
	if code := end(t, w, d); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
