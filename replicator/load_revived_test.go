package replicator

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"rowshift/schema"
)

// A parked table that is asked for is looked at within minutes, whatever the load of others
// waits for. What it waits for goes on in the next pass if it is a haul.
func TestAParkedTableIsTakenUpBesideALoad(t *testing.T) {
	for name, c := range map[string]struct {
		settles   time.Duration // how long it takes until the first snapshot can be taken
		snapshots int
	}{
		"a haul":     {0, 1},
		"a snapshot": {10 * time.Hour, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &asks{parked: schema.Name{Schema: "public", Table: "p"}, asked: time.Now().Add(90 * time.Second), settles: c.settles}
				s.table = oneColumn(1, "t")
				s.large = oneColumn(2, "p")
				s.changes, s.merges = true, true
				s.cp = streaming(stateOf(s.table, Loading), TableState{OID: 2, Name: s.parked, Target: "p", State: Parked})
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				_ = Run(ctx, options(s))
				if s.revived > time.Minute || s.passes != 2 || s.snapshots != c.snapshots {
					t.Errorf("looked at %v after it was asked for, in %d passes with %d snapshots", s.revived, s.passes, s.snapshots)
				}
			})
		})
	}
}

// asks is a source with a parked table that somebody asks for, and one that takes hours to
// load.
type asks struct {
	restless
	parked  schema.Name
	asked   time.Time
	settles time.Duration
	revived time.Duration // after it was asked for
}

func (s *asks) Open(ctx context.Context, r OpenRequest) (Source, Opened, error) {
	_, o, err := s.restless.Open(ctx, r)
	if s.passes == 2 {
		s.revived = time.Since(s.asked)
	}
	o.Tables = []Published{{Table: s.table}}
	o.Unfit = []Unfit{{OID: 2, Name: s.parked, Why: &Halt{Reason: TargetDrift, Found: "broken"}}}
	return s, o, err
}

// Next is a stream of which no pass ends by itself.
func (s *asks) Next(ctx context.Context, wait time.Duration) (Change, error) {
	s.opened = time.Now()
	return s.restless.Next(ctx, wait)
}

func (s *asks) Checkpoint(ctx context.Context) (*Checkpoint, error) {
	s.cp.Resyncs = s.resyncs()
	return s.restless.Checkpoint(ctx)
}

func (s *asks) Merge(ctx context.Context, m *Merge) (Merged, error) {
	merged, err := s.restless.Merge(ctx, m)
	merged.Resyncs = s.resyncs()
	return merged, err
}

func (s *asks) resyncs() []schema.Name {
	if time.Now().Before(s.asked) {
		return nil
	}
	return []schema.Name{s.parked}
}

func (s *asks) Snapshot(ctx context.Context, tables []*schema.Table) (Snapshot, error) {
	s.snapshots++
	if s.snapshots == 1 {
		if err := sleep(ctx, s.settles); err != nil {
			return nil, err
		}
	}
	taken := Taken{Tables: tables, Seen: Visibility{XMin: 1 << 40, XMax: 1 << 40}, HandOver: 5}
	for range 400 {
		taken.Ranges = append(taken.Ranges, Range{Table: tables[0]})
	}
	s.open++
	return &slowly{source: &s.restless, taken: taken}, nil
}

// A pass ends for a parked table only between transactions: neither because it is time to try
// it again nor because somebody asks for it while parts of a transaction wait for their commit,
// which would be thrown away.
func TestAParkedTableWaitsForALongTransaction(t *testing.T) {
	for name, asked := range map[string]bool{"it is time to try it again": false, "somebody asks for it": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				s := &lengthy{asked: asked}
				s.table = oneColumn(1, "t")
				cp := streaming(stateOf(s.table, Live), TableState{OID: 2, Name: schema.Name{Table: "p"}, Target: "p", State: Parked})
				o := options(s)
				o.Limits.Rows = 100
				o.EnsureDefaults()
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
				defer cancel()
				p := newPipeline(&o, s, Opened{Tables: []Published{{Table: s.table}}}, cp, &loads{}, &refusals{})
				if !asked {
					p.load.look = began.Add(15 * time.Minute)
				}
				err := p.run(ctx)
				if _, altered := errors.AsType[*Altered](err); !altered || s.cp.LSN < 3 || time.Since(began) > time.Hour {
					t.Errorf("after %v the pass ended with %v, at %v", time.Since(began), err, s.cp.LSN)
				}
			})
		})
	}
}

// lengthy is a source whose first transaction takes fifty minutes.
type lengthy struct {
	lasting
	asked   bool
	changes int
}

func (s *lengthy) Next(ctx context.Context, wait time.Duration) (Change, error) {
	if s.changes++; s.changes == 3000 {
		return Change{Op: Commit, LSN: 3}, nil
	} else if s.changes > 3000 {
		return Change{Op: Mark, LSN: LSN(s.changes), Idle: true}, sleep(ctx, time.Second)
	}
	return s.lasting.Next(ctx, wait)
}

func (s *lengthy) Merge(_ context.Context, m *Merge) (merged Merged, _ error) {
	if s.cp = m.Checkpoint; s.asked {
		merged.Resyncs = []schema.Name{{Table: "p"}}
	}
	return merged, nil
}

// sealsParts has parts of a transaction wait from the tenth minute to the twentieth, in which
// its commit is merged.
func sealsParts(l *load) {
	time.AfterFunc(10*time.Minute, func() { l.parts.Store(1) })
	time.AfterFunc(20*time.Minute, func() {
		l.parts.Store(0)
		l.stir()
	})
}

// A parked table that is to be tried again unasked is, whatever the load of others waits for,
// even if nothing is merged meanwhile. Only the wait for a snapshot is not ended for that.
func TestAParkedTableIsTriedAgainBesideALoad(t *testing.T) {
	armed := func(wait func(*testing.T, *load) error) func(*testing.T, *load) error { // as run does for all of them
		return func(t *testing.T, l *load) error {
			defer l.stirInTime()()
			return wait(t, l)
		}
	}
	for name, c := range map[string]struct {
		waits func(*testing.T, *load) error
		after time.Duration
	}{
		"a haul": {armed(func(t *testing.T, l *load) error {
			learned := make(chan struct{})
			close(learned)
			l.loads.haul = &haul{ended: make(chan struct{}), learned: learned}
			return l.bring(t.Context(), nil)
		}), 15 * time.Minute},
		"a haul whose snapshot is made known later": {armed(func(t *testing.T, l *load) error {
			learned := make(chan struct{})
			l.loads.haul = &haul{ended: make(chan struct{}), learned: learned}
			time.AfterFunc(20*time.Minute, func() { close(learned) })
			return l.bring(t.Context(), nil)
		}), 20 * time.Minute},
		"a haul beside a long transaction": {armed(func(t *testing.T, l *load) error {
			learned := make(chan struct{})
			close(learned)
			l.loads.haul = &haul{ended: make(chan struct{}), learned: learned}
			sealsParts(l)
			return l.bring(t.Context(), nil)
		}), 20 * time.Minute},
		"a join": {armed(func(t *testing.T, l *load) error { return l.join(t.Context()) }), 15 * time.Minute},
		"a join beside a long transaction": {armed(func(t *testing.T, l *load) error {
			sealsParts(l)
			return l.join(t.Context())
		}), 20 * time.Minute},
		"nothing, beside a long transaction": {func(t *testing.T, l *load) error {
			sealsParts(l)
			return l.run(t.Context())
		}, 20 * time.Minute},
		"nothing": {func(t *testing.T, l *load) error { return l.run(t.Context()) }, 15 * time.Minute},
		"a snapshot": {armed(func(t *testing.T, l *load) error {
			if _, err := l.unlessRevived(t.Context(), []*schema.Table{{}}); err != nil {
				return err
			}
			return l.revived()
		}), 10 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				l := newLoad(&Options{Origin: &asks{settles: 10 * time.Hour}}, Opened{}, Checkpoint{}, &loads{}, nil, nil)
				l.look = began.Add(15 * time.Minute)
				_, ends := errors.AsType[*Altered](c.waits(t, l))
				if took := time.Since(began); !ends || took != c.after {
					t.Errorf("after %v the pass ends: %v", took, ends)
				}
			})
		})
	}
}

// Such a table is tried again, too, beside a load whose snapshots all fail.
func TestAParkedTableIsTriedAgainBesideSnapshotsThatFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		table := &schema.Table{OID: 1}
		o := &Options{Origin: &flaky{}, Loader: applies{}}
		o.EnsureDefaults()
		l := newLoad(o, Opened{Tables: []Published{{Table: table}}}, Checkpoint{Tables: []TableState{{OID: 1, State: Loading}}}, &loads{}, nil, nil)
		l.look = began.Add(15 * time.Minute)
		defer l.stirInTime()()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		go func() {
			for ctx.Err() == nil {
				select {
				case <-l.orders:
					l.held <- struct{}{}
				case <-ctx.Done():
				}
			}
		}()
		_, ends := errors.AsType[*Altered](l.fill(ctx, []*schema.Table{table}))
		if took := time.Since(began); !ends || took > 20*time.Minute {
			t.Errorf("after %v the pass ends: %v", took, ends)
		}
	})
}
