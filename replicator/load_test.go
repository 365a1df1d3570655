package replicator

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"rowshift/schema"
)

// A table whose load keeps failing sooner than a merge takes stops no live table. It is
// loaded again beside the stream, with its changes held anew, and the listener is told.
func TestALoadThatFailsStopsNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSpoiled()
		s.changes = true
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		passes, told := 0, 0
		o := options(s)
		o.Listener.Restarted = func(Restart) { passes++ }
		o.Listener.Retried = func(r Retry) {
			if r.Step == "load" && errors.Is(r.Cause, errFlaky) && r.Wait > 0 {
				told++
			}
		}
		_ = Run(ctx, o)
		if passes > 0 || s.merged < 100 || s.holds < 10 || told < s.holds {
			t.Errorf("within an hour %d passes ended, %d batches were merged, and of %d tries that were told %d held anew", passes, s.merged, told, s.holds)
		}
	})
}

// A run that is to drain gives up on a load that fails.
func TestOnceGivesUpOnALoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSpoiled()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		o := options(s)
		o.Once, o.Tries = true, 2
		err := Run(ctx, o)
		if !errors.Is(err, errFlaky) || s.passes != 2 || s.snapshots != 4 {
			t.Errorf("%v after %d snapshots in %d passes", err, s.snapshots, s.passes)
		}
	})
}

// A table is not remembered as loaded before the reader knows what its snapshot sees. Until
// then the reader skips rows that it cannot read, and a daemon that died would forget them.
func TestALoadEndsOnceTheReaderKnowsItsSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := make(chan news, 1)
		l := newLoad(&Options{Stager: discards{}}, Opened{}, Checkpoint{}, nil, told, nil)
		learned := make(chan struct{})
		ended := make(chan error, 1)
		h := &haul{Options: l.Options, learned: learned, load: l, pass: t.Context()}
		one := &tableLoad{haul: h, table: &schema.Table{OID: 1}}
		go func() { ended <- one.finish(t.Context()) }()
		synctest.Wait()
		if len(told) > 0 {
			t.Error("it is remembered before that")
		}
		close(learned)
		close((<-told).done)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// discards is a Stager that has nothing to discard.
type discards struct{ Stager }

func (discards) Discard(context.Context, []string) error { return nil }

// spoiled is a source with a second table of which a page cannot be read, and a warehouse
// whose merges take longer than it takes to find that.
type spoiled struct {
	flaky
	bad                      *schema.Table
	merged, holds, snapshots int
}

func newSpoiled() *spoiled {
	s := &spoiled{bad: oneColumn(2, "bad")}
	s.table = oneColumn(1, "t")
	s.cp = streaming(stateOf(s.table, Live), stateOf(s.bad, Loading))
	return s
}

func (s *spoiled) Open(ctx context.Context, r OpenRequest) (Source, Opened, error) {
	_, o, err := s.flaky.Open(ctx, r)
	o.Tables, o.Flushed = append(o.Tables, Published{Table: s.bad}), s.cp.LSN
	return s, o, err
}

func (s *spoiled) Next(ctx context.Context, wait time.Duration) (Change, error) {
	s.opened = time.Now() // so that the stream does not break
	return s.flaky.Next(ctx, wait)
}

func (s *spoiled) Snapshot(ctx context.Context, _ []*schema.Table) (Snapshot, error) {
	if err := sleep(ctx, time.Second); err != nil {
		return nil, err
	}
	s.snapshots++
	return nil, errFlaky
}

func (s *spoiled) Stage(ctx context.Context, e Epoch, b *Batch) (*Staged, error) {
	staged, err := s.flaky.Stage(ctx, e, b)
	staged.Holds = b.Holds
	return staged, err
}

func (s *spoiled) Merge(ctx context.Context, m *Merge) (Merged, error) {
	if err := sleep(ctx, 3*time.Second); err != nil {
		return Merged{}, err
	}
	for _, b := range m.Staged {
		s.merged++
		s.holds += len(b.Holds)
	}
	s.cp = m.Checkpoint
	return Merged{}, nil
}

// A table whose load cannot go on from what the warehouse has of it is loaded anew, with other
// tables, and the live ones get on meanwhile.
func TestASpoiledLoadBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSpoiled()
		s.changes = true
		s.cp.Tables[1].Load = &LoadState{Into: "load_1_1_2", Held: "held_1_1_2", Loaded: true, HandOver: 1}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		o := options(s)
		refuses := &refusesApply{}
		o.Loader = refuses
		if err := Run(ctx, o); err != nil {
			t.Fatal(err)
		}
		bad := s.cp.Tables[1]
		if refuses.times != 1 || s.merged < 100 || s.snapshots < 10 {
			t.Errorf("refused %d times; %d merges, %d snapshots", refuses.times, s.merged, s.snapshots)
		}
		if bad.State != Loading || bad.Load == nil || bad.Load.Loaded || bad.Load.Held == "held_1_1_2" || bad.Why != "what was loaded or held of it could not be used" {
			t.Errorf("it is %+v, by %+v", bad, bad.Load)
		}
	})
}

// refusesApply finds the held table of one load gone.
type refusesApply struct {
	applies
	times int
}

func (r *refusesApply) Apply(_ context.Context, _ Epoch, t *schema.Table, s LoadState, _ int) (Applied, error) {
	if s.Held != "held_1_1_2" {
		return Applied{}, nil
	}
	r.times++
	return Applied{}, &Spoiled{OID: t.OID, Name: t.Configured, Cause: errFlaky}
}
