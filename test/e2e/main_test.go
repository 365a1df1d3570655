package e2e

import (
	"os"
	"strconv"
	"testing"

	"rowshift/test/harness"
)

func TestMain(m *testing.M) {
	code := m.Run()
	harness.RemoveBuilds()
	os.Exit(code)
}

// small is a source that is loaded in a moment.
var small = harness.Accounts{Companies: 200, Persons: 1000, Memberships: 1200}

// fromEnv is a number from the environment, for runs that are longer than usual.
func fromEnv(name string, usual int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil && n > 0 {
		return n
	}
	return usual
}

// live starts a daemon and waits until all tables are live and equal.
func live(t *testing.T, s harness.Setup) (*harness.World, *harness.Daemon) {
	t.Helper()
	w := harness.Start(t, s)
	d := w.MustRun(t)
	w.MustBecomeEqual(t)
	return w, d
}

// execute runs statements on the source, as one transaction each.
func execute(t *testing.T, w *harness.World, statements ...string) {
	t.Helper()
	if err := w.Execute(t.Context(), statements...); err != nil {
		t.Fatal(err)
	}
}

// one asks the source for one value.
func one(t *testing.T, w *harness.World, query string) string {
	t.Helper()
	rows, err := harness.Rows(t.Context(), w.SourceDSN(), query)
	if err != nil || len(rows) != 1 {
		t.Fatalf("%s: %v, %v", query, rows, err)
	}
	return rows[0]
}
