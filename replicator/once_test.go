package replicator

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"rowshift/schema"
)

// A run that is to drain gives up on what fails in one pass after another, however long
// each takes. It goes on as long as each pass does something that the next one need not do
// again.
func TestOnceGivesUp(t *testing.T) {
	for name, c := range map[string]struct {
		flaky flaky
		goes  bool
	}{
		"each pass merges changes":                 {flaky{merges: true, changes: true}, true},
		"each pass merges that there are none":     {flaky{merges: true}, false},
		"no pass merges anything":                  {flaky{changes: true}, false},
		"a load fails in each, beside its changes": {flaky{merges: true, changes: true, loads: true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &c.flaky
				f.drainsIn, f.table = 20, &schema.Table{OID: 1, Target: "t", Key: []int{0}, Columns: make([]schema.Column, 1)}
				f.cp = Checkpoint{Epoch: 1, Phase: Streaming, LSN: 1, Tables: []TableState{{OID: 1, Target: "t", State: Live, Shape: f.table.Shape()}}}
				if f.loads {
					f.cp.Tables[0].State = Loading
				}
				ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
				defer cancel()
				err := Run(ctx, Options{Origin: f, Stager: f, Sweeper: f, Warehouse: f, Loader: applies{}, Once: true, Refresh: time.Second})
				switch {
				case c.goes && (err != nil || f.passes != f.drainsIn):
					t.Errorf("%v after %d passes of %d", err, f.passes, f.drainsIn)
				case !c.goes && (!errors.Is(err, errFlaky) || f.passes != 5):
					t.Errorf("%v after %d passes, and 5 in a row are enough", err, f.passes)
				}
			})
		})
	}
}

var errFlaky = errors.New("broken")

// flaky is a source, with what is behind it, whose streams break after two minutes. Only
// the stream that is read to its end does not.
type flaky struct {
	Origin
	Stager
	Warehouse
	cp       Checkpoint
	table    *schema.Table
	merges   bool // the warehouse takes a merge
	changes  bool // there is a transaction now and then
	loads    bool // the table has to be loaded, which fails after two minutes
	drainsIn int  // the pass that comes to the end

	passes int
	opened time.Time
	at     LSN
	next   Op // within a transaction
}

func (f *flaky) Open(ctx context.Context, r OpenRequest) (Source, Opened, error) {
	if _, err := r.Known(ctx); err != nil {
		return nil, Opened{}, err
	}
	f.passes++
	f.opened, f.at, f.next = time.Now(), f.cp.LSN, Mark
	return f, Opened{Confirmed: f.cp.LSN, Flushed: 1 << 40, End: 1 << 40, Tables: []Published{{Table: f.table}}}, nil
}

func (f *flaky) Next(ctx context.Context, _ time.Duration) (Change, error) {
	if f.next == Insert {
		f.next = Commit
		return Change{Op: Insert, Table: f.table, New: Tuple{}.Append(Value{Kind: Text, Text: []byte("a")})}, nil
	}
	f.at++
	if f.next == Commit {
		f.next = Mark
		return Change{Op: Commit, LSN: f.at}, nil
	}
	if err := sleep(ctx, 100*time.Millisecond); err != nil {
		return Change{}, err
	}
	if time.Since(f.opened) > 2*time.Minute+time.Second {
		if f.passes < f.drainsIn {
			return Change{}, errFlaky
		}
		f.at = 1 << 40
	} else if f.changes {
		f.next = Insert
		return Change{Op: Begin, LSN: f.at, XID: uint32(f.at)}, nil
	}
	return Change{Op: Mark, LSN: f.at, Idle: true}, nil
}

// Snapshot breaks before the stream does.
func (f *flaky) Snapshot(ctx context.Context, _ []*schema.Table) (Snapshot, error) {
	if err := sleep(ctx, 2*time.Minute); err != nil {
		return nil, err
	}
	return nil, errFlaky
}

func (f *flaky) Acknowledge(context.Context, LSN) error { return nil }
func (f *flaky) Close() error                           { return nil }

func (f *flaky) Stage(_ context.Context, _ Epoch, b *Batch) (*Staged, error) {
	return &Staged{End: b.End, Commit: b.Commit, Changes: b.Changes}, nil
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
