package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"rowshift/replicator"
	"rowshift/replicator/postgres"
	"rowshift/schema"
	"rowshift/sink/redshift"

	"github.com/dustin/go-humanize"
)

const (
	followEvery = 2 * time.Second  // how often the state of a reset is read
	unheeded    = 30 * time.Second // how long the slot may be idle before this process does the reset
	ignored     = 2 * time.Minute  // how long whoever has the slot may ignore the request, as a dead or halted daemon does
)

type resetSlotCommand struct {
	Token string `required:"" help:"A word of yours. Each is carried out once." placeholder:"TOKEN"`
	Plan  bool   `help:"Print what would happen, and do nothing."`
}

// Run asks the daemon that has the slot for a reset and follows it until it is done. If
// no daemon has the slot, it does the reset itself, also one that was begun and is not
// done. For a token that is done it does nothing, even if the slot was dropped since.
func (c resetSlotCommand) Run(ctx context.Context, o *outside) error {
	if err := fitToken(c.Token); err != nil {
		return err
	}
	config, err := o.load()
	if err != nil {
		return err
	}
	r, err := newRooms(ctx, config, nil, nil)
	if err != nil {
		return err
	}
	defer r.close()
	if c.Plan {
		return c.plan(ctx, r, config.source.create, o.stdout)
	}
	slot, err := r.slot(ctx)
	if err != nil {
		return err
	}
	if done, err := c.isDone(ctx, r.warehouse.Reset, o.stdout); done || err != nil {
		return err
	}
	if slot.active {
		asked, err := c.request(ctx, r.warehouse.RequestReset, ignored)
		if err != nil {
			return err
		}
		if !asked {
			fmt.Fprintf(o.stdout, "reset %s: the warehouse takes no request, since a merge hangs or is of a daemon that is gone, so it is carried out here\n", c.Token)
		} else if heeded, err := c.follow(ctx, resetLooks{r.warehouse.Reset, r.slot}, o.stdout); heeded || err != nil {
			return err
		}
	}
	r.close()
	return runCommand{Once: true, ResetSlot: c.Token}.Run(ctx, o)
}

// fitToken returns what is wrong with a token. Redshift treats tokens that differ only
// in trailing blanks as equal.
// https://docs.aws.amazon.com/redshift/latest/dg/r_Character_types.html
func fitToken(token string) error {
	switch {
	case strings.TrimSpace(token) == "":
		return misuse{errors.New("the token of the reset is empty; write a word that was not used before, such as today's date")}
	case strings.TrimSpace(token) != token:
		return misuse{errors.New("the token of the reset begins or ends with a blank; take it out")}
	case len(token) > maxToken:
		return misuse{fmt.Errorf("the token of the reset has %d bytes; write up to %d", len(token), maxToken)}
	}
	return nil
}

// isDone reports whether the reset with this token is done, and prints that.
func (c resetSlotCommand) isDone(ctx context.Context, reset func(context.Context, string) (redshift.ResetState, time.Duration, error), w io.Writer) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	state, _, err := reset(ctx, c.Token)
	if err != nil || state != redshift.ResetDone {
		return false, err
	}
	fmt.Fprintf(w, "reset %s: done already, so nothing was run; another reset needs another token\n", c.Token)
	return true, nil
}

// request asks whoever has the slot for the reset. It returns false if the request could
// not be written within most, because somebody holds the fence; the reset itself ends
// that session.
func (c resetSlotCommand) request(ctx context.Context, ask func(context.Context, string) error, most time.Duration) (asked bool, err error) {
	asking, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	err = ask(asking, c.Token)
	if err != nil && asking.Err() != nil && ctx.Err() == nil {
		return false, nil
	}
	return err == nil, err
}

// resetLooks are the looks that follow takes: at the reset, and at the slot.
type resetLooks struct {
	reset func(context.Context, string) (redshift.ResetState, time.Duration, error)
	slot  func(context.Context) (slotSighting, error)
}

// follow prints the state of the reset until it is done. It returns false if nobody
// heeds the request, or nobody heeds it any more because the daemon that took it up has
// died. It fails if the warehouse or the source does not answer for some minutes: a look
// that fails once, as while Redshift resizes, says nothing about the daemon.
func (c resetSlotCommand) follow(ctx context.Context, look resetLooks, w io.Writer) (heeded bool, err error) {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	told, state := redshift.ResetUnknown, redshift.ResetUnknown
	heed, answered := heeding{had: time.Now(), heard: time.Now()}, time.Now()
	for {
		slot, err := c.look(ctx, look, &state)
		if state != told {
			fmt.Fprintf(w, "reset %s: %s\n", c.Token, state)
			told = state
		}
		switch now := time.Now(); {
		case state == redshift.ResetDone:
			return true, nil
		case err != nil && now.Sub(answered) > ignored:
			return false, err
		case err != nil:
			heed.had, heed.heard = now, now // nobody knows who has the slot
		case !heed.goesOn(state, slot, now):
			fmt.Fprintf(w, "reset %s: %s, so it is carried out here\n", c.Token, whyHere(slot))
			return false, nil
		default:
			answered = now
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// look reads the state of the reset and looks at the slot. It leaves the state as it is if
// the warehouse does not answer.
func (c resetSlotCommand) look(ctx context.Context, look resetLooks, state *redshift.ResetState) (slotSighting, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	now, _, err := look.reset(ctx, c.Token)
	if err != nil {
		return slotSighting{}, err
	}
	*state = now
	return look.slot(ctx)
}

// whyHere says why nobody else carries the reset out.
func whyHere(slot slotSighting) string {
	if slot.active {
		return fmt.Sprintf("whoever has the slot has not taken it up for %v: it has merged nothing since, by which it would have seen the request, or it hangs", ignored)
	}
	return "no daemon has the slot"
}

// heeding tracks for how long nobody has worked on a reset.
type heeding struct {
	had   time.Time // when somebody last had the slot, or was making it
	heard time.Time // when the request was last not waiting to be taken up
}

// goesOn reports whether somebody may still be working on the reset.
func (h *heeding) goesOn(state redshift.ResetState, slot slotSighting, now time.Time) bool {
	if slot.active || slot.making {
		h.had = now
	}
	if state != redshift.ResetRequested || slot.making {
		h.heard = now
	}
	return now.Sub(h.had) <= unheeded && now.Sub(h.heard) <= ignored
}

// lastLoad says how long the last load of a table took. It finds the table by its name
// in the config, because on another cluster the OID may belong to another table.
func lastLoad(cp *replicator.Checkpoint, name schema.Name) string {
	for _, s := range cp.Known().Tables {
		if s.Name == name && s.LastLoad > 0 {
			return fmt.Sprintf("its last load took %v", s.LastLoad.Round(time.Millisecond))
		}
	}
	return "no load of it is remembered"
}

// plan prints what a reset would let go of and load. If the reset would halt before it
// touches anything, plan returns that halt.
func (c resetSlotCommand) plan(ctx context.Context, r *rooms, create bool, w io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	state, last, err := r.warehouse.Reset(ctx, c.Token)
	if err != nil {
		return err
	}
	if state == redshift.ResetTaken || state == redshift.ResetDone {
		fmt.Fprintf(w, "reset %s: %s, so nothing would happen: choose another token\n", c.Token, state)
		return nil
	}
	cp, err := r.warehouse.Checkpoint(ctx)
	if err != nil {
		return err
	}
	if err := r.lookBeforeReset(ctx, cp); err != nil {
		return err
	}
	if err := planSlot(ctx, r, create, w); err != nil {
		return err
	}
	tables, parked, err := r.origin.Estimates(ctx)
	if err != nil {
		return err
	}
	planLoads(w, tables, cp)
	for _, u := range parked {
		fmt.Fprintln(w, strings.ReplaceAll(fmt.Sprintf("parked: %v stays as it is: %s; repair: %s", u.Name, u.Why.Found, u.Why.Repair), "\n", " "))
	}
	if last >= 0 {
		fmt.Fprintf(w, "the last reset took about %v\n", last)
	}
	return nil
}

// planSlot prints what a reset would do with the slot. With source.create: false only a
// DBA may make or drop it.
func planSlot(ctx context.Context, r *rooms, create bool, w io.Writer) error {
	slot, err := r.slot(ctx)
	if err != nil {
		return err
	}
	err = r.origin.SlotDue(ctx)
	retained := humanize.IBytes(slot.retained)
	due, isDue := errors.AsType[*replicator.Halt](err)
	switch {
	case isDue:
		fmt.Fprintf(w, "slot: %s: the reset would halt until a DBA has run: %s\n", due.Found, due.Repair)
	case err != nil:
		return err
	case !slot.exists:
		fmt.Fprintln(w, "slot: there is none, and one would be made")
	case !create:
		fmt.Fprintf(w, "slot: kept as it is, since source.create is false; it keeps %s of log, which would be read; if it cannot be decoded, the reset would halt until a DBA has made the slot anew\n", retained)
	default:
		fmt.Fprintf(w, "slot: made anew; it keeps %s of log, which would be let go of\n", retained)
	}
	return nil
}

// planLoads prints what a reset would load.
func planLoads(w io.Writer, tables []postgres.Estimate, cp *replicator.Checkpoint) {
	var rows, bytes int64
	for _, t := range tables {
		name := t.Table.Configured.String()
		if t.Table.Name != t.Table.Configured {
			name += ", which is " + t.Table.Name.String() + " now"
		}
		fmt.Fprintf(w, "load: %s, about %s rows, %s; %s\n", name, humanize.Comma(t.Rows), humanize.IBytes(uint64(t.Bytes)), lastLoad(cp, t.Table.Configured))
		rows, bytes = rows+t.Rows, bytes+t.Bytes
	}
	fmt.Fprintf(w, "load: %d tables, about %s rows, %s in all; their targets stand still until they are loaded\n", len(tables), humanize.Comma(rows), humanize.IBytes(uint64(bytes)))
}
