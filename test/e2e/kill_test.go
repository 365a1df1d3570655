package e2e

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"rowshift/test/harness"
	"rowshift/test/redshifttest"
)

// phase is a place on a change's road where a daemon dies.
type phase struct {
	name string
	// at lets the daemon go on until it is there; what it returns lets the others go
	// on once the daemon is dead.
	at func(*testing.T, *harness.World, *harness.Daemon) (after func())
}

// Promises 1, 2, 3 and 5: whatever a daemon dies of, and where, nothing is lost and
// nothing applied twice. The seeded moments are spread over all phases; one that was
// never reached fails the test.
func TestKill(t *testing.T) {
	kills := fromEnv("ROWSHIFT_TEST_KILLS", 50)
	if testing.Short() {
		kills = 10
	}
	w := harness.Start(t, harness.Setup{
		Accounts: harness.Accounts{Companies: 500, Persons: 4000, Memberships: 4000},
		Config:   harness.Config{Batch: "{rows: 1000, min_interval: 20ms, max_age: 200ms}"},
	})
	load := w.Load(harness.Workload{Seed: 11, Writers: 2, Pause: 20 * time.Millisecond})
	phases := []phase{
		{"snapshot", duringLoad},
		{"decoding", decoding},
		{"staging", staging},
		{"merging", stalledAt(redshifttest.Fault{Class: "INSERT", Match: "userdata", Application: "rowshift", Nth: 1, Stall: -1})},
		{"between COMMIT and acknowledgement", stalledAt(redshifttest.Fault{Class: "COMMIT", Application: "rowshift", Nth: 1, After: true, Stall: -1})},
		{"COMMIT not run", stalledAt(redshifttest.Fault{Class: "COMMIT", Application: "rowshift", Nth: 1, Stall: -1})},
		{"anywhere", anywhere(rand.New(rand.NewPCG(11, 11)))},
	}
	each := max(1, kills/len(phases))
	reachedPhase := map[string]int{}
	for _, p := range phases {
		for range each {
			d := w.MustRun(t)
			if p.name != "snapshot" {
				d.MustSee(t, `"state":"live"`) // what a load's snapshot sees is not decoded
			}
			after := p.at(t, w, d)
			d.Kill()
			after()
			reachedPhase[p.name]++
		}
	}
	for range kills - each*len(phases) {
		d := w.MustRun(t)
		d.MustSee(t, `"state":"live"`)
		after := decoding(t, w, d)
		d.Kill()
		after()
		reachedPhase["decoding"]++
	}
	if err := load.Stop(); err != nil {
		t.Error(err)
	}
	w.MustRun(t)
	w.MustBecomeEqual(t)
	t.Logf("%d kills by phase: %v; %d transactions of the source", kills, reachedPhase, load.Transactions.Load())
	for _, p := range phases {
		if reachedPhase[p.name] == 0 {
			t.Errorf("no daemon died at %q", p.name)
		}
	}
}

// duringLoad waits until the load's COPY hangs.
func duringLoad(t *testing.T, w *harness.World, d *harness.Daemon) func() {
	return stalledAt(redshifttest.Fault{Class: "COPY", Match: "load_", Application: "rowshift", Nth: 1, Stall: -1})(t, w, d)
}

// stalledAt waits until a statement of the daemon hangs.
func stalledAt(f redshifttest.Fault) func(*testing.T, *harness.World, *harness.Daemon) func() {
	return func(t *testing.T, w *harness.World, _ *harness.Daemon) func() {
		i := w.Warehouse.Inject(f)
		reached(t, i)
		return i.Remove
	}
}

// decoding waits until a part of a transaction that is larger than a batch has been
// handed over, and its commit has not.
func decoding(t *testing.T, w *harness.World, d *harness.Daemon) func() {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil { // it can meet the load in a deadlock
			if w.Execute(ctx, "UPDATE person SET last_seen_at = last_seen_at + interval '1 minute'") == nil {
				return
			}
		}
	}()
	d.MustSee(t, `"commit":false`)
	return func() {
		cancel()
		<-done
	}
}

// staging waits until a batch is sealed that the bucket does not take.
func staging(t *testing.T, w *harness.World, d *harness.Daemon) func() {
	w.Link.Stall()
	held := 0 // looks in a row that found a batch sealed and not staged
	harness.Until(t, "a batch to be staged", func() (bool, error) {
		log := d.Log()
		if strings.Count(log, `"sealed"`) > strings.Count(log, `"staged"`) {
			held++
		} else {
			held = 0
		}
		return held > 5, nil
	})
	return func() {
		w.Link.Resume()
		w.Link.ResetAll()
	}
}

// anywhere waits for a moment of no special kind.
func anywhere(rng *rand.Rand) func(*testing.T, *harness.World, *harness.Daemon) func() {
	return func(t *testing.T, _ *harness.World, d *harness.Daemon) func() {
		lines := rng.IntN(60)
		harness.Until(t, "so many lines of log", func() (bool, error) { return strings.Count(d.Log(), "\n") >= lines, nil })
		return func() {}
	}
}

// Promise 1: a COMMIT whose answer is lost, or that never arrived, is neither
// repeated nor forgotten.
func TestLostCommits(t *testing.T) {
	w, d := live(t, harness.Setup{
		Accounts: small,
		Config:   harness.Config{Batch: "{rows: 1000, min_interval: 10ms, max_age: 100ms}"},
	})
	answers := w.Warehouse.Inject(redshifttest.Fault{Class: "COMMIT", Application: "rowshift", Probability: 0.15, Seed: 1, After: true, Drop: true})
	requests := w.Warehouse.Inject(redshifttest.Fault{Class: "COMMIT", Application: "rowshift", Probability: 0.15, Seed: 2, Drop: true})
	conflicts := w.Warehouse.Inject(redshifttest.Fault{Class: "DELETE", Application: "rowshift", Probability: 0.1, Seed: 3, Code: "XX000", Message: "1023"})
	load := w.Load(harness.Workload{Seed: 5, Writers: 2, Pause: 2 * time.Millisecond})
	harness.Until(t, "each fault to strike", func() (bool, error) {
		return answers.Hits() >= 3 && requests.Hits() >= 3 && conflicts.Hits() >= 2, nil
	})
	if err := load.Stop(); err != nil {
		t.Error(err)
	}
	for _, i := range []*redshifttest.Injected{answers, requests, conflicts} {
		i.Remove()
	}
	w.MustBecomeEqual(t)
	if code := d.Terminate(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
