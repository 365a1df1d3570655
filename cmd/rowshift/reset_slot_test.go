package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"rowshift/sink/redshift"
)

// The command does the reset itself once nobody works on it: after a short time if
// nobody has the slot, whatever the state of the reset, and after a longer one if
// whoever has the slot does not take the request up.
func TestResetThatNobodySeesTo(t *testing.T) {
	began := time.Unix(0, 0)
	for name, test := range map[string]struct {
		state redshift.ResetState
		slot  slotSighting
		until time.Duration // 0: always
	}{
		"requested, nobody has the slot":          {redshift.ResetRequested, slotSighting{exists: true}, unheeded},
		"requested, there is no slot":             {redshift.ResetRequested, slotSighting{}, unheeded},
		"requested, whoever has the slot is deaf": {redshift.ResetRequested, slotSighting{exists: true, active: true}, ignored},
		"requested, another makes the slot":       {redshift.ResetRequested, slotSighting{making: true}, 0},
		"taken, and the daemon is gone":           {redshift.ResetTaken, slotSighting{exists: true}, unheeded},
		"taken, gone before the slot was made":    {redshift.ResetTaken, slotSighting{}, unheeded},
		"taken, the slot is being made":           {redshift.ResetTaken, slotSighting{making: true}, 0},
		"taken, the tables are loaded":            {redshift.ResetTaken, slotSighting{exists: true, active: true}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			h := heeding{had: began, heard: began}
			for at := time.Duration(0); at < time.Hour; at += followEvery {
				if h.goesOn(test.state, test.slot, began.Add(at)) {
					continue
				}
				if test.until == 0 || at <= test.until || at > test.until+followEvery {
					t.Errorf("given up after %v", at)
				}
				return
			}
			if test.until > 0 {
				t.Error("followed for ever")
			}
		})
	}
}

// A look that fails says nothing of the daemon: the reset is followed on, and the command
// fails only once nobody has answered for some minutes.
func TestResetIsFollowedThroughFaults(t *testing.T) {
	broken := errors.New("broken")
	const always = 1000
	for name, test := range map[string]struct {
		deaf   int // how many of the first looks at the warehouse fail
		blind  int // how many of the first looks at the slot fail
		slot   slotSighting
		heeded bool
		fails  bool
		after  time.Duration
	}{
		"done":                        {slot: slotSighting{active: true}, heeded: true, after: 59 * followEvery},
		"the warehouse restarts":      {deaf: 20, slot: slotSighting{active: true}, heeded: true, after: 59 * followEvery},
		"the warehouse is gone":       {deaf: always, slot: slotSighting{active: true}, fails: true, after: ignored + followEvery},
		"the source restarts":         {blind: 20, slot: slotSighting{active: true}, heeded: true, after: 59 * followEvery},
		"the source is gone":          {blind: always, heeded: true, after: 59 * followEvery},
		"nobody has the slot":         {after: unheeded + followEvery},
		"nobody, once it can be seen": {blind: 10, after: 9*followEvery + unheeded + followEvery},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				looks, sights, began := 0, 0, time.Now()
				heeded, err := resetSlotCommand{Token: "x"}.follow(t.Context(), resetLooks{
					reset: func(context.Context, string) (redshift.ResetState, time.Duration, error) {
						switch looks++; {
						case looks <= test.deaf:
							return redshift.ResetUnknown, 0, broken
						case looks == 60:
							return redshift.ResetDone, 0, nil
						}
						return redshift.ResetTaken, 0, nil
					},
					slot: func(context.Context) (slotSighting, error) {
						if sights++; sights <= test.blind {
							return slotSighting{}, broken
						}
						return test.slot, nil
					},
				}, io.Discard)
				if took := time.Since(began); heeded != test.heeded || errors.Is(err, broken) != test.fails || took != test.after {
					t.Errorf("%t, %v after %v", heeded, err, took)
				}
			})
		})
	}
}

// If the request cannot be written because a merge hangs, the command gives up after a
// while and does the reset itself. It returns any other error.
func TestResetIsRequestedBehindAMergeThatHangs(t *testing.T) {
	broken := errors.New("broken")
	hangs := func(ctx context.Context, _ string) error {
		<-ctx.Done()
		return ctx.Err()
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for name, test := range map[string]struct {
		ctx   context.Context
		ask   func(context.Context, string) error
		most  time.Duration
		asked bool
		err   error
	}{
		"written":       {t.Context(), func(context.Context, string) error { return nil }, time.Minute, true, nil},
		"a merge hangs": {t.Context(), hangs, time.Millisecond, false, nil},
		"it fails":      {t.Context(), func(context.Context, string) error { return broken }, time.Minute, false, broken},
		"told to end":   {stopped, hangs, time.Minute, false, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			asked, err := resetSlotCommand{Token: "a"}.request(test.ctx, test.ask, test.most)
			if asked != test.asked || !errors.Is(err, test.err) {
				t.Errorf("%v, %v", asked, err)
			}
		})
	}
}

// For a token that is done the command asks for nothing, whatever the state of the slot.
// It goes on with one that is in progress, or that nobody has taken up.
func TestATokenIsCarriedOutOnce(t *testing.T) {
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		state redshift.ResetState
		err   error
		done  bool
		told  string
	}{
		"not known":       {redshift.ResetUnknown, nil, false, ""},
		"requested":       {redshift.ResetRequested, nil, false, ""},
		"taken":           {redshift.ResetTaken, nil, false, ""},
		"done":            {redshift.ResetDone, nil, true, "reset a: done already, so nothing was run; another reset needs another token\n"},
		"cannot be asked": {redshift.ResetUnknown, broken, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			done, err := resetSlotCommand{Token: "a"}.isDone(t.Context(), func(_ context.Context, token string) (redshift.ResetState, time.Duration, error) {
				if token != "a" {
					t.Errorf("asked of %q", token)
				}
				return test.state, -1, test.err
			}, &out)
			if done != test.done || !errors.Is(err, test.err) || out.String() != test.told {
				t.Errorf("%v, %v, %q", done, err, out.String())
			}
		})
	}
}
