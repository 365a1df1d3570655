package e2e

import (
	"context"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"testing"
	"time"

	"rowshift/test/harness"
)

func TestMain(m *testing.M) {
	debug.SetGCPercent(400) // the worlds of several tests share two cores, and have memory to spare
	code := m.Run()
	harness.RemoveBuilds()
	os.Exit(code)
}

// small is a source that is loaded within a moment.
var small = harness.Accounts{Companies: 200, Persons: 1000, Memberships: 1200}

// fromEnv returns a number from the environment, for runs that are longer than usual.
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

// end tells a daemon to end, waits until the server has noticed, and returns the exit
// code. The daemon itself does not wait for the server: for a moment after it, the slot
// can still be in use and lack the last acknowledgement.
func end(t *testing.T, w *harness.World, d *harness.Daemon) int {
	t.Helper()
	code := d.Terminate(t)
	unused(t, w)
	return code
}

// unused waits until nobody streams from the slot, which cannot be dropped earlier.
func unused(t *testing.T, w *harness.World) {
	t.Helper()
	harness.Until(t, "the slot to be left", func() (bool, error) {
		rows, err := harness.Rows(t.Context(), w.SourceDSN(), "SELECT count(*) FROM pg_replication_slots WHERE active")
		return slices.Equal(rows, []string{"0"}), err
	})
}

// patience is how long a statement of a test may take, so that one which waits for a lock
// for ever fails where it stands.
const patience = 3 * time.Minute

// execute runs statements on the source, each in a transaction of its own.
func execute(t *testing.T, w *harness.World, statements ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := w.Execute(ctx, statements...); err != nil {
		t.Fatal(err)
	}
}

// change runs statements on the warehouse as a superuser.
func change(t *testing.T, w *harness.World, statements ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, s := range statements {
		if _, err := harness.Rows(ctx, w.WarehouseDSN("dev", "dev"), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// one returns the single value of a query on the source.
func one(t *testing.T, w *harness.World, query string) string {
	t.Helper()
	return ask(t, w.SourceDSN(), query)
}

// warehouse returns the single value of a query on the warehouse.
func warehouse(t *testing.T, w *harness.World, query string) string {
	t.Helper()
	return ask(t, w.WarehouseDSN("dev", "dev"), query)
}

func ask(t *testing.T, dsn, query string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	rows, err := harness.Rows(ctx, dsn, query)
	if err != nil || len(rows) != 1 {
		t.Fatalf("%s: %v, %v", query, rows, err)
	}
	return rows[0]
}
