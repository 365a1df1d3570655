package replicator

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"rowshift/schema"
)

// A load that takes longer than the source takes to be altered again comes to its end, from
// one snapshot. A table that was itself altered is loaded after it.
func TestALoadOutlivesAlterations(t *testing.T) {
	for name, c := range map[string]struct {
		partitions bool // the small table gets one with each of the first alterations
		fences     bool // each third one fails when the epoch is raised already
		snapshots  int
	}{
		"of other tables":               {false, false, 1},
		"of one of its own":             {true, false, 2},
		"and fences that fail too late": {false, true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &restless{large: oneColumn(2, "large"), partitions: c.partitions, fences: c.fences}
				s.table = oneColumn(1, "t")
				s.changes, s.merges, s.drainsIn = true, true, 31
				s.cp = streaming(stateOf(s.large, Loading))
				if !c.partitions {
					s.cp.Tables = append([]TableState{stateOf(s.table, Live)}, s.cp.Tables...)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
				defer cancel()
				_ = Run(ctx, options(s))
				if len(s.cp.Tables) != 2 || s.cp.anyLoading() || s.snapshots != c.snapshots || s.passes < 10 || s.open > 0 {
					t.Errorf("after %d passes and %d snapshots, of which %d are open, the tables are %+v", s.passes, s.snapshots, s.open, s.cp.Tables)
				}
			})
		})
	}
}

// restless is a source that is altered every two minutes, for an hour, and has a table
// whose ranges take longer than that to read.
type restless struct {
	flaky
	large           *schema.Table
	partitions      bool
	fences          bool
	fenced          int
	snapshots, open int
}

func (s *restless) Open(ctx context.Context, r OpenRequest) (Source, Opened, error) {
	_, o, err := s.flaky.Open(ctx, r)
	if s.cp.Epoch++; s.partitions && s.passes < 10 {
		small := *s.table
		small.Parts = []schema.Part{{OID: uint32(100 + s.passes)}}
		s.table = &small
	}
	o.Tables, o.Flushed = []Published{{Table: s.table}, {Table: s.large}}, s.cp.LSN+100
	return s, o, err
}

func (s *restless) Fence(ctx context.Context, first Checkpoint) (Checkpoint, error) {
	cp, err := s.flaky.Fence(ctx, first)
	if s.fenced++; s.fences && s.fenced%3 == 0 {
		err = errFlaky
	}
	return cp, err
}

func (s *restless) Next(ctx context.Context, wait time.Duration) (Change, error) {
	if s.passes == s.drainsIn {
		s.opened = time.Now()
	}
	c, err := s.flaky.Next(ctx, wait)
	if errors.Is(err, errFlaky) {
		err = &Altered{Found: "something"}
	}
	return c, err
}

func (s *restless) Snapshot(_ context.Context, tables []*schema.Table) (Snapshot, error) {
	s.snapshots++
	s.open++
	taken := Taken{Tables: tables, Seen: Visibility{XMin: 1 << 40, XMax: 1 << 40}, HandOver: 5}
	for _, t := range tables {
		taken.Ranges = append(taken.Ranges, Range{Table: t})
		for range 39 {
			if t == s.large {
				taken.Ranges = append(taken.Ranges, Range{Table: t})
			}
		}
	}
	return &slowly{source: s, taken: taken}, nil
}

func (s *restless) Stage(ctx context.Context, e Epoch, b *Batch) (*Staged, error) {
	staged, err := s.flaky.Stage(ctx, e, b)
	staged.Holds, staged.Joins = b.Holds, b.Joins
	return staged, err
}

func (s *restless) Load(context.Context, LoadRequest) (LoadFiles, error) { return nothing{}, nil }
func (s *restless) Discard(context.Context, []string) error              { return nil }

// slowly is a snapshot whose ranges take four minutes each.
type slowly struct {
	source *restless
	taken  Taken
	closed bool
}

func (s *slowly) Taken() Taken { return s.taken }

func (s *slowly) Copy(ctx context.Context, _ Range, _ func(Tuple) error) error {
	return sleep(ctx, 4*time.Minute)
}

func (s *slowly) Close() error {
	if !s.closed {
		s.source.open--
	}
	s.closed = true
	return nil
}

// nothing are the files of a load without rows.
type nothing struct{}

func (nothing) Part(context.Context) (LoadPart, error)  { return nothing{}, nil }
func (nothing) Cut(context.Context) (StagedLoad, error) { return StagedLoad{}, nil }
func (nothing) Write(Tuple) error                       { return nil }
func (nothing) Close() error                            { return nil }
func (nothing) Abandon()                                {}
func (nothing) Objects() []string                       { return nil }

// A load table that waits for a pass to be made in is not made, and neither is its target,
// if the table is loaded anew by then: it may be another table. Otherwise it is made in
// that pass, and what makes it ends with that pass.
func TestALoadTableIsMadeInAPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, end := context.WithCancel(t.Context())
		end()
		m := &maker{}
		table := func(oid uint32) *tableLoad {
			return &tableLoad{table: &schema.Table{OID: oid}, state: LoadState{Into: "first"}, staged: []StagedLoad{{}}, end: func() {}}
		}
		h := &haul{
			Options: &Options{Loader: m}, pass: before, nextPass: make(chan struct{}), ended: make(chan struct{}),
			tables: map[uint32]*tableLoad{1: table(1), 2: table(2)},
		}
		ends := map[uint32]chan error{}
		for oid, tl := range h.tables {
			ended := make(chan error, 1)
			tl.haul, ends[oid] = h, ended
			go func() { ended <- tl.copyStaged(t.Context()) }()
		}
		synctest.Wait()
		now := Checkpoint{Tables: []TableState{{OID: 1, Load: &LoadState{Into: "second"}}, {OID: 2, Load: &LoadState{Into: "first"}}}}
		if kept, err := (&loads{haul: h}).keep(now); !kept || err != nil {
			t.Errorf("kept %v, %v", kept, err)
		}
		pass, end := context.WithCancel(t.Context())
		h.enter(pass, &load{epoch: 2})
		synctest.Wait()
		end() // and with it who makes the table
		synctest.Wait()
		m.quick = true
		h.enter(t.Context(), &load{epoch: 3})
		if err := <-ends[1]; !errors.Is(err, errDropped) {
			t.Errorf("the table that was dropped: %v", err)
		}
		if err := <-ends[2]; err != nil || !slices.Equal(m.made, []Epoch{2, 3}) {
			t.Errorf("the other: %v; made in %v", err, m.made)
		}
	})
}

// maker makes load tables that take until their time is over, or no time.
type maker struct {
	applies
	quick bool
	made  []Epoch
}

func (m *maker) MakeLoad(ctx context.Context, e Epoch, t *schema.Table, _ LoadState) error {
	m.made = append(m.made, e)
	if t.OID != 2 {
		return errors.New("made for a table that was dropped")
	}
	if !m.quick {
		<-ctx.Done()
	}
	return ctx.Err()
}

func (m *maker) Load(context.Context, LoadState, *schema.Table, StagedLoad) error { return nil }

// A table that was dropped from the haul is loaded anew even if the pass that dropped it ended
// before that was remembered: nothing more was read of it.
func TestADroppedTableStaysDropped(t *testing.T) {
	learned := make(chan struct{})
	close(learned)
	dropped := &tableLoad{state: LoadState{Into: "into"}, end: func() {}}
	h := &haul{tables: map[uint32]*tableLoad{1: dropped}, learned: learned, ended: make(chan struct{})}
	l := &loads{haul: h}
	remembered := TableState{OID: 1, State: Loading, Load: &LoadState{Into: "into"}}
	if !l.brings(remembered) {
		t.Error("the haul does not bring its table")
	}
	_, _ = l.keep(Checkpoint{Tables: []TableState{{OID: 1, State: Loading}}})
	if l.brings(remembered) {
		t.Error("the haul brings a table that it has dropped")
	}
}
