package replicator

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rowshift/schema"
)

// Two daemons that take the slot from each other between any two passes still park a table that
// its target refuses, and go on with the other.
func TestTwoDaemonsParkATable(t *testing.T) {
	for name, reading := range map[string]time.Duration{"the checkpoint is read at once": 0, "it is read in a second": time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &pair{}
				p.table = &schema.Table{OID: 1, Target: "t", Key: []int{0}, Columns: make([]schema.Column, 1)}
				p.other = &schema.Table{OID: 2, Target: "other", Key: []int{0}, Columns: make([]schema.Column, 1)}
				p.cp = Checkpoint{Epoch: 1, Phase: Streaming, LSN: 1, Tables: []TableState{
					{OID: 1, Target: "t", State: Live, Shape: p.table.Shape()}, {OID: 2, Target: "other", State: Live, Shape: p.other.Shape()},
				}}
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				var wg sync.WaitGroup
				for range 2 {
					o := &oneOfTwo{pair: p, reading: reading}
					wg.Go(func() { _ = Run(ctx, Options{Origin: o, Stager: o, Sweeper: o, Warehouse: o, Loader: applies{}}) })
				}
				wg.Wait()
				if p.cp.Tables[1].State != Parked || p.tries > 8 || p.cp.LSN < 1000 {
					t.Errorf("after %d tries the table is %s, and the other is at %v", p.tries, p.cp.Tables[1].State, p.cp.LSN)
				}
			})
		})
	}
}

// pair is a source and a warehouse of two daemons.
type pair struct {
	flaky
	mu     sync.Mutex
	other  *schema.Table // which its target refuses
	holder *oneOfTwo     // of the slot
	tries  int           // merges that the target refused
}

// oneOfTwo is what one of the daemons sees of them.
type oneOfTwo struct {
	*pair
	reading time.Duration // how long the checkpoint takes to be read
	at      LSN
	next    Op
}

func (o *oneOfTwo) Checkpoint(ctx context.Context) (*Checkpoint, error) {
	err := sleep(ctx, o.reading)
	o.mu.Lock()
	defer o.mu.Unlock()
	cp := o.cp.Clone()
	return &cp, err
}

func (o *oneOfTwo) Fence(context.Context, Checkpoint) (Checkpoint, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cp.Epoch++
	return o.cp.Clone(), nil
}

// Open takes the slot at once if nobody has it, and otherwise half a second after it was let go.
func (o *oneOfTwo) Open(ctx context.Context, r OpenRequest) (Source, Opened, error) {
	for since := time.Now().Add(-time.Hour); ; {
		o.mu.Lock()
		if o.holder != nil {
			since = time.Now()
		}
		took := time.Since(since) >= 500*time.Millisecond
		if took {
			o.holder, o.at, o.next = o, o.cp.LSN, Mark
		}
		o.mu.Unlock()
		if took {
			_, err := r.Known(ctx)
			return o, Opened{Confirmed: o.at, Flushed: 1 << 40, Tables: []Published{{Table: o.table}, {Table: o.other}}}, err
		}
		if err := sleep(ctx, 250*time.Millisecond); err != nil {
			return nil, Opened{}, err
		}
	}
}

func (o *oneOfTwo) Next(ctx context.Context, _ time.Duration) (Change, error) {
	if o.next == Insert {
		o.next = Commit
		return Change{Op: Insert, Table: o.table, New: Tuple{}.Append(Value{Kind: Text, Text: []byte("a")})}, nil
	}
	o.at++
	if o.next == Commit {
		o.next = Mark
		return Change{Op: Commit, LSN: o.at}, nil
	}
	o.next = Insert
	return Change{Op: Begin, LSN: o.at, XID: uint32(o.at)}, sleep(ctx, 100*time.Millisecond)
}

func (o *oneOfTwo) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.holder == o {
		o.holder = nil
	}
	return nil
}

func (o *oneOfTwo) Merge(_ context.Context, m *Merge) (Merged, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case m.Checkpoint.Epoch != o.cp.Epoch:
		return Merged{}, ErrFenced
	case m.Checkpoint.Tables[1].State != Parked:
		o.tries++
		return Merged{}, &Unfit{OID: 2, Why: &Halt{Reason: TargetDrift, Found: "it refuses"}}
	}
	o.cp = m.Checkpoint
	return Merged{}, nil
}

// A daemon that has the slot again after another had it takes a table for unfit only if nothing
// became of it since: one that was repaired and goes on is not parked by what was once found.
func TestWhatAnotherDaemonDidCounts(t *testing.T) {
	live := TableState{OID: 1, Target: "t", State: Live}
	parked := TableState{OID: 1, Target: "t", State: Parked, Why: "it refuses"}
	loading := TableState{OID: 1, Target: "t", State: Loading, Load: &LoadState{Into: "a"}}
	altered, anew, asked := live, loading, loading
	altered.Shape = []schema.Shape{{Attnum: 1}}
	anew.Load = &LoadState{Into: "b"}
	asked.Why = "somebody asked for it"
	for name, c := range map[string]struct {
		was, is []TableState
		moved   LSN
		unfit   bool
	}{
		"it is live":                       {[]TableState{live}, []TableState{live}, 0, true},
		"its changes were merged":          {[]TableState{live}, []TableState{live}, 1, false},
		"its target was altered":           {[]TableState{live}, []TableState{altered}, 0, false},
		"it is parked":                     {[]TableState{parked}, []TableState{parked}, 1, true},
		"it was parked":                    {[]TableState{live}, []TableState{parked}, 0, false},
		"it was parked, and is loaded":     {[]TableState{parked}, []TableState{loading}, 1, false},
		"its load was begun anew":          {[]TableState{loading}, []TableState{anew}, 1, true},
		"it was loaded":                    {[]TableState{loading}, []TableState{live}, 1, false},
		"somebody asked for it":            {[]TableState{loading}, []TableState{asked}, 1, false},
		"it is not known":                  {nil, nil, 1, true},
		"it was not known, and is loading": {nil, []TableState{loading}, 1, false},
	} {
		for epoch, next := range map[Epoch]bool{8: true, 9: false} {
			s := shapes{left: Checkpoint{Epoch: 7, LSN: 5, Tables: c.was}, unfit: map[uint32]*unfitness{1: {}}, every: time.Minute}
			if s.fenced(Checkpoint{Epoch: epoch, LSN: 5 + c.moved, Tables: c.is}) != next || len(s.unfit) == 1 != (next || c.unfit) {
				t.Errorf("%s: in epoch %d it is unfit: %v", name, epoch, len(s.unfit) == 1)
			}
			if u := s.unfit[1]; u != nil && u.again.IsZero() != next {
				t.Errorf("%s: in epoch %d it is to be tried again at %v", name, epoch, u.again)
			}
		}
	}
}
