package replicator

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rowshift/schema"
)

// A table that one of our steps found to be unfit is tried again once for each request for
// it. If it were tried in each pass, it would end each.
func TestUnfitTableIsTriedOncePerRequest(t *testing.T) {
	name := schema.Name{Schema: "public", Table: "a"}
	table := &schema.Table{OID: 1, Name: name, Configured: name, Target: "a"}
	known := &shapes{}
	opened := Opened{Tables: []Published{{Table: table}}}
	cp := Checkpoint{Tables: []TableState{{OID: 1, Name: name, Target: "a", State: Live}}}
	pass := func(asked int, want State) {
		t.Helper()
		cp.Epoch++
		cp.Resyncs = nil
		for range asked {
			cp.Resyncs = append(cp.Resyncs, name)
		}
		p := known.plan(cp, opened, new(loads))
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
		if !known.learn(&Unfit{OID: 1, Name: name, Why: &Halt{Reason: TargetDrift}}) {
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

// A table that is unfit for what may pass is tried again, less and less often, without a request,
// and ends the pass for that. The others go on meanwhile.
func TestUnfitTableThatMayPassIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s := &readers{until: began.Add(9 * time.Hour)}
		s.table = oneColumn(1, "t")
		s.other = oneColumn(2, "other")
		s.cp = streaming(stateOf(s.table, Live), stateOf(s.other, Live))
		s.other.Columns = append(s.other.Columns, schema.Column{Attribute: schema.Attribute{Attnum: 1, Name: "added"}, Target: "added"})
		ctx, cancel := context.WithTimeout(t.Context(), 13*time.Hour)
		defer cancel()
		_ = Run(ctx, options(s))
		var tried []time.Duration
		for _, at := range s.tries {
			tried = append(tried, at.Sub(began).Round(time.Minute))
		}
		want := []time.Duration{0, 15 * time.Minute, 45 * time.Minute, 105 * time.Minute, 225 * time.Minute, 465 * time.Minute, 705 * time.Minute}
		if !slices.Equal(tried, want) || s.merged < 1000 || s.cp.Tables[0].State != Live || s.cp.Tables[1].State == Parked {
			t.Errorf("tried after %v; %d merges; %+v", tried, s.merged, s.cp.Tables)
		}
	})
}

// readers is a source with a second table, whose target is read until then and has to be
// altered. Its streams do not break.
type readers struct {
	flaky
	other  *schema.Table
	until  time.Time
	tries  []time.Time
	merged int
}

func (s *readers) Open(ctx context.Context, r OpenRequest) (Source, Opened, error) {
	_, o, err := s.flaky.Open(ctx, r)
	s.cp.Epoch++
	o.Tables, o.Flushed = append(o.Tables, Published{Table: s.other}), s.cp.LSN
	return s, o, err
}

func (s *readers) Next(ctx context.Context, wait time.Duration) (Change, error) {
	s.opened, s.changes = time.Now(), true
	return s.flaky.Next(ctx, wait)
}

func (s *readers) Merge(_ context.Context, m *Merge) (Merged, error) {
	if len(m.Alterations) > 0 {
		if s.tries = append(s.tries, time.Now()); time.Now().Before(s.until) {
			return Merged{}, &Unfit{OID: 2, Why: &Halt{Reason: TargetDrift, Found: "somebody reads it"}, Passes: true}
		}
	}
	s.merged++
	s.cp = m.Checkpoint
	return Merged{}, nil
}

// The wait for the next try doubles only with tries in a row: it is a quarter of an hour again once
// the table went on, or was unfit for something else.
func TestWaitForTheNextTryStartsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		name := schema.Name{Schema: "public", Table: "a"}
		table := &schema.Table{OID: 1, Name: name, Configured: name, Target: "a"}
		known := &shapes{every: 15 * time.Minute}
		cp := Checkpoint{Tables: []TableState{{OID: 1, Name: name, Target: "a", State: Live}}}
		plan := func(want State) {
			t.Helper()
			p := known.plan(cp, Opened{Tables: []Published{{Table: table}}}, new(loads))
			if cp.Tables = p.next.Tables; cp.Tables[0].State != want {
				t.Fatalf("it is %s, and not %s", cp.Tables[0].State, want)
			}
		}
		fails := func(passes bool, wait time.Duration) {
			t.Helper()
			known.learn(&Unfit{OID: 1, Name: name, Why: &Halt{Reason: TargetDrift}, Passes: passes})
			plan(Parked)
			if passes && time.Until(known.look) != wait {
				t.Errorf("tried again in %v, and not in %v", time.Until(known.look), wait)
			}
			_ = sleep(t.Context(), wait)
			if !passes {
				cp.Resyncs = append(cp.Resyncs, name)
			}
			plan(Loading)
		}
		fails(true, 15*time.Minute)
		plan(Loading) // the pass before failed for something else
		fails(true, 30*time.Minute)
		known.goOn()
		fails(true, 15*time.Minute)
		fails(true, 30*time.Minute)
		fails(false, 0)
		fails(true, 15*time.Minute)
	})
}

// TestSeenInBetween shows that a table that was altered, and later written anew, goes on if
// the source saw the two one by one, and is loaded again if it did not.
func TestSeenInBetween(t *testing.T) {
	at := func(xmin, file uint32) *schema.Table {
		id := schema.Column{Attribute: schema.Attribute{Attnum: 1, Name: "id", XMin: xmin, Type: schema.Type{OID: 23, Base: 23, Typmod: -1, Name: "int4"}}, Configured: "id", Target: "id"}
		return &schema.Table{OID: 1, Configured: schema.Name{Table: "t"}, Target: "t", Columns: []schema.Column{id}, Key: []int{0}, Heap: schema.Heap{File: file, Last: 1}}
	}
	looks := func(t *schema.Table) Looks { return Looks{Shape: t.Shape(), Heap: t.Heap} }
	was, is := at(5, 7), at(6, 8)
	for _, c := range []struct {
		seen *SameRows
		want State
	}{
		{nil, Loading},
		{&SameRows{Was: looks(was), Is: looks(is)}, Live},
		{&SameRows{Was: looks(at(4, 7)), Is: looks(is)}, Loading},
		{&SameRows{Was: looks(was), Is: looks(at(6, 7))}, Live},
		{&SameRows{Was: looks(was), Is: looks(at(5, 7))}, Loading},
	} {
		cp := Checkpoint{LSN: 1, Tables: []TableState{{OID: 1, Name: was.Configured, Target: "t", State: Live, Shape: was.Shape(), Heap: was.Heap}}}
		s, _ := new(shapes).next(cp, Opened{Read: 2}, Published{Table: is, SameRows: c.seen}, new(loads))
		if s.State != c.want || !(Looks{Shape: s.Shape, Heap: s.Heap}).Equal(looks(is)) {
			t.Errorf("seen %+v: it is %s: %s", c.seen, s.State, s.Why)
		}
	}
}

// TestParkedTableForgetsItsPartitions shows that a table which is parked is remembered without
// its partitions, since there may be no room for them, and that its repair takes them up again.
func TestParkedTableForgetsItsPartitions(t *testing.T) {
	name := schema.Name{Schema: "public", Table: "a"}
	table := &schema.Table{OID: 1, Name: name, Configured: name, Target: "a", Parts: []schema.Part{{OID: 2, File: 2, XMin: 3}}}
	known := &shapes{}
	opened := Opened{Tables: []Published{{Table: table}}}
	cp := Checkpoint{Epoch: 1, Tables: []TableState{{OID: 1, Name: name, Target: "a", State: Live, Parts: table.Parts}}}
	known.learn(&Unfit{OID: 1, Name: name, Why: &Halt{Reason: TableUnfit}})
	cp.Tables = known.plan(cp, opened, new(loads)).next.Tables
	if s := cp.Tables[0]; s.State != Parked || s.Parts != nil {
		t.Errorf("remembered as %+v", s)
	}
	if p := known.plan(cp, opened, new(loads)); p.changed {
		t.Errorf("remembered again as %+v", p.next.Tables)
	}
	cp.Resyncs = []schema.Name{name}
	if s := known.plan(cp, opened, new(loads)).next.Tables[0]; s.State != Loading || len(s.Parts) != 1 {
		t.Errorf("after its repair it is %+v", s)
	}
	cp.Resyncs = nil
	cp.Tables[0].enter(Loading)
	if s := known.plan(cp, opened, new(loads)).next.Tables[0]; s.State != Loading || len(s.Parts) != 1 || s.Why != "" {
		t.Errorf("after a slot reset it is %+v", s)
	}
}

// TestPartitionOfAnotherRun shows that a partition that was made as one has its table loaded
// again if the server was started or has recovered since the partitions were remembered,
// and that such a run alone is only remembered.
func TestPartitionOfAnotherRun(t *testing.T) {
	old, born := schema.Part{OID: 2, File: 2, Born: true}, schema.Part{OID: 3, File: 3, Born: true}
	for _, c := range []struct {
		was, is string
		parts   []schema.Part
		want    State
	}{
		{"one", "one", []schema.Part{old, born}, Live},
		{"one", "another", []schema.Part{old, born}, Loading},
		{"one", "another", []schema.Part{old}, Live},
		{"", "one", []schema.Part{old, born}, Loading}, // remembered by a rowshift that did not look at it
		{"", "one", []schema.Part{old}, Live},
		{"", "", []schema.Part{old, born}, Loading}, // of a source that does not tell its run
		{"", "", []schema.Part{old}, Live},
	} {
		table := &schema.Table{OID: 1, Configured: schema.Name{Table: "t"}, Target: "t", Partitioned: true, Parts: c.parts, Run: c.is}
		cp := Checkpoint{LSN: 1, Tables: []TableState{{OID: 1, Name: table.Configured, Target: "t", State: Live, Shape: table.Shape(), Parts: []schema.Part{old}, Run: c.was}}}
		p := new(shapes).plan(cp, Opened{Read: 2, Tables: []Published{{Table: table}}}, new(loads))
		s := p.next.Tables[0]
		if s.State != c.want || s.Run != c.is || p.changed != (c.was != c.is || len(c.parts) > 1) {
			t.Errorf("%q, then %q with %d partitions: it is %s in %q, changed %v: %s", c.was, c.is, len(c.parts), s.State, s.Run, p.changed, s.Why)
		}
		if s.Same(cp.Tables[0]) == p.changed {
			t.Errorf("%q, then %q: the states are the same: %v", c.was, c.is, !p.changed)
		}
	}
}

// A table that takes the name of another one of the config leaves its own name without a table.
// That name is parked by a state of its own: the warehouse tells states apart by their OIDs.
func TestATableTakesTheNameOfAnother(t *testing.T) {
	a, b := schema.Name{Table: "a"}, schema.Name{Table: "b"}
	table := &schema.Table{OID: 2, Name: a, Configured: a, Target: "a"}
	cp := Checkpoint{LSN: 1, Tables: []TableState{{OID: 1, Name: a, Target: "a", State: Live}, {OID: 2, Name: b, Target: "bee", State: Live}}}
	opened := Opened{Tables: []Published{{Table: table}}, Unfit: []Unfit{{OID: 2, Name: b, Why: &Halt{Reason: TableUnfit, Found: "goes by the name of a now"}}}}
	for range 2 {
		cp.Tables = new(shapes).plan(cp, opened, new(loads)).next.Tables
		if len(cp.Tables) != 2 || cp.Table(2) == nil || cp.Table(2).Name != a || cp.Table(2).State != Loading {
			t.Fatalf("planned as %+v", cp.Tables)
		}
		if s := cp.Tables[0]; s.OID != 0 || s.Name != b || s.State != Parked || s.Target != "bee" {
			t.Errorf("the other name is %+v", s)
		}
		opened.Unfit[0].OID = 0 // since the name is remembered without one
	}
}

// The reason of a load tells what of the publication was found to be another.
func TestWhyThePublicationLoadsTables(t *testing.T) {
	name := schema.Name{Schema: "public", Table: "a"}
	table := &schema.Table{OID: 1, Name: name, Configured: name, Target: "a"}
	was, row := PublicationID{OID: 7, XMin: 100}, PublicationID{OID: 9, XMin: 100}
	cp := Checkpoint{Publication: was, Tables: []TableState{{OID: 1, Name: name, Target: "a", State: Live, Row: row}}}
	for _, test := range []struct {
		publication, row PublicationID
		why              string
	}{
		{was, row, ""},
		{PublicationID{OID: 7, XMin: 105}, row, "the publication itself was altered"},
		{PublicationID{OID: 8, XMin: 105}, PublicationID{OID: 10, XMin: 105}, "the publication was made anew"},
		{was, PublicationID{OID: 10, XMin: 105}, "it was out of the publication"},
	} {
		opened := Opened{Publication: test.publication, Tables: []Published{{Table: table, Row: test.row}}}
		got := (&shapes{}).plan(cp, opened, new(loads)).next.Tables[0]
		if state := got.State; (state == Live) != (test.why == "") || !strings.HasPrefix(got.Why, test.why) {
			t.Errorf("%v, %v: %s, because %q", test.publication, test.row, state, got.Why)
		}
	}
}
