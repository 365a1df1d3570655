package replicator

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A run that is to drain gives up on what fails in one pass after another, however long
// each of them takes, and goes on as long as each brings something into the warehouse.
func TestOnceGivesUp(t *testing.T) {
	for name, merges := range map[string]bool{"each pass merges something": true, "no pass merges anything": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &flaky{merges: merges, drainsIn: 20, cp: Checkpoint{Epoch: 1, Phase: Streaming, LSN: 1}}
				ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
				defer cancel()
				o := Options{Origin: f, Stager: f, Sweeper: f, Warehouse: f, Once: true, Refresh: time.Second}
				err := Run(ctx, o)
				switch {
				case merges && (err != nil || f.passes != f.drainsIn):
					t.Errorf("%v after %d passes of %d", err, f.passes, f.drainsIn)
				case !merges && (!errors.Is(err, errFlaky) || f.passes != 5):
					t.Errorf("%v after %d passes, and 5 in a row are enough", err, f.passes)
				}
			})
		})
	}
}

var errFlaky = errors.New("broken")

// flaky is a source without a change whose streams break after two minutes, but for the
// one that is read to its end, and what is behind it.
type flaky struct {
	Origin
	Stager
	Warehouse
	cp       Checkpoint
	merges   bool // the warehouse takes a merge
	drainsIn int  // the pass that comes to the end

	passes int
	opened time.Time
	at     LSN
}

func (f *flaky) Open(context.Context, OpenRequest) (Source, Opened, error) {
	f.passes++
	f.opened, f.at = time.Now(), f.cp.LSN
	return f, Opened{Confirmed: f.cp.LSN, Flushed: 1 << 40, End: 1 << 40}, nil
}

func (f *flaky) Next(ctx context.Context, _ time.Duration) (Change, error) {
	if err := sleep(ctx, 100*time.Millisecond); err != nil {
		return Change{}, err
	}
	if f.at++; time.Since(f.opened) > 2*time.Minute {
		if f.passes < f.drainsIn {
			return Change{}, errFlaky
		}
		f.at = 1 << 40
	}
	return Change{Op: Mark, LSN: f.at, Idle: true}, nil
}

func (f *flaky) Acknowledge(context.Context, LSN) error { return nil }
func (f *flaky) Close() error                           { return nil }

func (f *flaky) Stage(_ context.Context, _ Epoch, b *Batch) (*Staged, error) {
	return &Staged{End: b.End, Commit: b.Commit}, nil
}

func (f *flaky) Sweep(context.Context, Epoch) (int, error) { return 0, nil }

func (f *flaky) Checkpoint(context.Context) (*Checkpoint, error) {
	cp := f.cp
	return &cp, nil
}

func (f *flaky) Fence(context.Context, Checkpoint) (Checkpoint, error) { return f.cp, nil }

func (f *flaky) Merge(ctx context.Context, m *Merge) (Merged, error) {
	if !f.merges { // it hangs until the stream breaks
		<-ctx.Done()
		return Merged{}, ctx.Err()
	}
	f.cp = m.Checkpoint
	return Merged{}, nil
}
