package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"rowshift/test/harness"
	"rowshift/test/redshifttest"
)

// phase is a place on a change's way at which a daemon dies.
type phase struct {
	name    string
	first   bool // the daemon is the first of its pipeline
	lingers bool // what hangs in the warehouse may outlive the daemon

	// begin is called before the daemon starts. It returns a function that waits until
	// the daemon is at the place, which in turn returns a function that releases what
	// hangs, to be called once the daemon is dead.
	begin func(*testing.T, *killer) toThere
}

type toThere func(*testing.T, *harness.Daemon) (after func())

var phases = []phase{
	{"creating the slot", true, true, creating},
	{"reading the snapshot", true, false, reading},
	{"loading", true, true, loading},
	{"holding changes", true, false, holding},
	{"applying held changes", true, true, applying},
	{"decoding", false, false, decoding},
	{"staging", false, false, staging},
	{"copying", false, true, copying},
	{"merging", false, true, merging},
	{"before COMMIT", false, true, committing},
	{"between COMMIT and acknowledgement", false, true, committed},
	{"anywhere", false, false, anywhere},
}

// stall makes one statement of the daemons hang.
func (k *killer) stall(f redshifttest.Fault) *redshifttest.Injected {
	f.Application, f.Stall = "rowshift", -1
	if f.Nth == 0 {
		f.Nth = 1
	}
	return k.world.Warehouse.Inject(f)
}

// creating is before or after one of the first transactions of a pipeline: the first
// checkpoint is written, the slot is proved, the epoch is raised, the load is remembered.
func creating(_ *testing.T, k *killer) toThere {
	i := k.stall(redshifttest.Fault{Class: "COMMIT", Nth: 1 + k.rng.IntN(4), After: k.rng.IntN(2) == 0})
	return func(t *testing.T, _ *harness.Daemon) func() {
		reached(t, i)
		return i.Remove
	}
}

// reading is while ranges of the snapshot are read into files that the bucket does not
// accept. The snapshot is held, and nothing of it is loaded.
func reading(_ *testing.T, k *killer) toThere {
	k.world.Link.Stall()
	return func(t *testing.T, d *harness.Daemon) func() {
		d.MustSee(t, `"message":"loading"`)
		if n := one(t, k.world, "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'rowshift%' AND backend_xmin IS NOT NULL"); n == "0" {
			t.Error("no session of the daemon holds a snapshot")
		}
		if strings.Contains(d.Log(), `"message":"loaded"`) {
			t.Error("a table is loaded already")
		}
		return func() {
			k.world.Link.Resume()
			k.world.Link.ResetAll()
		}
	}
}

// loading is before or after the COPY of one of the four tables, or while they join.
func loading(_ *testing.T, k *killer) toThere {
	f := redshifttest.Fault{Class: "COPY", Match: "load_", Nth: 1 + k.rng.IntN(4), After: k.rng.IntN(2) == 0}
	if k.rng.IntN(4) == 0 {
		f = redshifttest.Fault{Class: "INSERT", Match: `INSERT INTO "userdata"`, Nth: 1}
	}
	return k.at(f)
}

// holding is before or after changes of a table that loads are added to its held table,
// while the table's COPY hangs.
func holding(_ *testing.T, k *killer) toThere {
	copying := k.stall(redshifttest.Fault{Class: "COPY", Match: `"load_`})
	there := k.at(redshifttest.Fault{Class: "INSERT", Match: `"held_`, Nth: 1 + k.rng.IntN(3), After: k.rng.IntN(2) == 0})
	return func(t *testing.T, d *harness.Daemon) func() {
		after := there(t, d)
		return func() {
			copying.Remove()
			after()
		}
	}
}

// applying is while held changes are applied to a load table and removed from the held
// table. Each COPY takes a while, so that there are held changes.
func applying(_ *testing.T, k *killer) toThere {
	slow := k.world.Warehouse.Inject(redshifttest.Fault{Class: "COPY", Match: `"load_`, Application: "rowshift", Stall: time.Second})
	statements := []redshifttest.Fault{
		{Class: "DELETE", Match: `"load_`}, {Class: "INSERT", Match: `"load_`}, {Class: "DELETE", Match: `"held_`},
	}
	f := statements[k.rng.IntN(len(statements))]
	f.After = k.rng.IntN(2) == 0
	there := k.at(f)
	return func(t *testing.T, d *harness.Daemon) func() {
		defer slow.Remove()
		return there(t, d)
	}
}

// at is at the statement that a fault stalls.
func (k *killer) at(f redshifttest.Fault) toThere {
	i := k.stall(f)
	return func(t *testing.T, _ *harness.Daemon) func() {
		reached(t, i)
		return i.Remove
	}
}

// decoding is when part of a transaction that is larger than a batch has been handed
// over, and its commit has not.
func decoding(_ *testing.T, k *killer) toThere {
	return func(t *testing.T, d *harness.Daemon) func() {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			for ctx.Err() == nil { // it can get into a deadlock with the load
				if k.world.Execute(ctx, "UPDATE person SET last_seen_at = last_seen_at + interval '1 minute'") == nil {
					return
				}
			}
		}()
		d.MustSee(t, `"whole":false`)
		return func() {
			cancel()
			<-done
		}
	}
}

// staging is when a batch is sealed and the bucket does not accept it.
func staging(_ *testing.T, k *killer) toThere {
	return func(t *testing.T, d *harness.Daemon) func() {
		k.world.Link.Stall()
		held := 0 // consecutive looks that found a batch sealed and not staged
		harness.Until(t, "a batch to be held while it is staged", func() (bool, error) {
			log := d.Log()
			if strings.Count(log, `"sealed"`) > strings.Count(log, `"staged"`) {
				held++
			} else {
				held = 0
			}
			return held > 5, nil
		})
		return func() {
			k.world.Link.Resume()
			k.world.Link.ResetAll()
		}
	}
}

// copying is before or after files are copied into a staging table.
func copying(_ *testing.T, k *killer) toThere {
	f := redshifttest.Fault{Class: "COPY", Nth: 1 + k.rng.IntN(3), After: k.rng.IntN(2) == 0}
	return func(t *testing.T, _ *harness.Daemon) func() {
		i := k.stall(f)
		reached(t, i)
		return i.Remove
	}
}

// merging is within the merge's transaction, before or after one of its statements.
func merging(_ *testing.T, k *killer) toThere {
	statements := []redshifttest.Fault{
		{Class: "LOCK"},
		{Class: "DELETE", Match: "userdata"}, {Class: "INSERT", Match: "userdata"},
		{Class: "UPDATE", Match: "stage_"}, {Class: "UPDATE", Match: "checkpoint"},
	}
	f := statements[k.rng.IntN(len(statements))]
	f.After = k.rng.IntN(2) == 0
	return func(t *testing.T, _ *harness.Daemon) func() {
		i := k.stall(f)
		reached(t, i)
		if !openTransaction(k.world) {
			t.Errorf("at %s %s the daemon has no open transaction in the warehouse", f.Class, f.Match)
		}
		return i.Remove
	}
}

// committing is when COMMIT was sent and has not run.
func committing(_ *testing.T, k *killer) toThere {
	return func(t *testing.T, _ *harness.Daemon) func() {
		i := k.stall(redshifttest.Fault{Class: "COMMIT"})
		reached(t, i)
		return i.Remove
	}
}

// committed is when the warehouse has committed something that the slot has not been
// told. COMMITs that do not move the checkpoint do not count.
func committed(_ *testing.T, k *killer) toThere {
	return func(t *testing.T, _ *harness.Daemon) func() {
		for range 10 {
			i := k.stall(redshifttest.Fault{Class: "COMMIT", After: true})
			reached(t, i)
			checkpoint := warehouse(t, k.world, "SELECT lsn FROM rowshift.checkpoint")
			told := one(t, k.world, "SELECT confirmed_flush_lsn - '"+checkpoint+"'::pg_lsn FROM pg_replication_slots")
			switch {
			case strings.HasPrefix(told, "-"):
				return i.Remove
			case told != "0":
				t.Errorf("the slot was told of %s bytes beyond %s", told, checkpoint)
			}
			i.Remove()
		}
		t.Error("ten COMMITs moved no position that the slot was not told of")
		return func() {}
	}
}

// anywhere is any moment.
func anywhere(_ *testing.T, k *killer) toThere {
	lines := k.rng.IntN(60)
	return func(t *testing.T, d *harness.Daemon) func() {
		harness.Until(t, "so many lines of log", func() (bool, error) { return strings.Count(d.Log(), "\n") >= lines, nil })
		return func() {}
	}
}

// openTransaction reports whether a daemon has an open transaction in the warehouse.
func openTransaction(w *harness.World) bool {
	for _, s := range w.Warehouse.Sessions() {
		if s.InTransaction && strings.HasPrefix(s.Application, "rowshift") {
			return true
		}
	}
	return false
}
