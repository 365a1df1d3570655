package e2e

import (
	"strings"
	"testing"

	"rowshift/test/harness"
)

// Uninstalling a daemon leaves nothing on the source that keeps log, and leaves the
// targets as they are. While a daemon runs, nothing is taken from it.
func TestTeardown(t *testing.T) {
	t.Parallel()
	w, d := live(t, harness.Setup{Accounts: small})
	left := func() string {
		return one(t, w, "SELECT (SELECT count(*) FROM pg_replication_slots) + (SELECT count(*) FROM pg_publication)")
	}
	if out, errs, code, err := w.Command(t.Context(), "teardown", "--yes"); err != nil || code != 1 || !strings.Contains(errs, "stop it first") || left() != "2" {
		t.Errorf("while the daemon runs: exit code %d, %v, %s left\n%s%s", code, err, left(), out, errs)
	}
	end(t, w, d)
	for _, test := range []struct {
		args []string
		says string
		left string
	}{
		{nil, "pg_drop_replication_slot", "2"},
		{nil, "DROP PUBLICATION", "2"},
		{[]string{"--yes"}, "done", "0"},
		{[]string{"--yes"}, "nothing is due", "0"},
	} {
		out, errs, code, err := w.Command(t.Context(), append([]string{"teardown"}, test.args...)...)
		if err != nil || code != 0 || !strings.Contains(out, test.says) || left() != test.left {
			t.Errorf("teardown %v: exit code %d, %v, %s left\n%s%s", test.args, code, err, left(), out, errs)
		}
	}
	if n := warehouse(t, w, "SELECT COUNT(*) FROM userdata.person"); n != "1000" {
		t.Errorf("%s persons are left", n)
	}
}
