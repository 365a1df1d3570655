package replicator

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"rowshift/schema"
)

// The warehouse may be paid for whenever it wakes: beside the merges, requests are looked for no
// more often than the interval between merges, whether or not a quiet stream moves the checkpoint.
func TestLooksWakeNoWarehouse(t *testing.T) {
	for name, c := range map[string]struct {
		interval, refresh, commits time.Duration
		least, most                int // transactions of the warehouse in six hours
	}{
		"merges every hour":                             {time.Hour, 0, time.Minute, 5, 7},
		"merges every quarter of an hour":               {15 * time.Minute, 0, time.Minute, 23, 25},
		"merges as fast as it can":                      {time.Second, 0, time.Minute, 355, 361},
		"a quiet source":                                {time.Second, 0, 0, 71, 73},
		"a quiet source, and merges every hour":         {time.Hour, 0, 0, 5, 7},
		"a quiet source, and a refresh every hour":      {time.Second, time.Hour, 0, 5, 7},
		"a quiet source, and refreshes by the log only": {time.Second, -1, 0, 71, 73},
		"both, and merges every hour":                   {time.Hour, -1, 0, 5, 7},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &minutely{every: c.commits}
				s.table = &schema.Table{OID: 1, Target: "t", Key: []int{0}, Columns: make([]schema.Column, 1)}
				s.cp = Checkpoint{Epoch: 1, Phase: Streaming, LSN: 1, Tables: []TableState{{OID: 1, Target: "t", State: Live, Shape: s.table.Shape()}}}
				ctx, cancel := context.WithTimeout(t.Context(), 6*time.Hour)
				defer cancel()
				o := Options{Origin: s, Stager: s, Sweeper: s, Warehouse: s, Loader: applies{}, Refresh: c.refresh}
				o.Limits.MinInterval, o.Limits.MaxAge = c.interval, max(c.interval, 5*time.Second)
				_ = Run(ctx, o)
				if s.woken < c.least || s.woken > c.most {
					t.Errorf("%d transactions in six hours", s.woken)
				}
			})
		})
	}
}

// minutely is a source with a commit every so often, and none if that is 0, and a warehouse that
// counts its transactions.
type minutely struct {
	flaky
	every time.Duration
	due   time.Time // when the next commit is
	woken int
}

func (s *minutely) Open(ctx context.Context, r OpenRequest) (Source, Opened, error) {
	_, o, err := s.flaky.Open(ctx, r)
	s.due, o.Flushed = time.Now().Add(s.every), s.at
	return s, o, err
}

func (s *minutely) Next(ctx context.Context, wait time.Duration) (Change, error) {
	switch s.next {
	case Insert:
		s.next = Commit
		return Change{Op: Insert, Table: s.table, New: Tuple{}.Append(Value{Kind: Text, Text: []byte("a")})}, nil
	case Commit:
		s.next, s.at = Mark, s.at+1
		return Change{Op: Commit, LSN: s.at}, nil
	}
	if wait <= 0 {
		wait = 10 * time.Second
	}
	if until := time.Until(s.due); s.every > 0 && until <= wait {
		s.next, s.due = Insert, s.due.Add(s.every)
		return Change{Op: Begin, LSN: s.at, XID: 7}, sleep(ctx, until)
	}
	return Change{Op: Mark, LSN: s.at, Idle: true}, sleep(ctx, wait)
}

func (s *minutely) Merge(_ context.Context, m *Merge) (Merged, error) {
	s.woken++
	s.cp = m.Checkpoint
	return Merged{}, nil
}
