package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
	"rowshift/test/pgtest"
)

// The slot as it is before a run: $ stands for its name in the config.
const (
	slotMade    = `SELECT pg_create_logical_replication_slot('$', 'pgoutput')`
	slotBefore  = `SELECT pg_create_logical_replication_slot('before', 'pgoutput')`
	slotStrange = `SELECT pg_create_logical_replication_slot('$', 'test_decoding')`
	slotTwice   = `SELECT pg_create_logical_replication_slot('$', 'pgoutput', false, true)`
)

// foreseen is a slot and what is remembered before a run, and what the run does about them.
type foreseen struct {
	name   string
	before string
	lost   bool // the server has given up what is there
	active bool // somebody streams from it
	dba    bool
	phase  replicator.Phase // of the checkpoint; empty: there is none
	had    string           // the checkpoint's slot; empty: the config's
	ahead  bool             // the slot begins after the checkpoint
	reset  replicator.Reset // what the warehouse remembers of one
	resync bool             // on_slot_lost: resync

	want   replicator.Reason
	resets bool
	makes  bool // Plan has the statement that makes the slot
}

var slotsForeseen = []foreseen{
	{name: "a first run", makes: true},
	{name: "a first run, where a slot of that name is there", before: slotMade, want: replicator.SlotStrange},
	{name: "a first run, where a DBA has made it", before: slotMade, dba: true},
	{name: "a first run, where a DBA has to make it", dba: true, want: replicator.SlotMissing, makes: true},
	{name: "a first run, where a DBA's is lost", before: slotMade, lost: true, dba: true, want: replicator.SlotLost},

	{name: "it was being made", phase: replicator.Creating, makes: true},
	{name: "it was being made, and is there", before: slotMade, phase: replicator.Creating},
	{name: "it was being made, and is lost", before: slotMade, lost: true, phase: replicator.Creating},
	{name: "it was being made, and is of another plugin", before: slotStrange, phase: replicator.Creating, want: replicator.SlotStrange},
	{name: "it was being made, and is two-phase", before: slotTwice, phase: replicator.Creating, want: replicator.SlotStrange},
	{name: "it was being made by a DBA", phase: replicator.Creating, dba: true, want: replicator.SlotMissing, makes: true},
	{name: "it was being made by a DBA, and is lost", before: slotMade, lost: true, phase: replicator.Creating, dba: true, want: replicator.SlotLost},

	{name: "it is there", before: slotMade, phase: replicator.Streaming},
	{name: "it is there, with resync", before: slotMade, phase: replicator.Streaming, resync: true},
	{name: "it is there, and a reset under way", before: slotMade, phase: replicator.Streaming, reset: replicator.Reset{Token: "one", Begun: true}},
	{name: "it is there, and a reset asked for", before: slotMade, phase: replicator.Streaming, reset: replicator.Reset{Token: "one"}, resets: true},
	{name: "somebody streams from it", before: slotMade, active: true, phase: replicator.Streaming, ahead: true},
	{name: "it is of another plugin", before: slotStrange, phase: replicator.Streaming, resync: true, want: replicator.SlotStrange},

	{name: "it is gone", phase: replicator.Streaming, want: replicator.SlotMissing},
	{name: "it is gone, and a DBA makes it", dba: true, phase: replicator.Streaming, want: replicator.SlotMissing, makes: true},
	{name: "it is gone, with resync", phase: replicator.Streaming, resync: true, resets: true, makes: true},
	{name: "it is gone, with resync, and a DBA makes it", dba: true, phase: replicator.Streaming, resync: true, want: replicator.SlotMissing, makes: true},
	{name: "it is gone, and a reset asked for", phase: replicator.Streaming, reset: replicator.Reset{Token: "one"}, resets: true, makes: true},
	{name: "it is gone, and a reset under way", phase: replicator.Streaming, reset: replicator.Reset{Token: "one", Begun: true}, resets: true, makes: true},
	{name: "it is gone, and a reset done", phase: replicator.Streaming, reset: replicator.Reset{Token: "one", Begun: true, Done: true}, want: replicator.SlotMissing},
	{name: "it is lost", before: slotMade, lost: true, phase: replicator.Streaming, want: replicator.SlotLost},
	{name: "it is lost, with resync", before: slotMade, lost: true, phase: replicator.Streaming, resync: true, resets: true},
	{name: "it was made anew", before: slotMade, phase: replicator.Streaming, ahead: true, want: replicator.SlotAhead},
	{name: "it was made anew, with resync", before: slotMade, phase: replicator.Streaming, ahead: true, resync: true, resets: true},

	{name: "renamed, and both are there", before: slotMade + ";" + slotBefore, phase: replicator.Streaming, had: "before", want: replicator.SlotStrange},
	{name: "renamed, and the one of before is there", before: slotBefore, phase: replicator.Streaming, had: "before", want: replicator.SlotStrange},
	{name: "renamed, and the one of before is there, with resync", before: slotBefore, phase: replicator.Streaming, had: "before", resync: true, want: replicator.SlotStrange},
	{name: "renamed, and the new one is there", before: slotMade, phase: replicator.Streaming, had: "before", resync: true, want: replicator.SlotStrange},
	{name: "renamed, and the new one is lost", before: slotMade, lost: true, phase: replicator.Streaming, had: "before", resync: true, want: replicator.SlotStrange},
	{name: "renamed, and none is there", phase: replicator.Streaming, had: "before", want: replicator.SlotMissing},
	{name: "renamed, and none is there, with resync", phase: replicator.Streaming, had: "before", resync: true, resets: true, makes: true},
	{name: "renamed, and none is there, and a reset under way", phase: replicator.Streaming, had: "before", reset: replicator.Reset{Token: "one", Begun: true}, resets: true, makes: true},
}

// TestSlotIsForeseen shows that Check and Plan say what a run does about the slot, before
// anything is made: that it halts, with the same reason and repair, or resets the slot, or
// goes on with it.
func TestSlotIsForeseen(t *testing.T) {
	t.Parallel()
	s := pgtest.Start(t, pgtest.Options{Settings: map[string]string{"max_slot_wal_keep_size": "1MB"}})
	home := on(newWorld(t), s)
	home.exec(home.dial(), `CREATE TABLE a (id int PRIMARY KEY); CREATE PUBLICATION rowshift FOR TABLE ONLY a WITH (publish_via_partition_root = true)`)
	home.choose(every("a")...)
	for _, test := range slotsForeseen {
		t.Run(test.name, func(t *testing.T) {
			w := &world{t: t, config: home.config, program: home.program, Origin: New(home.options)}
			cp := w.before(test)
			w.Expect(cp, test.resync)
			all := w.Check(t.Context())
			statements, _, err := w.Plan(t.Context())
			plan := strings.Join(statements, "\n")
			if err != nil {
				t.Fatal(err)
			}
			halt, reset := w.comesTo(cp, test.resync)
			if (halt == nil) != (test.want == "") || halt != nil && halt.Reason != test.want || halt == nil && reset != test.resets {
				t.Fatalf("a run comes to %v, and resets the slot: %v; want %q and %v", halt, reset, test.want, test.resets)
			}
			f := found(t, all, "slot "+w.options.Slot)
			verdict := replicator.Fine
			switch {
			case test.want != "":
				verdict = replicator.Failure
			case test.resets:
				verdict = replicator.Warning
			}
			if f.Verdict != verdict || halt != nil && (f.Repair != halt.Repair || !strings.HasPrefix(f.Found, halt.Found)) || test.resets != strings.Contains(f.Found, "a run resets it") {
				t.Errorf("check says %+v, want %s of %v", f, verdict, halt)
			}
			says := "" // of a run that goes on with the slot or makes it
			switch {
			case halt != nil:
				says = comment("a run halts: " + halt.Error())
			case test.resets:
				says = "-- a run resets the slot, "
			}
			if slices.Contains(statements, createSlot(w.options.Slot)) != test.makes || strings.Count(plan, "-- a run ") != min(len(says), 1) || !strings.Contains(plan, says) {
				t.Errorf("plan says\n%s\nwant %q, and the statement that makes the slot: %v", plan, says, test.makes)
			}
		})
	}
}

// before brings about the state that test begins with, and returns the checkpoint.
func (w *world) before(test foreseen) *replicator.Checkpoint {
	w.t.Helper()
	other := w.dial()
	w.named(!test.dba)
	w.until(other, `NOT EXISTS (SELECT FROM pg_replication_slots WHERE active)`)
	w.exec(other, `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots`)
	for statement := range strings.SplitSeq(test.before, ";") {
		w.exec(other, strings.ReplaceAll(statement, "$", w.options.Slot))
	}
	if test.lost {
		w.meanwhile(other, `(SELECT bool_and(wal_status = 'lost') FROM pg_replication_slots)`, func() error {
			for _, statement := range []string{`SELECT pg_logical_emit_message(false, '', '')`, `SELECT pg_switch_wal()`, `CHECKPOINT`} {
				w.exec(other, statement)
			}
			return nil
		})
	}
	if test.phase == "" {
		return nil
	}
	known := w.knows()
	cp := &replicator.Checkpoint{Phase: test.phase, Epoch: 1, System: known.System, Database: known.Database, Slot: test.had, LSN: w.marked()}
	if cp.Slot == "" {
		cp.Slot = w.options.Slot
	}
	if test.ahead {
		cp.LSN = 1
	}
	if test.reset.Token != "" {
		cp.Resets = []replicator.Reset{test.reset}
	}
	if test.active {
		source, _, err := New(w.options).Open(w.t.Context(), replicator.OpenRequest{After: 1})
		if err != nil {
			w.t.Fatal(err)
		}
		w.t.Cleanup(func() { source.Close() })
	}
	return cp
}

// comesTo runs a pipeline from this checkpoint. It returns what the run halts with, and
// whether it resets the slot. It ends a run that goes on with the slot, or that waits for
// whoever streams from it.
func (w *world) comesTo(cp *replicator.Checkpoint, resyncLost bool) (halt *replicator.Halt, reset bool) {
	w.t.Helper()
	ctx, stop := context.WithTimeout(w.t.Context(), atMost)
	defer stop()
	options := w.options
	options.Waiting = func(what string) {
		if strings.Contains(what, "streams from") {
			stop()
		}
	}
	m := &memory{checkpoint: cp}
	err := replicator.Run(ctx, replicator.Options{
		Pipeline: "p", Origin: New(options), Warehouse: m, Loader: m, ResyncLost: resyncLost,
		Once: true, Backoff: replicator.Backoff{Min: time.Millisecond, Max: time.Millisecond},
	})
	switch {
	case errors.Is(err, errOnward), errors.Is(err, replicator.ErrInterrupted) && errors.Is(ctx.Err(), context.Canceled):
	case !errors.As(err, &halt):
		w.t.Fatalf("a run ends with %v", err)
	}
	return halt, m.reset
}

// errOnward ends a run that goes on with the slot.
var errOnward = errors.New("it goes on with the slot")

// onward returns errOnward in a Halt, so that a run ends with it.
func onward() error { return &replicator.Halt{Cause: errOnward} }

// memory is a warehouse that remembers a checkpoint, and ends a run once that goes on with
// its slot.
type memory struct {
	replicator.Warehouse
	replicator.Loader
	checkpoint *replicator.Checkpoint
	reset      bool // one was begun
}

func (m *memory) Checkpoint(context.Context) (*replicator.Checkpoint, error) {
	if m.checkpoint == nil {
		return nil, nil
	}
	cp := m.checkpoint.Clone()
	return &cp, nil
}

func (m *memory) Fence(_ context.Context, first replicator.Checkpoint) (replicator.Checkpoint, error) {
	if m.checkpoint == nil {
		m.checkpoint = &first
	}
	m.checkpoint.Epoch++
	return m.checkpoint.Clone(), nil
}

func (m *memory) Merge(_ context.Context, merge *replicator.Merge) (replicator.Merged, error) {
	next := merge.Checkpoint.Clone()
	if next.Phase == replicator.Streaming {
		return replicator.Merged{}, onward()
	}
	if next.Reset == "" {
		return replicator.Merged{}, fmt.Errorf("a merge in phase %s that is no reset", next.Phase)
	}
	next.Resets = []replicator.Reset{{Token: next.Reset, Begun: true}}
	m.checkpoint, m.reset = &next, true
	return replicator.Merged{}, nil
}

func (*memory) Hold(context.Context, string, *schema.Table) error { return onward() }

// TestAnotherSourceHasAnotherSlot shows that the checkpoint does not judge the slot of
// another cluster: what a run halts with is then reported of the source.
func TestAnotherSourceHasAnotherSlot(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY)`)
	w.choose(every("a")...)
	w.create()
	cp := &replicator.Checkpoint{Phase: replicator.Streaming, Epoch: 1, System: "7", Database: w.config.Database, Slot: "before", LSN: 1,
		Tables: []replicator.TableState{{OID: 1, Name: schema.Name{Schema: "public", Table: "a"}, Target: "a", State: replicator.Live}}}
	for _, resync := range []bool{false, true} {
		w.Expect(cp, resync)
		all := w.Check(t.Context())
		halt, reset := w.comesTo(cp, resync)
		if halt == nil || halt.Reason != replicator.SourceChanged || reset {
			t.Fatalf("a run comes to %v, and resets the slot: %v", halt, reset)
		}
		if f := found(t, all, "identity"); f.Verdict != replicator.Failure || f.Repair != halt.Repair {
			t.Errorf("check says %+v, want %v", f, halt)
		}
		if f := found(t, all, "slot "+w.options.Slot); f.Verdict != replicator.Fine {
			t.Errorf("check says %+v of a slot that is another's", f)
		}
		w.drop(other)
	}
}

// TestCheckKnowsItsPublication shows that a pipeline which is remembered may alter its
// publication, whatever became of its slot.
func TestCheckKnowsItsPublication(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)`)
	w.choose(every("a")...)
	w.create()
	w.exec(other, `ALTER PUBLICATION rowshift ADD TABLE ONLY b`)
	known := w.knows()
	w.Expect(&replicator.Checkpoint{Phase: replicator.Streaming, System: known.System, Database: known.Database, Slot: w.options.Slot, LSN: 1}, false)
	for _, slot := range []string{"made anew", "gone"} {
		all := w.Check(t.Context())
		if f := found(t, all, "slot "+w.options.Slot); f.Verdict != replicator.Failure {
			t.Errorf("of a slot that is %s: %+v", slot, f)
		}
		if f := found(t, all, "publication rowshift"); f.Verdict != replicator.Fine || !strings.Contains(f.Found, "run makes it so") {
			t.Errorf("where the slot is %s: %+v", slot, f)
		}
		w.drop(other)
	}
}
