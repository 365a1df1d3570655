package main

import (
	"errors"
	"testing"
	"time"

	"rowshift/replicator"
	"rowshift/schema"

	"github.com/prometheus/client_golang/prometheus"
)

// TestAHaltIsToldUntilItIsOver has daemons halt and look again. A step says what the daemon is
// doing after it; the halt is told in all states but waiting until one is ready.
func TestAHaltIsToldUntilItIsOver(t *testing.T) {
	var l replicator.Listener // of the daemon at hand
	type step struct {
		do   func()
		want daemonState
	}
	live, load := company(replicator.Live, nil), company(replicator.Loading, nil)
	opened := func(at replicator.LSN, tables []replicator.TableState) func() {
		return func() {
			l.Opened(replicator.OpenedPass{Checkpoint: replicator.Checkpoint{LSN: at, Tables: tables}})
			l.Tables(tables)
		}
	}
	halts := func(r replicator.Reason) func() { return func() { l.Halted(&replicator.Halt{Reason: r}) } }
	received := func(at replicator.LSN) func() {
		return func() { l.Received(replicator.Received{LSN: at, Changes: 1, Time: time.Now()}) }
	}
	merged := func(at replicator.LSN, tables []replicator.TableState, s replicator.Staged) func() {
		return func() {
			l.Merged(replicator.MergedBatch{Merge: &replicator.Merge{Checkpoint: replicator.Checkpoint{LSN: at, Tables: tables}, Staged: []*replicator.Staged{&s}}})
		}
	}
	changes, joins := replicator.Staged{Changes: 1}, replicator.Staged{Joins: []replicator.Join{{Table: &schema.Table{OID: 1}}}}
	begun := func() { l.LoadBegun(replicator.Taken{}) }
	for name, steps := range map[string][]step{
		"a misfit in a load": {
			{opened(100, load), streaming}, {begun, loading}, {halts(replicator.ValueMisfit), halted},
			{opened(100, load), looking}, {begun, looking}, {received(200), looking}, {merged(200, load, changes), looking},
			{func() { l.Loaded(replicator.LoadedTable{}) }, looking},
			{func() { l.Restarted(replicator.Restart{Cause: errors.New("no route")}) }, restarting}, {opened(200, load), looking},
			{merged(300, live, joins), streaming}, {func() { l.Tables(live) }, streaming},
		},
		"a row of the stream that COPY refuses": {
			{opened(100, live), streaming}, {received(200), streaming}, {halts(replicator.LoadRefused), halted},
			{opened(100, live), looking}, {received(200), looking}, {merged(150, live, changes), looking}, {merged(160, live, replicator.Staged{}), looking},
			{halts(replicator.LoadRefused), halted}, {opened(160, live), looking}, {merged(200, live, changes), streaming},
		},
		"alterations that are due": {
			{opened(100, live), streaming}, {halts(replicator.AlterationDue), halted}, {opened(100, live), looking}, {halts(replicator.AlterationDue), halted},
			{opened(100, live), looking}, {received(101), streaming},
		},
		"alterations that are due, and nothing comes after": {
			{opened(100, live), streaming}, {halts(replicator.AlterationDue), halted}, {opened(100, live), looking}, {func() { l.Tables(live) }, streaming},
		},
		"a right to alter that is missing, and nothing has to be merged": {
			{opened(100, live), streaming}, {halts(replicator.WarehouseUnfit), halted}, {opened(100, live), looking}, {func() { l.Tables(live) }, looking},
			{received(101), streaming},
		},
		"a role that may not read the bucket": {
			{opened(100, live), streaming}, {received(101), streaming}, {halts(replicator.WarehouseUnfit), halted},
			{opened(100, live), looking}, {received(102), looking}, {merged(101, live, changes), streaming},
		},
		"a role that may not read the bucket, while a table loads": {
			{opened(100, load), streaming}, {begun, loading}, {halts(replicator.WarehouseUnfit), halted},
			{opened(100, load), looking}, {begun, looking}, {merged(110, load, changes), loading},
		},
		"a bucket that takes no files of a load": {
			{opened(100, load), streaming}, {begun, loading}, {halts(replicator.BucketUnfit), halted},
			{opened(100, load), looking}, {begun, looking}, {func() { l.Loaded(replicator.LoadedTable{}) }, loading},
		},
		"a slot that cannot be decoded": {
			{opened(100, live), streaming}, {received(200), streaming}, {halts(replicator.SlotLost), halted},
			{opened(100, live), looking}, {received(150), looking}, {halts(replicator.SlotLost), halted}, {opened(100, live), looking}, {received(200), looking},
			{opened(300, load), looking}, {received(301), streaming},
		},
		"a slot that is missing": {
			{halts(replicator.SlotMissing), halted}, {func() { l.Restarted(replicator.Restart{Cause: errors.New("no route")}) }, restarting},
			{opened(100, load), streaming}, {begun, loading},
		},
		"a standby takes over, and halts too": {
			{opened(100, load), streaming}, {halts(replicator.ValueMisfit), halted}, {func() { l.Waiting("the slot") }, waiting},
			{opened(200, load), looking},
		},
		"a standby takes over, and gets on": {
			{opened(100, load), streaming}, {halts(replicator.ValueMisfit), halted}, {func() { l.Waiting("the slot") }, waiting},
			{opened(200, live), streaming},
		},
	} {
		s := newState(time.Now())
		l = replicator.Tee(s.listener())
		r := prometheus.NewRegistry()
		r.MustRegister(gauges{state: s, dropped: func() int64 { return 0 }})
		for i, step := range steps {
			step.do()
			got := s.snapshot().answer()
			told := got.Halt != nil
			if got.State != step.want || got.Ready == (step.want == halted || step.want == looking || step.want == restarting) || told == got.Ready {
				t.Errorf("%s, step %d: %s, ready %v, halt %+v, want %s", name, i, got.State, got.Ready, got.Halt, step.want)
			}
			if told && series(t, r)[`rowshift_halted{reason="`+got.Halt.Reason+`"}`] != "1" {
				t.Errorf("%s, step %d: no metric tells of the halt", name, i)
			}
		}
	}
}

// A daemon that looks again tells how far its load is, and `status` that it is halted.
func TestADaemonThatLooksAgainIsNotWell(t *testing.T) {
	s := newState(time.Now())
	l := replicator.Tee(s.listener())
	open := func() {
		l.Opened(replicator.OpenedPass{Checkpoint: replicator.Checkpoint{Tables: company(replicator.Loading, nil)}})
		l.LoadBegun(replicator.Taken{})
	}
	open()
	l.Halted(&replicator.Halt{Reason: replicator.ValueMisfit, Found: "f", Means: "m", Repair: "r"})
	open()
	l.LoadProgress(replicator.LoadProgress{Tables: 1, Rows: 5})
	answer := s.snapshot().answer()
	if answer.Load == nil || answer.Load.Rows != 5 {
		t.Errorf("the load is %+v", answer.Load)
	}
	report := statusReport{Daemon: &answer}
	report.heard(&answer, nil)
	if len(report.Problems) != 1 || report.Problems[0] != "halted: value_misfit: f; m; repair: r" {
		t.Errorf("status says %q", report.Problems)
	}
}
