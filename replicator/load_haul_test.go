package replicator

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"rowshift/schema"
)

// A load that takes longer than it takes until the source is altered again comes to its end,
// from one snapshot; a table that was altered itself is loaded after it.
func TestALoadOutlivesAlterations(t *testing.T) {
	for name, c := range map[string]struct {
		partitions bool // the small table gets one with each of the first alterations
		snapshots  int
	}{
		"of other tables":   {false, 1},
		"of one of its own": {true, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &restless{large: &schema.Table{OID: 2, Target: "large", Key: []int{0}, Columns: make([]schema.Column, 1)}, partitions: c.partitions}
				s.table = &schema.Table{OID: 1, Target: "t", Key: []int{0}, Columns: make([]schema.Column, 1)}
				s.changes, s.merges, s.drainsIn = true, true, 31
				s.cp = Checkpoint{Epoch: 1, Phase: Streaming, LSN: 1, Tables: []TableState{{OID: 2, Target: "large", State: Loading, Shape: s.large.Shape()}}}
				if !c.partitions {
					s.cp.Tables = append([]TableState{{OID: 1, Target: "t", State: Live, Shape: s.table.Shape()}}, s.cp.Tables...)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
				defer cancel()
				_ = Run(ctx, Options{Origin: s, Stager: s, Sweeper: s, Warehouse: s, Loader: applies{}})
				if len(s.cp.Tables) != 2 || s.cp.loads() || s.snapshots != c.snapshots || s.passes < 10 || s.open > 0 {
					t.Errorf("after %d passes and %d snapshots, of which %d are open, the tables are %+v", s.passes, s.snapshots, s.open, s.cp.Tables)
				}
			})
		})
	}
}

// restless is a source that is altered every two minutes, for an hour, with a table whose
// ranges take half of that to be read.
type restless struct {
	flaky
	large           *schema.Table
	partitions      bool
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

// slowly is a snapshot whose ranges take a minute each.
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
