package replicator

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"rowshift/schema"
)

// A run that is to drain does not give up while its load gets on, however often the stream
// breaks before a table is loaded. It does give up on a load that hangs, and on one that
// fails each time before it gets further.
func TestOnceGoesOnWithItsLoad(t *testing.T) {
	for name, c := range map[string]struct {
		hangs int // minutes after which the load hangs; 0: never
		fails int // minutes after which it fails; 0: never
		goes  bool
	}{
		"it gets on":           {0, 0, true},
		"it hangs":             {5, 0, false},
		"it fails again":       {0, 3, false},
		"it fails, after long": {0, 9, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &gettingOn{hangs: c.hangs, fails: c.fails}
				s.table = oneColumn(1, "t")
				s.large = oneColumn(2, "large")
				s.changes, s.merges, s.drainsIn = true, true, 25
				s.cp = streaming(stateOf(s.table, Live), stateOf(s.large, Loading))
				ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
				defer cancel()
				o := options(s)
				o.Once = true
				err := Run(ctx, o)
				if went := err == nil; went != c.goes || !went && (!errors.Is(err, errFlaky) || s.passes > 15) {
					t.Errorf("%v after %d passes", err, s.passes)
				}
			})
		})
	}
}

// gettingOn is a source whose streams break every two minutes, and of which a load takes
// forty.
type gettingOn struct {
	restless
	hangs, fails int
}

func (s *gettingOn) Open(ctx context.Context, r OpenRequest) (Source, Opened, error) {
	_, o, err := s.restless.Open(ctx, r)
	return s, o, err
}

func (s *gettingOn) Next(ctx context.Context, wait time.Duration) (Change, error) {
	return s.flaky.Next(ctx, wait)
}

func (s *gettingOn) Snapshot(_ context.Context, tables []*schema.Table) (Snapshot, error) {
	s.open++
	taken := Taken{Tables: tables, Seen: Visibility{XMin: 1 << 40, XMax: 1 << 40}, HandOver: 5, Ranges: []Range{{Table: tables[0]}}}
	return &steadily{slowly{source: &s.restless, taken: taken}, s}, nil
}

type steadily struct {
	slowly
	of *gettingOn
}

func (s *steadily) Copy(ctx context.Context, _ Range, write func(Tuple) error) error {
	for minute := range 40 {
		switch {
		case s.of.fails > 0 && minute == s.of.fails:
			return errFlaky
		case s.of.hangs > 0 && minute == s.of.hangs:
			<-ctx.Done()
		}
		if err := sleep(ctx, time.Minute); err != nil {
			return err
		}
		for range progressEvery {
			if err := write(texts("a")); err != nil {
				return err
			}
		}
	}
	return nil
}
