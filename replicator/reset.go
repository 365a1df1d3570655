package replicator

import (
	"context"
	"errors"
	"slices"
)

// Reset is a slot reset that the warehouse remembers by its token, so that each is
// carried out once.
type Reset struct {
	Token string
	Begun bool // it was taken up, and is under way or done
}

// errReset ends a pass because somebody has asked for a slot reset, with which the
// next one begins.
var errReset = errors.New("a slot reset was asked for")

// due returns the token of a reset that is to be begun: the one of the options, unless
// it was begun already, or one that somebody asked for. Empty if none is.
func (d *daemon) due(cp *Checkpoint) string {
	asked := slices.IndexFunc(cp.Resets, func(r Reset) bool { return !r.Begun })
	known := slices.ContainsFunc(cp.Resets, func(r Reset) bool { return r.Token == d.ResetSlot && r.Begun })
	switch {
	case d.ResetSlot != "" && !known:
		return d.ResetSlot
	case asked >= 0:
		return cp.Resets[asked].Token
	}
	return ""
}

// beginReset takes the pipeline back to phase Creating, with the token, if it still is
// due once the warehouse is taken over. From there on, whatever dies, the slot is made
// anew, proved, and then streamed from with all tables to be loaded again: so no new
// slot is ever streamed from with what the warehouse remembered of an old one.
func (d *daemon) beginReset(ctx context.Context) error {
	cp, err := d.Warehouse.Fence(ctx, Checkpoint{Pipeline: d.Pipeline, Phase: Creating})
	if err != nil {
		return err
	}
	token := d.due(&cp)
	if token == "" {
		return nil
	}
	next := cp.Clone()
	next.Phase, next.Reset = Creating, token
	for i := range next.Tables {
		next.Tables[i].State, next.Tables[i].Load = Loading, nil
	}
	m := &Merge{Expect: cp.LSN, Checkpoint: next}
	err = again(ctx, d.Options, "merge", func() error {
		_, err := d.Warehouse.Merge(ctx, m)
		return err
	})
	if err == nil {
		tell(d.Listener.Tables, next.Clone().Tables)
		tell(d.Listener.Waiting, "the slot to be made anew, for the reset "+token)
	}
	return err
}
