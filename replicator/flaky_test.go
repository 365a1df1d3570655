package replicator

import (
	"context"
	"errors"
	"time"

	"rowshift/schema"
)

// oneColumn returns a table of one column, which is its key.
func oneColumn(oid uint32, target string) *schema.Table {
	return &schema.Table{OID: oid, Target: target, Key: []int{0}, Columns: make([]schema.Column, 1)}
}

// texts returns a tuple of the given values.
func texts(values ...string) (t Tuple) {
	for _, v := range values {
		t = t.Append(Value{Kind: Text, Text: []byte(v)})
	}
	return t
}

// stateOf returns what is remembered of a table in that state.
func stateOf(t *schema.Table, state State) TableState {
	return TableState{OID: t.OID, Target: t.Target, State: state, Shape: t.Shape()}
}

// streaming returns the checkpoint of a pipeline with those tables.
func streaming(tables ...TableState) Checkpoint {
	return Checkpoint{Epoch: 1, Phase: Streaming, LSN: 1, Tables: tables}
}

// options returns the options of a pipeline that has s at both of its ends.
func options(s interface {
	Origin
	Stager
	Sweeper
	Warehouse
}) Options {
	return Options{Origin: s, Stager: s, Sweeper: s, Warehouse: s, Loader: applies{}}
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
		return Change{Op: Insert, Table: f.table, New: texts("a")}, nil
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

// applies counts what is applied of held tables.
type applies map[string]int

func (a applies) Hold(context.Context, string, *schema.Table) error                { return nil }
func (a applies) MakeLoad(context.Context, Epoch, *schema.Table, LoadState) error  { return nil }
func (a applies) Load(context.Context, LoadState, *schema.Table, StagedLoad) error { return nil }

func (a applies) Apply(_ context.Context, _ Epoch, _ *schema.Table, l LoadState, _ int) (Applied, error) {
	a[l.Held]++
	return Applied{}, nil
}
