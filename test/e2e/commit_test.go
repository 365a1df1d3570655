package e2e

import (
	"testing"
	"time"

	"rowshift/test/harness"
	"rowshift/test/redshifttest"
)

// Promise 1: a COMMIT whose answer is lost, or that never arrived, is neither repeated
// nor forgotten. A merge that Redshift aborts is tried again.
func TestLostCommits(t *testing.T) {
	t.Parallel()
	w, d := live(t, harness.Setup{
		Accounts: small,
		Config:   harness.Config{Batch: "{rows: 1000, min_interval: 10ms, max_age: 100ms}"},
	})
	load := w.Load(harness.Workload{Seed: 5, Writers: 2, Pause: 5 * time.Millisecond})
	for _, f := range []redshifttest.Fault{
		{Class: "COMMIT", After: true, Drop: true},
		{Class: "COMMIT", Drop: true},
		{Class: "DELETE", Code: "XX000", Message: "1023"},
		{Class: "INSERT", Match: "userdata", Code: "40001", Message: "conflict"},
		{Class: "COPY", Drop: true},
		{Class: "COMMIT", After: true, Drop: true},
	} {
		f.Application, f.Nth = "rowshift", 1
		i := w.Warehouse.Inject(f)
		reached(t, i)
		i.Remove()
		merged := warehouse(t, w, "SELECT lsn FROM rowshift.checkpoint")
		harness.Until(t, "the pipeline to go on", func() (bool, error) {
			return warehouse(t, w, "SELECT lsn FROM rowshift.checkpoint") != merged, nil
		})
	}
	if err := load.Stop(); err != nil {
		t.Error(err)
	}
	w.MustBecomeEqual(t)
	if code := d.Terminate(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
