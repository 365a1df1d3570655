package replicator

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Reset is a slot reset that the warehouse remembers by its token, so that each is
// carried out once.
type Reset struct {
	Token string
	Begun bool // it was taken up, and is under way or done
	Done  bool // all tables have joined since, or are parked
}

// errReset ends a pass because a slot reset is due. The next pass begins with it.
var errReset = errors.New("a slot reset is due")

// due returns the token of the reset that is to be begun: that of the options, unless it
// was begun already, or else one that somebody asked for. It is empty if none is.
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

// beginReset takes the pipeline back to phase Creating. Once it has taken the warehouse
// over it calls choose for the reset's token; an empty one means that no reset is due any
// more. From there on, whatever dies, the slot is made anew, proved, and then streamed from
// with all tables to be loaded again. So a new slot is never streamed from with what the
// warehouse remembered of an old one.
func (d *daemon) beginReset(ctx context.Context, choose func(*Checkpoint) string) error {
	cp, err := d.Warehouse.Fence(ctx, Checkpoint{Pipeline: d.Pipeline, Phase: Creating})
	if err != nil {
		return err
	}
	token := choose(&cp)
	if token == "" {
		return nil
	}
	next := cp.Clone()
	next.Phase, next.Reset = Creating, token
	for i := range next.Tables {
		next.Tables[i].enter(Loading)
	}
	_, err = d.transact(ctx, &Merge{Expect: cp.LSN, Checkpoint: next})
	if err == nil {
		tell(d.Listener.Tables, next.Tables)
		tell(d.Listener.Waiting, "the slot to be made anew, for the reset "+token)
	}
	return err
}

// unasked is how tokens of resets begin that nobody asked for.
const unasked = "lost slot "

// underWay returns the token of the reset that was begun last and is not done; empty if none is.
// One that was begun before it ends with it.
func (c *Checkpoint) underWay() string {
	for _, r := range slices.Backward(c.Resets) {
		if r.Begun && !r.Done {
			return r.Token
		}
	}
	return ""
}

// lacking are the reasons which say that the slot does not hold what the warehouse lacks.
var lacking = []Reason{SlotMissing, SlotLost, SlotAhead}

// Repairs reports whether a run that stands at the checkpoint resets the slot instead of
// halting: if h says that the slot lacks something, and a reset is under way or resyncLost
// allows one that nobody asked for.
func (c *Checkpoint) Repairs(h *Halt, resyncLost bool) bool {
	return slices.Contains(lacking, h.Reason) && (resyncLost || c.underWay() != "")
}

// repairStream is repairLost for an error that ended a stream. That may say that the slot
// cannot decode, which may be a passing trouble of the server, and a new slot is expensive.
// So the first time it repairs nothing, and the error halts the pipeline. The next look, a
// HaltRetry later, has to find the same.
func (d *daemon) repairStream(ctx context.Context, was Checkpoint, cause error) error {
	h, ok := errors.AsType[*Halt](cause)
	if !ok || !slices.Contains(lacking, h.Reason) {
		d.stuck = 0
		return cause
	}
	if d.stuck++; d.stuck == 1 {
		return cause
	}
	return d.repairLost(ctx, was, cause)
}

// repairLost decides what to do if cause says that the slot does not hold what the
// warehouse lacks by the checkpoint was. If another daemon is resetting the slot, or has
// gone on, that is no reason to halt. Otherwise a reset that is under way is begun again
// or, if ResyncLost is set, one is begun that nobody asked for. In all other cases
// repairLost returns cause.
func (d *daemon) repairLost(ctx context.Context, was Checkpoint, cause error) error {
	h, ok := errors.AsType[*Halt](cause)
	if !ok || !slices.Contains(lacking, h.Reason) {
		return cause
	}
	same := func(now *Checkpoint) bool { return now != nil && now.Phase == Streaming && now.LSN == was.LSN }
	now, err := d.Warehouse.Checkpoint(ctx)
	if err != nil {
		return err
	}
	if !same(now) || now.Epoch != was.Epoch {
		return fmt.Errorf("replicator: another daemon resets the slot, or has gone on meanwhile: %s", h.Found)
	}
	if !now.Repairs(h, d.ResyncLost) {
		return cause
	}
	token := now.underWay()
	if d.again.tooOften(token) {
		return d.again.halt(h)
	}
	if _, err := d.Origin.Create(ctx, CreateRequest{Look: true, Resumed: true, System: now.System, Slot: now.Slot, Known: now.Known()}); err != nil {
		return err // this may be another server, for a while: nothing is forgotten for it
	}
	tell(d.Listener.Retried, Retry{Step: "reset", Cause: cause})
	err = d.beginReset(ctx, func(cp *Checkpoint) string {
		if !same(cp) {
			return ""
		}
		if token != "" {
			return token
		}
		return fmt.Sprintf("%sat %v in epoch %d", unasked, cp.LSN, cp.Epoch)
	})
	if err != nil {
		return err
	}
	d.again.begun(token)
	return fmt.Errorf("%w: %s", errReset, h.Found)
}

// mostAgain is how often a reset that is under way is begun again because its slot was lost
// too. Each time loads all tables from the start, and what loses one slot after another
// will do so again: a load can exceed a limit of the log, for instance.
const mostAgain = 3

// repeated counts how often in a row a process began the same reset again.
type repeated struct {
	token string
	times int
}

// begun counts that the reset with that token was begun again. An empty token stands for a
// reset that was begun for the first time.
func (r *repeated) begun(token string) {
	if token == "" || token != r.token {
		*r = repeated{token: token}
	}
	if token != "" {
		r.times++
	}
}

// tooOften reports whether the reset was begun again so often that a person has to look.
func (r *repeated) tooOften(token string) bool {
	return token != "" && token == r.token && r.times >= mostAgain
}

// halt returns h, for the slot of a reset that was begun again too often.
func (r *repeated) halt(h *Halt) error {
	with := *h
	with.Found = fmt.Sprintf("%s; the reset %q was begun again %d times, and lost its slot each time before all tables were loaded", h.Found, r.token, r.times)
	return &with
}
