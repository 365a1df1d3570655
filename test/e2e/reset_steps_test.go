package e2e

import (
	"fmt"
	"testing"
	"time"

	"rowshift/test/harness"
	"rowshift/test/proxytest"
)

// A reset may die before or after each statement that touches the source, above all
// between dropping the slot and making the next one. Whichever daemon comes next, even if
// it dies at the same place, continues it.
func TestResetSlotIsKilledAtEachStepOnTheSource(t *testing.T) {
	t.Parallel()
	w, d := live(t, lost())
	d.Terminate(t)
	link := proxytest.StartTCP(t, fmt.Sprintf("%s:%d", w.Source.Host, w.Source.Port))
	if err := w.SetConfig(func(c *harness.Config) { c.SourceAddr = link.Addr() }); err != nil {
		t.Fatal(err)
	}
	steps := []string{
		"pg_try_advisory_lock", "pg_drop_replication_slot", "pg_create_logical_replication_slot", "pg_current_xact_id",
		"pg_logical_emit_message", "START_REPLICATION",
	}
	if testing.Short() {
		steps = steps[1:3]
	}
	for n, step := range steps {
		token := fmt.Sprint("killed at ", step)
		for again, ways := range [][]proxytest.Direction{{proxytest.Up, proxytest.Down}, {proxytest.Down}} {
			execute(t, w, fmt.Sprintf("UPDATE company SET plan = 'at %d, %d' WHERE id < uid('c', 100)", n, again))
			reached := link.StopAt(step, ways...)
			d = w.MustRun(t, "--reset-slot="+token)
			select {
			case <-reached:
			case <-time.After(patience):
				t.Fatalf("the daemon never sent %s", step)
			}
			if step == "pg_create_logical_replication_slot" && again == 0 {
				if n := one(t, w, "SELECT count(*) FROM pg_replication_slots"); n != "0" {
					t.Errorf("%s slots between the drop and the making", n)
				}
			}
			d.Kill()
			if n%2 == 0 {
				link.ResetAll() // what the link held back never arrives
			}
			link.Resume()
			link.ResetAll()
		}
		d = w.MustRun(t, "--reset-slot="+token)
		isDone(t, w, token)
		w.MustBecomeEqual(t)
		d.Kill()
	}
	if n := one(t, w, "SELECT count(*) FROM pg_replication_slots"); n != "1" {
		t.Errorf("%s slots", n)
	}
}
