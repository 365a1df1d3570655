package e2e

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"rowshift/test/harness"
)

// Promises 1, 2, 3 and 5: whatever kills a daemon, and where, nothing is lost and nothing
// is applied twice. The moments, drawn from a seed, are spread over all phases. Each
// phase ends with source and warehouse equal, because a later change must not hide what
// an earlier kill lost. A phase that is never reached fails the test.
func TestKill(t *testing.T) {
	t.Parallel()
	kills := fromEnv("ROWSHIFT_TEST_KILLS", 50)
	if testing.Short() {
		kills = 10
	}
	const together = 4 // phases in one world
	for from := 0; from < len(phases); from += together {
		t.Run(phases[from].name, func(t *testing.T) {
			t.Parallel()
			w := harness.Start(t, harness.Setup{
				Accounts: harness.Accounts{Companies: 500, Persons: 4000, Memberships: 4000},
				Config:   harness.Config{Batch: "{rows: 1000, min_interval: 100ms, max_age: 400ms}"},
			})
			for n := from; n < min(from+together, len(phases)); n++ {
				times := kills / len(phases)
				if n < kills%len(phases) {
					times++
				}
				killWhile(t, w, n, times)
			}
		})
	}
}

// killWhile kills that many daemons in a phase, and then checks that all is equal.
func killWhile(t *testing.T, w *harness.World, n, times int) {
	t.Helper()
	p, seed, deaths := phases[n], uint64(fromEnv("ROWSHIFT_TEST_SEED", 11)), 0
	k := &killer{world: w, rng: rand.New(rand.NewPCG(seed, uint64(n)))}
	load := w.Load(harness.Workload{Seed: seed*100 + uint64(n), Writers: 2, Pause: 20 * time.Millisecond})
	for range times {
		if k.kill(t, p) {
			deaths++
		}
	}
	if err := load.Stop(); err != nil {
		t.Error(err)
	}
	last := w.MustRun(t)
	if err := w.BecomeEqual(t.Context(), 3*time.Minute); err != nil {
		t.Fatalf("after kills while %s (seed %d): %v", p.name, seed, err)
	}
	k.settle()
	w.MustBecomeEqual(t) // what is released last changes nothing any more
	last.Kill()
	t.Logf("seed %d: %d of %d daemons died while %s", seed, deaths, times, p.name)
	if times > 0 && deaths == 0 {
		t.Errorf("no daemon died while %s", p.name)
	}
}

// killer kills the daemons of a world one after another.
type killer struct {
	world *harness.World
	rng   *rand.Rand
	left  []func() // functions that release what the dead daemons have left hanging
}

// kill starts a daemon and kills it in a phase. What the daemon before has left hanging
// in the warehouse is released before this one starts or after its death. kill reports
// whether the daemon ended by the kill, and not by itself before.
func (k *killer) kill(t *testing.T, p phase) bool {
	t.Helper()
	if k.rng.IntN(2) == 0 {
		k.settle()
	}
	if p.first {
		k.settle()
		k.startOver(t)
	}
	f := p.begin(t, k)
	d := k.world.MustRun(t)
	if !p.first {
		d.MustSee(t, `"state":"live"`) // the changes that a load's snapshot sees are not decoded
	}
	after := f(t, d)
	d.Kill()
	code, err := d.Ended(t.Context())
	k.settle()
	if p.lingers {
		k.left = append(k.left, after)
	} else {
		after()
	}
	return err == nil && code == -1 // ended by a signal
}

// settle releases whatever hangs.
func (k *killer) settle() {
	for _, f := range k.left {
		f()
	}
	k.left = nil
}

// startOver makes the next daemon the first of its pipeline, without checkpoint and slot.
func (k *killer) startOver(t *testing.T) {
	t.Helper()
	unused(t, k.world)
	execute(t, k.world, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")
	// The transactions of dead daemons hold locks, as they do in Redshift.
	ended := "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'loader'"
	harness.Until(t, "the sessions of the dead to end", func() (bool, error) {
		rows, err := harness.Rows(t.Context(), k.world.Backing.DSN("dev"), ended)
		return slices.Equal(rows, []string{"0"}), err
	})
	if warehouse(t, k.world, "SELECT COUNT(*) FROM pg_namespace WHERE nspname = 'rowshift'") == "0" {
		return
	}
	change(t, k.world, "DROP SCHEMA rowshift CASCADE")
}
