package replicator

import (
	"cmp"
	"context"
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rowshift/schema"
)

// script is a Source of transactions of one row, in bursts.
type script struct {
	table  *schema.Table
	bursts []burst
	at     LSN // counts what was told
	op     Op  // the next, within a burst
}

// burst is some transactions that come a while after those before.
type burst struct {
	after        time.Duration
	transactions int
}

func (s *script) Next(ctx context.Context, wait time.Duration) (Change, error) {
	if len(s.bursts) == 0 {
		<-ctx.Done()
		return Change{}, ctx.Err()
	}
	b := &s.bursts[0]
	if b.after > 0 {
		if wait <= 0 {
			wait = time.Hour
		}
		wait = min(wait, b.after)
		if err := sleep(ctx, wait); err != nil {
			return Change{}, err
		}
		if b.after -= wait; b.after > 0 {
			return Change{Op: Mark, Idle: true}, nil
		}
	}
	s.at++
	switch s.op {
	case Begin:
		s.op = Insert
		return Change{Op: Begin, LSN: s.at}, nil
	case Insert:
		s.op = Commit
		return Change{Op: Insert, Table: s.table, New: Tuple{}.Append(Value{Kind: Text, Text: []byte(s.at.String())})}, nil
	}
	if b.transactions--; b.transactions == 0 {
		s.bursts = s.bursts[1:]
	}
	s.op = Begin
	return Change{Op: Commit, LSN: s.at}, nil
}

func (s *script) Acknowledge(context.Context, LSN) error { return nil }
func (s *script) Close() error                           { return nil }

// TestWhenABatchIsSealed shows that the rest of a backlog waits for no interval and no
// merge, and that everything else waits for an interval.
func TestWhenABatchIsSealed(t *testing.T) {
	const interval = time.Minute
	type seal struct {
		changes int
		at      time.Duration
	}
	for name, c := range map[string]struct {
		bursts  []burst
		backlog LSN
		rows    int  // the limit; 10
		stuck   bool // nothing is ever merged
		want    []seal
	}{
		"the backlog of the beginning, though more comes": {
			bursts: []burst{{0, 3}, {time.Millisecond, 2}, {time.Hour, 1}}, backlog: 9, rows: 100, want: []seal{{3, 0}, {2, interval}},
		},
		"the first changes after a beginning without any": {
			bursts: []burst{{5 * time.Second, 1}, {time.Second, 1}, {time.Hour, 1}}, want: []seal{{1, 5*time.Second + pauseAfter}, {1, 65*time.Second + pauseAfter}},
		},
		"what is left behind batches that were full": {
			bursts: []burst{{0, 23}, {time.Second, 1}, {time.Hour, 1}}, stuck: true, want: []seal{{9, 0}, {9, 0}, {5, pauseAfter}},
		},
		"the end of a backlog of which an idle sink had something before": {
			bursts: []burst{{0, 3}, {interval / 2, 2}, {time.Second, 1}, {time.Hour, 1}}, backlog: 15, rows: 100, want: []seal{{3, pauseAfter}, {2, interval / 2}, {1, interval/2 + interval}},
		},
		"what is left, while more comes now and then": {
			bursts: []burst{{0, 11}, {pauseAfter / 2, 1}, {pauseAfter / 2, 1}, {time.Hour, 1}, {time.Hour, 1}}, stuck: true, want: []seal{{9, 0}, {4, 2 * pauseAfter}},
		},
		"an eighth of a batch, for an idle sink, before the backlog of the beginning is over": {
			bursts: []burst{{0, 7}, {time.Hour, 1}}, backlog: 21, rows: 16, stuck: true, want: []seal{{2, 0}, {5, 0}},
		},
		"an eighth of a batch each, while the sink rests": {
			bursts: []burst{{0, 2}, {time.Second, 3}, {time.Second, 1}, {time.Hour, 1}}, backlog: 600, rows: 16, want: []seal{{2, 0}, {2, time.Second}, {1, time.Second + pauseAfter}, {1, 2*time.Second + pauseAfter}},
		},
		"half a batch beside a merge, and no further": {
			bursts: []burst{{0, 2}, {time.Second, 17}, {time.Hour, 1}}, backlog: 600, rows: 16, stuck: true, want: []seal{{2, 0}, {8, time.Second}},
		},
		"a pause before the backlog of the beginning is over, for an idle sink only": {
			bursts: []burst{{0, 3}, {time.Second, 3}, {time.Second, 9}, {time.Hour, 1}}, backlog: 600, rows: 24, stuck: true, want: []seal{{3, 0}, {12, 2 * time.Second}},
		},
		"for its age beside a merge, and no further": {
			bursts: []burst{{0, 1}, {time.Second, 1}, {10 * interval, 1}, {time.Hour, 1}}, stuck: true, want: []seal{{1, pauseAfter}, {1, time.Second + 2*interval}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				table := oneColumn(1, "t")
				out := make(chan *Batch)
				var end atomic.Uint64
				r := &reader{
					limits: Limits{Rows: cmp.Or(c.rows, 10), Bytes: 1 << 20, MaxAge: 2 * interval, MinInterval: interval}, refresh: -1, refreshBytes: 1 << 60,
					source: &script{table: table, bursts: c.bursts, op: Begin}, out: out, routes: map[uint32]*route{1: {table: table}}, backlog: c.backlog,
					merged: func() LSN { return LSN(end.Load()) },
				}
				ctx, stop := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				began := time.Now()
				go func() { ended <- r.run(ctx) }()
				for i, want := range c.want {
					b := <-out
					if got := (seal{b.Changes, time.Since(began)}); got.changes != want.changes || got.at < want.at || got.at > want.at+sinkEvery {
						t.Errorf("batch %d is %v, want %v", i, got, want)
					}
					if !c.stuck {
						end.Store(uint64(b.End))
					}
				}
				if c.stuck {
					select {
					case b := <-out:
						t.Errorf("%d changes more are handed over, though two batches wait", b.Changes)
					case <-time.After(20 * interval):
					}
				}
				stop()
				for range out {
					t.Error("one more batch")
				}
				<-ended
			})
		})
	}
}

// TestWorthOfManyTables shows that a batch of the initial backlog goes early only if it has
// enough rows for each of its tables.
func TestWorthOfManyTables(t *testing.T) {
	for _, c := range []struct {
		tables, changes int
		want            bool
	}{{4, 62_499, false}, {4, 62_500, true}, {31, 62_500, true}, {32, 62_500, false}, {200, 399_999, false}, {200, 400_000, true}} {
		r := &reader{limits: Limits{Rows: 500_000, Bytes: math.MaxInt}, backlog: 1, merged: func() LSN { return 0 }, batch: &Batch{Changes: c.changes}, folds: map[uint32]*Fold{}}
		for oid := range uint32(c.tables) { // of the first, a fold for each transaction of a load
			r.folds[oid] = &Fold{}
			r.batch.Folds = append(r.batch.Folds, &Fold{}, &Fold{})
		}
		if got := r.worth(); got != c.want {
			t.Errorf("%d changes of %d tables: %v", c.changes, c.tables, got)
		}
	}
}
