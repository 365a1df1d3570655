package surface

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestUnlistedStatementsAreTold(t *testing.T) {
	var r Recorder
	r.Record("psql", "SELECT 'not the daemon'")
	r.Record("rowshift/accounts", "BEGIN;\nSELECT pg_last_copy_count(); COMMIT")
	if err := r.Check(); err != nil {
		t.Error(err)
	}
	if missing, all := r.Missing(); len(missing) >= all || slices.Contains(missing, "BEGIN") || !slices.Contains(missing, "ROLLBACK") {
		t.Errorf("of %d forms were not sent: %q", all, missing)
	}
	t.Setenv("ROWSHIFT_RECORD", "")
	t.Setenv("ROWSHIFT_SENT", "")
	r.Record("rowshift/accounts", "VACUUM a")
	if err := r.Check(); err == nil || !strings.Contains(err.Error(), "VACUUM a") || !strings.Contains(err.Error(), "ROWSHIFT_RECORD=1") {
		t.Errorf("a statement that is not on the list: %v", err)
	}
}

// The list is exactly what page writes, so an edit by hand is noticed.
func TestTheListIsInOrder(t *testing.T) {
	if got := page(lines(statements)); got != statements {
		t.Errorf("statements.sql should be\n%s", got)
	}
	if n := len(lines(statements)); n < 50 || n > 350 {
		t.Errorf("%d statements are no page", n)
	}
}

// external are views that also show external schemas. They ask the catalogues of those
// for everything: 2 min 21 s for the 11,000 tables of a Glue catalogue.
// https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_TABLES.html
// https://github.com/aws/amazon-redshift-jdbc-driver/issues/64
var external = []string{"svv_tables", "svv_columns", "svv_all_", "svv_external_", "information_schema"}

// The daemon reads no external schema, and never joins a view of the catalogue with
// another, since such a join spans leader and compute nodes.
// https://github.com/dbt-labs/dbt-adapters/pull/1660
func TestTheCatalogueIsReadNearby(t *testing.T) {
	looks := 0
	for _, form := range lines(statements) {
		views := strings.Count(strings.ToLower(form), "svv_")
		looks += views
		if views > 1 {
			t.Errorf("views are joined: %s", form)
		}
		for _, name := range external {
			if strings.Contains(strings.ToLower(form), name) {
				t.Errorf("%s is read: %s", name, form)
			}
		}
	}
	if looks == 0 {
		t.Error("no look at the catalogue was found")
	}
}

// After a whole run has left all statements in the folder ROWSHIFT_ALL_SENT, nothing may
// be on the list that was not sent.
func TestEachIsSent(t *testing.T) {
	dir := os.Getenv("ROWSHIFT_ALL_SENT")
	if dir == "" {
		t.Skip("make test runs this behind all other tests")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.sql"))
	if err != nil || len(files) == 0 {
		t.Fatal("nothing was recorded", err)
	}
	var sent []string
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, lines(string(content))...)
	}
	for _, form := range lines(statements) {
		if !slices.Contains(sent, form) {
			t.Errorf("nobody sends this any more (make surface takes it off the list):\n  %s", form)
		}
	}
}
