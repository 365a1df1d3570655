package replicator

import (
	"testing"

	"rowshift/schema"
)

// A table that a step of ours found to be unfit is tried again once for each time that
// somebody asks for it. To try it in each pass would end them all.
func TestUnfitTableIsTriedOncePerRequest(t *testing.T) {
	name := schema.Name{Schema: "public", Table: "a"}
	table := &schema.Table{OID: 1, Name: name, Known: name, Target: "a"}
	d := &daemon{Options: &Options{}}
	opened := Opened{Tables: []Published{{Table: table}}}
	cp := Checkpoint{Tables: []TableState{{OID: 1, Name: name, Target: "a", State: Live}}}
	pass := func(asked int, want State) {
		t.Helper()
		cp.Epoch++
		cp.Resyncs = nil
		for range asked {
			cp.Resyncs = append(cp.Resyncs, name)
		}
		p := d.plan(cp, opened)
		if p.next.Tables[0].State != want {
			t.Fatalf("asked for %d times: %s, and not %s", asked, p.next.Tables[0].State, want)
		}
		if want == Parked && len(p.next.Resyncs) != asked {
			t.Errorf("%d requests are tried, and not %d", len(p.next.Resyncs), asked)
		}
		cp.Tables = p.next.Tables
	}
	fails := func() {
		t.Helper()
		if !d.shapes.learn(&Unfit{OID: 1, Name: name, Why: &Halt{Reason: TargetDrift}}) {
			t.Fatal("the pipeline halts")
		}
	}
	pass(1, Loading) // asked for as it is live
	fails()
	for range 2 * mostRepeats {
		pass(1, Parked)
	}
	pass(2, Loading)
	fails()
	pass(2, Parked)
	pass(0, Parked)  // the requests were deleted
	pass(1, Loading) // and this is another
}
