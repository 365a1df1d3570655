package replicator_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
)

func (l loader) Hold(_ context.Context, held string, _ *schema.Table) error {
	l.nap("hold", time.Second)
	switch {
	case l.isDead():
		return errDead
	case l.fault("held table cannot be made"):
		return errInjected
	}
	l.world.mu.Lock()
	defer l.world.mu.Unlock()
	l.warehouse.held[held] = nil
	l.warehouse.loadBooks[held] = newBooks()
	return nil
}

func (l loader) Apply(_ context.Context, epoch replicator.Epoch, t *schema.Table, s replicator.LoadState, _ int) (replicator.Applied, error) {
	l.nap("apply", time.Second)
	switch {
	case l.isDead() && !l.chance("a dead daemon's apply goes on", 0.5):
		return replicator.Applied{}, errDead
	case l.often("apply meets a conflict"):
		return replicator.Applied{}, retryable{}
	case l.often("apply fails"):
		return replicator.Applied{}, errInjected
	case l.fault("apply is refused for good"):
		return replicator.Applied{}, &replicator.Spoiled{OID: t.OID, Name: t.Configured, Cause: errInjected}
	}
	left, err := l.applyHeld(epoch, t, s)
	if err != nil {
		return replicator.Applied{}, err
	}
	if l.often("answer to the COMMIT of held changes is lost") || l.isDead() {
		return replicator.Applied{}, errInjected
	}
	return replicator.Applied{Left: left}, nil
}

// applyHeld is the transaction that applies the first held fold and takes it out, together
// with the folds before it that the snapshot saw.
func (n *node) applyHeld(epoch replicator.Epoch, t *schema.Table, s replicator.LoadState) (left bool, err error) {
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	w := &n.warehouse
	if w.checkpoint.Epoch != epoch {
		n.tall.count("apply is fenced")
		return false, fmt.Errorf("apply: %w", replicator.ErrFenced)
	}
	held, load := w.held[s.Held], w.loads[s.Into]
	if load == nil {
		n.broken(5, "held changes of %v are applied to no load table", t.Name)
		return false, nil
	}
	for len(held) > 0 && held[0].xid != 0 && s.Seen.Sees(held[0].xid) && n.bug != applySeen {
		n.tall.count("held change that the snapshot sees")
		held = held[1:]
	}
	if len(held) > 0 {
		n.say("epoch %d applies to %s truncated %v: %q", epoch, s.Into, held[0].truncated, held[0].rows)
		n.applyRows(load, w.loadBooks[s.Held], held[0], n.excusedNow(t.OID))
		n.tall.count("held fold applied")
		if n.bug != keepApplied || n.world.die("keep").IntN(3) > 0 {
			held = held[1:]
		}
	}
	w.held[s.Held] = held
	return len(held) > 0 && n.bug != joinEarly, nil
}

// ask is somebody's request for a table to be loaded again, beside those of before.
func (w *simWarehouse) ask(name schema.Name) {
	w.requests[name] = "requested"
	w.asked[name]++
}

// resyncs are the tables that are asked for, once for each request.
func (w *simWarehouse) resyncs() (names []schema.Name) {
	for name, times := range w.asked {
		names = append(names, slices.Repeat([]schema.Name{name}, times)...)
	}
	return names
}

// resetAsked reports whether somebody has asked for a slot reset.
func (w *world) resetAsked() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Contains(slices.Collect(maps.Values(w.warehouse.resets)), "requested")
}

// remembered adds what people ask for to a checkpoint that is read.
func (w *simWarehouse) remembered(c *replicator.Checkpoint, b bug) {
	c.Resyncs, c.Resets, c.Reset = w.resyncs(), nil, ""
	for _, token := range slices.Sorted(maps.Keys(w.resets)) {
		c.Resets = append(c.Resets, replicator.Reset{Token: token, Begun: w.resets[token] != "requested", Done: w.resets[token] == "done"})
		if w.resets[token] == "taken" && c.Phase == replicator.Creating {
			c.Reset = token
		}
	}
	for i := range c.Tables {
		if b == forgetParked && c.Tables[i].State == replicator.Parked {
			c.Tables[i].State = replicator.Live
		}
		if b == forgetRenaming {
			c.Tables[i].Renaming = nil
		}
	}
}

// answer takes requests whose tables are about to be loaded, and marks resets that are
// under way or done.
func (w *simWarehouse) answer(m *replicator.Merge) {
	c := m.Checkpoint
	loading := slices.ContainsFunc(c.Tables, func(t replicator.TableState) bool { return t.State == replicator.Loading })
	switch {
	case c.Reset != "":
		w.resets[c.Reset] = "taken"
	case c.Phase == replicator.Streaming && len(c.Tables) > 0 && !loading:
		for token, state := range w.resets {
			if state == "taken" {
				w.resets[token] = "done"
			}
		}
	}
	if c.Phase == replicator.Creating {
		return
	}
	for _, t := range c.Tables {
		if t.State == replicator.Loading && t.Load != nil && t.Load.HandOver == 0 && w.requests[t.Name] == "requested" {
			w.requests[t.Name] = "taken"
			delete(w.asked, t.Name)
		}
	}
}

// loseSlot drops the slot, breaks it or leaves it as it is, and asks for its reset unless
// the daemon resets it unasked.
func (w *world) loseSlot() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.warehouse.checkpoint == nil || w.warehouse.checkpoint.Phase == replicator.Creating {
		return
	}
	if w.die("lose").IntN(2) == 0 {
		lost := "slot is lost and reset unasked"
		if w.source.slot != nil && w.die("break").IntN(2) == 0 {
			w.source.slot.broken = true
			lost = "slot cannot decode any more and is reset unasked"
		} else {
			w.source.slot = nil
		}
		if w.seed%3 == 0 {
			w.tall.count(lost)
			return
		}
	}
	w.warehouse.resets[fmt.Sprint("token ", len(w.warehouse.resets))] = "requested"
	w.say("the slot is to be reset")
}

// spoil changes a row of a target by hand, and asks for the table to be loaded again.
func (w *world) spoil() {
	w.mu.Lock()
	defer w.mu.Unlock()
	name := w.source.tables[w.die("spoil").IntN(len(w.source.tables))].name
	if at := w.warehouse.targets[name.Table]; at != nil {
		for k, r := range at.rows {
			r[slotOf("l")] = "spoiled"
			at.rows[k] = r
			w.warehouse.spoiled[name.Table] = true
			break
		}
	}
	delete(w.warehouse.still, name.Table)
	w.warehouse.ask(name)
	w.say("%v is spoiled, and asked for", name)
}
