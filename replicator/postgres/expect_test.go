package postgres

import (
	"errors"
	"strings"
	"testing"

	"rowshift/replicator"
)

// TestSlotIsForeseen shows that Check and Plan say of the slot what an opening, or a first
// run, comes to with it: with the same reason and repair, and before anything is made.
func TestSlotIsForeseen(t *testing.T) {
	const made = `SELECT pg_create_logical_replication_slot('@', 'pgoutput')`
	begun := &replicator.Checkpoint{Phase: replicator.Streaming, LSN: 1 << 60}
	tests := []struct {
		name   string
		before string
		dba    bool
		cp     *replicator.Checkpoint
		slot   string // of the checkpoint; empty: the config's
		want   replicator.Reason
		makes  bool // Plan has the statement that makes it
	}{
		{name: "a first run", makes: true},
		{name: "a first run, where a slot of that name is there", before: made, want: replicator.SlotStrange},
		{name: "a first run, where a DBA has made it", before: made, dba: true},
		{name: "it was being made", cp: &replicator.Checkpoint{Phase: replicator.Creating}, makes: true},
		{name: "it is there", before: made, cp: begun},
		{name: "it is gone", cp: begun, want: replicator.SlotMissing},
		{name: "it is gone, and a DBA makes it", dba: true, cp: begun, want: replicator.SlotMissing, makes: true},
		{name: "it was made anew", before: made, cp: &replicator.Checkpoint{Phase: replicator.Streaming, LSN: 1}, want: replicator.SlotAhead},
		{name: "the config names another, which is not there", cp: begun, slot: "before", want: replicator.SlotStrange},
		{name: "the config names another", before: made, cp: begun, slot: "before", want: replicator.SlotStrange},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			other := w.dial()
			w.named(!test.dba)
			w.exec(other, strings.ReplaceAll(test.before, "@", w.options.Slot))
			w.exec(other, `CREATE TABLE a (id int PRIMARY KEY); CREATE PUBLICATION rowshift FOR TABLE ONLY a WITH (publish_via_partition_root = true)`)
			w.choose(every("a")...)
			if test.cp != nil {
				cp := *test.cp
				if cp.Slot = test.slot; cp.Slot == "" {
					cp.Slot = w.options.Slot
				}
				test.cp = &cp
			}
			w.Expect(test.cp)
			var halt *replicator.Halt
			if err := w.comesTo(test.cp); !errors.As(err, &halt) && (err != nil || test.want != "") || halt != nil && halt.Reason != test.want {
				t.Fatalf("a run comes to %v, want %q", err, test.want)
			}
			f := found(t, w.Check(t.Context()), "slot "+w.options.Slot)
			if failed := f.Verdict == replicator.Failure; failed != (test.want != "") || failed && f.Repair != halt.Repair {
				t.Errorf("check says %+v, want %v", f, halt)
			}
			statements, _, err := w.Plan(t.Context())
			all := strings.Join(statements, "\n")
			if err != nil || strings.Contains(all, "pg_create_logical") != test.makes || strings.Contains(all, "-- a run halts: "+string(test.want)) != (test.want != "") {
				t.Errorf("plan says %q, %v", all, err)
			}
		})
	}
}

// comesTo is what keeps a run that finds this checkpoint from going on with the slot.
func (w *world) comesTo(cp *replicator.Checkpoint) error {
	if cp == nil || cp.Phase != replicator.Streaming {
		_, err := w.Create(w.t.Context(), replicator.CreateRequest{Look: true, Resumed: cp != nil})
		return err
	}
	source, opened, err := w.Open(w.t.Context(), replicator.OpenRequest{
		Judge: func(o replicator.Opened) error {
			return replicator.JudgeSlot(*cp, replicator.Opened{Slot: o.Slot})
		},
	})
	if err != nil {
		return err
	}
	defer source.Close()
	return replicator.JudgeSlot(*cp, replicator.Opened{Slot: opened.Slot, Confirmed: opened.Confirmed})
}
