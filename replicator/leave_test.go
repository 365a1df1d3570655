package replicator

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// keeper is a Stager that notes what is discarded.
type keeper struct {
	Stager
	discarded []string
}

func (k *keeper) Discard(ctx context.Context, objects []string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	k.discarded = append(k.discarded, objects...)
	return nil
}

// stagedAs returns a batch with an object of each kind.
func stagedAs(name string) *Staged {
	return &Staged{Commit: true, Kept: []string{name + " kept"}, Folds: []StagedFold{{
		Files: Files{Objects: []string{name}}, Ledger: Files{Objects: []string{name + " ledger"}},
	}}}
}

// broken is a warehouse whose merges fail.
type broken struct {
	Warehouse
	err error
}

func (b broken) Merge(context.Context, *Merge) (Merged, error) { return Merged{}, b.err }

// conflict is an error that has surely left nothing behind.
type conflict struct{}

func (conflict) Error() string   { return "a conflict" }
func (conflict) Retryable() bool { return true }

// A pass that ends deletes the batches that it has not merged, with the rows that they
// refused. If nobody knows whether a merge was committed, its objects are left to the next
// pass, and the rows that it refused stay.
func TestWhatAPassLeaves(t *testing.T) {
	for name, c := range map[string]struct {
		err               error
		discarded, unsure []string
	}{
		"a merge that was not committed":    {conflict{}, []string{"over", "late", "first", "first ledger", "first kept"}, nil},
		"a merge that nobody knows more of": {errFlaky, []string{"over", "late"}, []string{"first", "first ledger"}},
	} {
		t.Run(name, func(t *testing.T) {
			k := &keeper{}
			o := &Options{Stager: k, Warehouse: broken{err: c.err}, Once: true, Tries: 1}
			p := newPipeline(o, nil, Opened{}, Checkpoint{}, &loads{}, &refusals{})
			p.pending, p.over, p.late = []*Staged{stagedAs("first"), stagedAs("second")}, []string{"over"}, []string{"late"}
			p.unsent = stagedAs("fourth")
			p.staged <- stagedAs("third")
			close(p.staged)
			if err := p.mergeOnce(t.Context(), p.pending[:1]); !errors.Is(err, c.err) {
				t.Fatal(err)
			}
			over, end := context.WithCancel(t.Context())
			end() // the daemon is stopping
			p.leave(over)
			want := c.discarded
			for _, name := range []string{"second", "third", "fourth"} {
				want = append(want, name, name+" ledger", name+" kept")
			}
			if !slices.Equal(k.discarded, want) || !slices.Equal(p.unsure, c.unsure) {
				t.Errorf("discarded %q and is not sure of %q", k.discarded, p.unsure)
			}
		})
	}
}

// Objects of merged batches that discard is too late for are deleted later: with those of the
// next merge, or as the pass ends.
func TestWhatIsDiscardedLater(t *testing.T) {
	k := &keeper{}
	p := newPipeline(&Options{Stager: k}, nil, Opened{}, Checkpoint{}, &loads{}, &refusals{})
	var want []string
	for range cap(p.done) + 3 {
		p.discardLater([]*Staged{stagedAs("a")})
		want = append(want, "a", "a ledger")
	}
	close(p.done)
	close(p.staged)
	over, end := context.WithCancel(t.Context())
	end()
	_ = p.discard(over)
	if len(k.discarded) > 0 {
		t.Errorf("discarded %q in a pass that has ended", k.discarded)
	}
	if p.leave(t.Context()); !slices.Equal(k.discarded, want) {
		t.Errorf("discarded %q", k.discarded)
	}
}

// put are the files of a load with one object of each kind.
type put struct {
	nothing
	name string
}

func (p put) Objects() []string { return []string{p.name, p.name + " not cut", p.name + " kept"} }

// A haul that ends deletes what it has put for tables that it has not loaded. If one may be
// remembered as loaded, the rows that its load refused stay: they will be in quarantine. What
// it had begun to delete when it was ended is deleted too.
func TestWhatAHaulLeaves(t *testing.T) {
	k := &keeper{}
	h := &haul{Options: &Options{Stager: k}}
	table := func(name string) *tableLoad {
		return &tableLoad{haul: h, files: put{name: name}, staged: []StagedLoad{{Files: Files{Objects: []string{name}}, Ledger: Files{Objects: []string{name + " ledger"}}}}}
	}
	loaded, told, failed, none := table("loaded"), table("told"), table("failed"), &tableLoad{haul: h}
	loaded.remembered, told.remembered = true, true
	loaded.discard(t.Context())
	ended, end := context.WithCancel(t.Context())
	end()
	cut := table("cut")
	cut.discard(ended)
	h.tables = map[uint32]*tableLoad{1: loaded, 2: told, 3: failed, 4: none, 5: cut}
	h.leave(ended)
	slices.Sort(k.discarded)
	if want := []string{"cut", "cut kept", "cut not cut", "failed", "failed kept", "failed not cut", "loaded", "loaded ledger", "told", "told ledger"}; !slices.Equal(k.discarded, want) {
		t.Errorf("discarded %q", k.discarded)
	}
}

// The sweep takes objects of all passes before the one at hand, but for those of a haul that
// goes on.
func TestWhatIsSwept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sweeps{restless: restless{large: oneColumn(2, "large")}}
		s.table = oneColumn(1, "t")
		s.changes, s.merges, s.drainsIn = true, true, 100
		s.cp = streaming(stateOf(s.table, Live), stateOf(s.large, Loading))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Hour+time.Minute)
		defer cancel()
		o := options(s)
		o.Workers = 1 // its ranges take 160 minutes
		_ = Run(ctx, o)
		if s.snapshots != 1 || len(s.before) != 6 {
			t.Fatalf("%d snapshots; swept %v", s.snapshots, s.before)
		}
		for hour, before := range s.before {
			if want := s.epochs[hour]; hour < 3 && before != 2 || hour >= 3 && before != want || want < Epoch(hour*20) {
				t.Errorf("after %d hours, in epoch %d, it takes what is before %d", hour, want, before)
			}
		}
	})
}

// sweeps is a restless source that notes what is swept, and in which epochs.
type sweeps struct {
	restless
	epoch          atomic.Int64
	before, epochs []Epoch
}

func (s *sweeps) Open(ctx context.Context, r OpenRequest) (Source, Opened, error) {
	source, o, err := s.restless.Open(ctx, r)
	s.epoch.Store(int64(s.cp.Epoch))
	return source, o, err
}

func (s *sweeps) Sweep(_ context.Context, before Epoch) (int, error) {
	s.before, s.epochs = append(s.before, before), append(s.epochs, Epoch(s.epoch.Load()))
	return 0, nil
}
