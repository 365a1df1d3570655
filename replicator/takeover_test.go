package replicator

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// A standby does not halt for a failover that the daemon before it has followed, even if
// the standby read the checkpoint before that and then waited for the slot.
func TestAStandbyTakesOverBehindAFailover(t *testing.T) {
	for name, c := range map[string]struct {
		timeline  int32 // that the other daemon had come to
		followed  LSN
		passes    int
		halts, ok bool
	}{
		"it followed it":               {2, 200, 1, false, true},
		"it had not got there":         {1, 60, 1, false, true},
		"it had applied what was lost": {1, 61, 1, true, false},
		"there was one more":           {3, 200, 2, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &relieved{}
				s.table = oneColumn(1, "t")
				s.cp = streaming(stateOf(s.table, Live))
				s.cp.LSN, s.cp.Timeline = 50, 1
				s.merges, s.changes = true, true
				s.now = s.cp
				s.now.LSN, s.now.Timeline = c.followed, c.timeline
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				o := options(s)
				halts := 0
				o.Listener.Halted = func(*Halt) { halts++ }
				_ = Run(ctx, o)
				if s.passes != c.passes || (halts > 0) != c.halts || (s.cp.LSN > c.followed) != c.ok {
					t.Errorf("%d passes and %d halts, and it came from %v to %v", s.passes, halts, c.followed, s.cp.LSN)
				}
			})
		})
	}
}

// relieved is a pipeline whose checkpoint another daemon moves until this one has the slot,
// on a server that left timeline 1 at 60 and is on the one that was asked for last.
type relieved struct {
	flaky
	now Checkpoint // as the other daemon leaves it
}

func (s *relieved) Open(ctx context.Context, r OpenRequest) (Source, Opened, error) {
	_, o, err := s.flaky.Open(ctx, r)
	o.Timeline, o.Confirmed = max(2, r.Timeline), 50
	if r.Timeline == 1 {
		o.Fork = 60
	}
	if err := r.Judge(o); err != nil {
		return nil, o, err
	}
	if s.passes == 1 {
		s.cp = s.now
	}
	return s, o, err
}
