package e2e

import (
	"os"
	"regexp"
	"testing"

	"rowshift/test/harness"
)

// runbookQueries runs each query of the runbook on the server for which it is meant:
// blocks that are marked sql source or sql warehouse, and queries of PostgreSQL's own
// views within a line. It does not run blocks marked just sql, which change something.
func runbookQueries(t *testing.T, w *harness.World) {
	t.Helper()
	page, err := os.ReadFile("../../deploy/README.md")
	if err != nil {
		t.Fatal(err)
	}
	run := func(dsn, query string) {
		t.Helper()
		if _, err := harness.Rows(t.Context(), dsn, query); err != nil {
			t.Errorf("the runbook's query fails: %v\n%s", err, query)
		}
	}
	blocks := regexp.MustCompile("(?ms)^```sql (source|warehouse)\n(.*?)^```$").FindAllStringSubmatch(string(page), -1)
	for _, b := range blocks {
		if b[1] == "source" {
			run(w.SourceDSN(), b[2])
		} else {
			run(w.WarehouseDSN("dev", "dev"), b[2])
		}
	}
	spans := regexp.MustCompile("`(SELECT [^`]* FROM pg_[^`]*)`").FindAllStringSubmatch(string(page), -1)
	for _, s := range spans {
		run(w.SourceDSN(), s[1])
	}
	if len(blocks) < 8 || len(spans) == 0 {
		t.Errorf("%d blocks and %d spans found: this test looks in the wrong place", len(blocks), len(spans))
	}
}
