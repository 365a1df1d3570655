package e2e

import (
	"strings"
	"testing"
	"time"

	"rowshift/test/harness"
	"rowshift/test/redshifttest"
)

// Promise 2: the warehouse may be away for far longer than the server's timeout. The
// slot's connection stays alive although the reader can hand nothing over.
func TestStalledWarehouseKeepsTheStream(t *testing.T) {
	t.Parallel()
	const long = 30 * time.Second
	s := harness.Setup{Accounts: small, Config: harness.Config{Batch: "{rows: 1000, min_interval: 50ms, max_age: 200ms}"}}
	s.Source.Settings = map[string]string{"wal_sender_timeout": "8s"}
	w, d := live(t, s)
	const sender = "SELECT pid, backend_start FROM pg_stat_replication WHERE application_name LIKE 'rowshift%'"
	before := one(t, w, sender)
	loaded := len(d.Log()) // the load may have been tried again
	stalled := w.Warehouse.Inject(redshifttest.Fault{Class: "COPY", Application: "rowshift", Stall: -1})
	execute(t, w, "UPDATE company SET plan = 'stalled'")
	reached(t, stalled)
	until := time.Now().Add(long)
	load := w.Load(harness.Workload{Seed: 8, Writers: 2, Pause: 100 * time.Millisecond})
	harness.Until(t, "batches to wait", func() (bool, error) {
		return strings.Count(d.Log(), `"message":"sealed"`) > strings.Count(d.Log(), `"message":"merge"`)+1, nil
	})
	err := harness.Await(t.Context(), 2*long+time.Minute, "the stall to be long", func() (bool, error) {
		if now := one(t, w, sender); now != before {
			t.Fatalf("the stream was opened again: %s, then %s", before, now)
		}
		return time.Now().After(until), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	stalled.Remove()
	if err := load.Stop(); err != nil {
		t.Error(err)
	}
	w.MustBecomeEqual(t)
	if after := one(t, w, sender); after != before {
		t.Errorf("the stream was opened again: %s, then %s", before, after)
	}
	if strings.Contains(d.Log()[loaded:], `"message":"restarting"`) {
		t.Error("the daemon restarted its pass")
	}
}
