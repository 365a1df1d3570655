package replicator

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rowshift/schema"
)

// A slot that turns out, in the middle of a stream, to be unable to decode is reset like
// one that is found lost at the opening, once the look after a halt finds the same again.
// It is reset unasked if that is wanted, and again if a reset is under way. Otherwise, and
// for what a reset does not repair unasked, the pipeline keeps halting.
func TestUndecodableSlotIsReset(t *testing.T) {
	underWay := []Reset{{Token: "asked", Begun: true}}
	for name, c := range map[string]struct {
		resync bool
		resets []Reset
		reason Reason
		begins string // the token that it is reset with; empty: it halts
	}{
		"resync":                    {true, nil, SlotLost, unasked},
		"halt":                      {false, nil, SlotLost, ""},
		"a reset is under way":      {false, underWay, SlotLost, "asked"},
		"the publication is missed": {true, nil, PublicationMissing, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				f := &fails{reason: c.reason, remade: cancel}
				f.merges, f.changes, f.table = true, true, oneColumn(1, "t")
				f.cp = streaming(stateOf(f.table, Live))
				f.cp.Resets = c.resets
				halts := 0
				o := options(f)
				o.ResyncLost = c.resync
				o.Listener.Halted = func(*Halt) { halts++ }
				if err := Run(ctx, o); err != nil {
					t.Fatal(err)
				}
				want := c.begins
				if want == unasked {
					want = fmt.Sprintf("%sat %v in epoch 1", unasked, f.cp.LSN)
				}
				remade := slices.Contains(f.asked, "make")
				if f.passes < undecodableTimes || f.cp.LSN <= 1 || f.cp.Reset != want || remade != (want != "") || remade && halts != 1 || !remade && halts < 10 {
					t.Errorf("after %d passes, at %v: reset %q, asked for %q, %d halts, want %q", f.passes, f.cp.LSN, f.cp.Reset, f.asked, halts, want)
				}
			})
		})
	}
}

// undecodableTimes is how often the stream of fails ends before the slot is given up.
const undecodableTimes = 3

// fails is a source whose slot cannot decode what comes after the first merge of each pass.
type fails struct {
	flaky
	reason Reason   // to halt for, once the slot is given up
	remade func()   // called as the slot is to be made anew
	start  LSN      // of the pass
	moved  bool     // it has merged something
	asked  []string // what Create was called for
}

func (f *fails) Alone(ctx context.Context, do func(context.Context) error) error { return do(ctx) }

func (f *fails) Create(ctx context.Context, r CreateRequest) (Created, error) {
	if r.Look {
		f.asked = append(f.asked, "look")
		return Created{}, nil
	}
	f.asked = append(f.asked, "make")
	f.remade()
	return Created{}, ctx.Err()
}

func (f *fails) Open(ctx context.Context, r OpenRequest) (Source, Opened, error) {
	_, o, err := f.flaky.Open(ctx, r)
	f.start, f.moved = f.cp.LSN, false
	return f, o, err
}

func (f *fails) Acknowledge(_ context.Context, lsn LSN) error {
	f.moved = f.moved || lsn > f.start
	return nil
}

func (f *fails) Next(ctx context.Context, wait time.Duration) (Change, error) {
	c, err := f.flaky.Next(ctx, wait)
	if err != nil || c.Op != Begin || !f.moved {
		return c, err
	}
	err = fmt.Errorf("%w: no such file", ErrUndecodable)
	if f.passes >= undecodableTimes {
		err = &Halt{Reason: f.reason, Cause: err}
	}
	return Change{}, err
}

// If a reset's slots are lost one after another before its tables are loaded, it is begun
// again only a few times, since each time loads everything from the start. Then it halts
// until a person has looked, and goes on with what that person asks for.
func TestAResetThatLosesItsSlots(t *testing.T) {
	for name, c := range map[string]struct {
		resync bool
		resets []Reset
		want   int // slots that are made
	}{
		"unasked": {true, nil, 1 + mostAgain},
		"asked":   {false, []Reset{{Token: "asked", Begun: true}}, mostAgain},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				f := &loses{}
				f.remade = func() {}
				f.cp = Checkpoint{Epoch: 1, Phase: Streaming, LSN: 1, Resets: c.resets}
				made := func() (n int) {
					for _, a := range f.asked {
						if a == "make" {
							n++
						}
					}
					return n
				}
				halts, last := 0, ""
				o := options(f)
				o.ResyncLost = c.resync
				o.Listener.Halted = func(h *Halt) {
					halts, last = halts+1, h.Found
					if halts == 5 {
						if made() != c.want {
							t.Errorf("%d slots were made before it halted, want %d", made(), c.want)
						}
						f.cp.Resets = append(f.cp.Resets, Reset{Token: "by a person"})
					}
				}
				if err := Run(ctx, o); err != nil {
					t.Fatal(err)
				}
				if want := fmt.Sprintf("begun again %d times", mostAgain); halts < 8 || !strings.Contains(last, want) || f.cp.Reset != "by a person" || made() != c.want+1+mostAgain {
					t.Errorf("%d slots were made, %d halts, the last for %q, reset %q", made(), halts, last, f.cp.Reset)
				}
			})
		})
	}
}

// loses is a source that loses each slot as soon as it is made and proved.
type loses struct{ fails }

func (l *loses) Create(ctx context.Context, r CreateRequest) (Created, error) {
	if r.Look {
		return Created{}, nil
	}
	l.asked = append(l.asked, "make")
	return Created{Start: 1, Proof: 1}, nil
}

func (l *loses) Open(ctx context.Context, r OpenRequest) (Source, Opened, error) {
	if r.Judge == nil { // a proof
		return &l.flaky, Opened{Confirmed: 1, Flushed: 1, End: 1}, nil
	}
	return nil, Opened{}, &Halt{Reason: SlotLost, Found: "the slot is lost"}
}

// Merge remembers the reset that it begins.
func (l *loses) Merge(_ context.Context, m *Merge) (Merged, error) {
	l.cp = m.Checkpoint
	if l.cp.Phase == Creating {
		l.cp.Resets = slices.DeleteFunc(slices.Clone(l.cp.Resets), func(r Reset) bool { return r.Token == l.cp.Reset })
		l.cp.Resets = append(l.cp.Resets, Reset{Token: l.cp.Reset, Begun: true}) // the others are done only once this one is
	}
	return Merged{}, nil
}

// A table that was parked when a slot reset began is not said to be parked any more while it
// loads, nor once it is live.
func TestAResetEndsWhatTablesWereParkedFor(t *testing.T) {
	f := &flaky{merges: true, cp: Checkpoint{Epoch: 1, Phase: Streaming, LSN: 1, Tables: []TableState{
		{OID: 1, Target: "t", State: Parked, Reason: TableUnfit, Why: "it has no key", Repair: "give it one"},
	}}}
	d := &daemon{Options: &Options{Warehouse: f}}
	if err := d.beginReset(t.Context(), func(*Checkpoint) string { return "token" }); err != nil {
		t.Fatal(err)
	}
	clean := func(cp Checkpoint, want State) {
		t.Helper()
		if s := cp.Tables[0]; s.State != want || s.Reason != "" || s.Why != "" || s.Repair != "" {
			t.Errorf("it is %+v", s)
		}
	}
	clean(f.cp, Loading)
	was := Checkpoint{Tables: []TableState{{OID: 1, State: Loading, Reason: TableUnfit, Why: "it has no key", Repair: "give it one"}}}
	clean(was.after([]*Staged{{Joins: []Join{{Table: &schema.Table{OID: 1}}}}}), Live)
}
