package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"rowshift/test/harness"
)

// Promises 6 and 7: marked values of columns that are not listed are nowhere, and
// secrets and row values are in no log, metric, argument, object name or statement.
func TestNothingLeaks(t *testing.T) {
	const excluded, replicated = "canary-7aa0-excluded", "canary-31bd-replicated"
	w := harness.Start(t, harness.Setup{
		Accounts: small,
		SQL: []string{
			"UPDATE person SET email = '" + excluded + "', full_name = '" + excluded + "', bio = '" + replicated + "' WHERE id = uid('p', 1)",
		},
	})
	d := w.MustRun(t)
	w.MustBecomeEqual(t)
	execute(t, w,
		"UPDATE person SET email = '"+excluded+"2', bio = '"+replicated+"2' WHERE id < uid('p', 500)",
		"INSERT INTO person VALUES (uid('leak', 1), '"+excluded+"', '"+excluded+"', true, '"+replicated+"', now())",
		"DELETE FROM person WHERE id = uid('leak', 1)",
		"UPDATE company SET plan = repeat('"+replicated+"', 4000) WHERE id = uid('c', 1)") // it does not fit: an error must not show it
	d.MustSee(t, `"halted"`)
	_, metrics, err := w.Get(t.Context(), "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	_, ready, err := w.Get(t.Context(), "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	arguments, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", d.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	places := map[string]string{
		"log": d.Log(), "metrics": metrics, "readyz": ready, "arguments": string(arguments),
		"objects": strings.Join(w.S3.Objects(t, ""), "\n"), "statements": strings.Join(w.Warehouse.Statements(), "\n"),
	}
	for place, body := range places {
		if body == "" && place != "objects" {
			t.Errorf("%s: nothing to search", place)
		}
		for _, mark := range []string{excluded, replicated, harness.LoaderPassword, harness.SourcePassword, w.S3.SecretKey} {
			if strings.Contains(body, mark) {
				t.Errorf("%s holds %q", place, mark)
			}
		}
	}
	target, err := harness.Rows(t.Context(), w.WarehouseDSN("dev", "dev"), "SELECT * FROM userdata.person")
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(target, "\n")
	if strings.Contains(all, excluded) {
		t.Error("an excluded column is in the warehouse")
	}
	if !strings.Contains(all, replicated) {
		t.Error("the search finds nothing where it must: the control failed")
	}
}
