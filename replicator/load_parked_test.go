package replicator

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rowshift/schema"
)

// A table that is parked while its haul reads it holds up no other table of the haul:
// neither by what is still read of it nor by an error that its part of the haul ends with
// once the others are loaded.
func TestAParkedTableHoldsUpNoOther(t *testing.T) {
	for name, fails := range map[string]bool{"it is being read": false, "its load fails after that of the others": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &parks{fails: fails}
				s.table = oneColumn(1, "t")
				s.large = oneColumn(2, "large")
				s.changes, s.merges, s.drainsIn = true, true, 2
				s.cp = streaming(stateOf(s.table, Loading), stateOf(s.large, Loading))
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				_ = Run(ctx, options(s))
				if s.cp.Tables[0].State != Live || s.cp.Tables[1].State != Parked || s.passes != 2 || s.open > 0 {
					t.Errorf("after %d passes, with %d snapshots open, the tables are %+v", s.passes, s.open, s.cp.Tables)
				}
			})
		})
	}
}

// parks is a source of which one pass ends, and whose large table is parked from then on.
// One range of it takes a day to read, and its files may fail six minutes after that ended.
type parks struct {
	restless
	fails bool
}

func (s *parks) Open(ctx context.Context, r OpenRequest) (Source, Opened, error) {
	_, o, err := s.restless.Open(ctx, r)
	if s.passes > 1 {
		o.Tables = []Published{{Table: s.table}}
		o.Unfit = []Unfit{{OID: 2, Why: &Halt{Reason: TableUnfit, Found: "a foreign partition was attached"}}}
	}
	return s, o, err
}

func (s *parks) Snapshot(_ context.Context, tables []*schema.Table) (Snapshot, error) {
	s.open++
	taken := Taken{Tables: tables, Seen: Visibility{XMin: 1 << 40, XMax: 1 << 40}, HandOver: 5}
	for _, t := range tables {
		taken.Ranges = append(taken.Ranges, Range{Table: t})
	}
	return &forADay{slowly{source: &s.restless, taken: taken}}, nil
}

func (s *parks) Load(_ context.Context, r LoadRequest) (LoadFiles, error) {
	if s.fails && r.Table == s.large {
		return failing{}, nil
	}
	return nothing{}, nil
}

type forADay struct{ slowly }

func (s *forADay) Copy(ctx context.Context, r Range, write func(Tuple) error) error {
	if r.Table == s.source.large {
		return sleep(ctx, 24*time.Hour)
	}
	return s.slowly.Copy(ctx, r, write)
}

// failing are files that take long to fail.
type failing struct{ nothing }

func (failing) Cut(ctx context.Context) (StagedLoad, error) {
	if err := sleep(ctx, 6*time.Minute); err != nil {
		return StagedLoad{}, err
	}
	return StagedLoad{}, errFlaky
}

// A haul of which no table is left to be loaded is given up when the next pass begins, so
// that no later load ends with its error. An error that is about a table which is loaded
// anew stays.
func TestAHaulIsGivenUpOnceItBringsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		loaded, ended, gone bool
		missing             uint32
	}{
		"it is bringing another table":             {loaded: true, missing: 2},
		"its table is loaded, and another is not":  {loaded: true, missing: 3, gone: true},
		"its table is loaded, and it failed since": {loaded: true, ended: true, missing: 3, gone: true},
		"it failed for a table":                    {loaded: true, ended: true, missing: 2},
	} {
		t.Run(name, func(t *testing.T) {
			h := &haul{Options: &Options{}, tables: map[uint32]*tableLoad{1: {}, 2: {}}, ended: make(chan struct{}), nextPass: make(chan struct{}), err: errFlaky}
			h.end = sync.OnceFunc(func() { close(h.ended) })
			if c.ended {
				h.end()
			}
			cp := Checkpoint{Tables: []TableState{{OID: 1, State: Loading, Load: &LoadState{Loaded: c.loaded}}, {OID: c.missing, State: Loading, Load: &LoadState{}}}}
			opened := Opened{Tables: []Published{{Table: &schema.Table{OID: 1}}, {Table: &schema.Table{OID: c.missing}}}}
			l := newLoad(h.Options, opened, cp, &loads{haul: h}, nil, nil)
			l.takeOn(t.Context())
			if gone := l.loads.haul == nil; gone != c.gone || gone && !closed(h.ended) {
				t.Errorf("given up: %v", gone)
			}
		})
	}
}
