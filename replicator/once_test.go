package replicator

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
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
				f.drainsIn, f.table = 20, oneColumn(1, "t")
				f.cp = streaming(stateOf(f.table, Live))
				if f.loads {
					f.cp.Tables[0].State = Loading
				}
				ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
				defer cancel()
				o := options(f)
				o.Once, o.Refresh = true, time.Second
				err := Run(ctx, o)
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
