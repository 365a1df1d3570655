package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rowshift/replicator"
	"rowshift/schema"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap/zapcore"
)

// at returns a time of day by the source's clock.
func at(clock string) time.Time {
	t, err := time.Parse(time.TimeOnly, clock)
	if err != nil {
		panic(err)
	}
	return t.AddDate(2026, 0, 0)
}

// TestLag follows a daemon through a day.
func TestLag(t *testing.T) {
	l := lag{asOf: at("09:00:00")}
	steps := []struct {
		what string
		do   func()
		now  string
		want time.Duration
	}{
		{"a daemon that waits", func() {}, "09:00:05", 5 * time.Second},
		{"opens an hour behind", func() { l.opened(100, at("08:00:00"), 500) }, "09:00:10", time.Hour + 10*time.Second},
		{"receives an old commit", func() { l.received(200, at("09:00:11")); l.changed(200, at("08:10:00")) }, "09:00:11", 50*time.Minute + 11*time.Second},
		{"and a later one", func() { l.received(300, at("09:00:11")); l.changed(300, at("08:20:00")) }, "09:00:11", 50*time.Minute + 11*time.Second},
		{"merges it", func() { l.merged(200, at("08:10:00"), at("09:00:12")) }, "09:00:12", 50*time.Minute + 12*time.Second},
		{"merges the other one", func() { l.merged(300, at("08:20:00"), at("09:00:12")) }, "09:00:12", 40*time.Minute + 12*time.Second},
		{"reaches the end by a mark", func() { l.received(500, at("09:00:13")) }, "09:30:00", 0},
		{"stays quiet", func() { l.received(600, at("09:40:00")) }, "09:40:09", 0},
		{"receives a commit", func() { l.changed(700, at("09:50:00")); l.received(700, at("09:50:01")) }, "09:50:03", 3 * time.Second},
		{"and another", func() { l.changed(800, at("09:50:04")); l.received(800, at("09:50:04")) }, "09:50:05", 5 * time.Second},
		{"merges the first", func() { l.merged(700, at("09:50:00"), at("09:50:06")) }, "09:50:06", 6 * time.Second},
		{"merges the other", func() { l.merged(800, at("09:50:04"), at("09:50:07")) }, "10:00:00", 0},
		{"loses the source", func() { l.open = false }, "10:00:00", 9*time.Minute + 53*time.Second},
		{"opens again where it was", func() { l.opened(800, at("09:50:04"), 800) }, "10:00:01", 0},
		{"receives a large transaction", func() { l.changed(850, at("10:01:00")) }, "10:01:10", 10 * time.Second},
		{"for a minute", func() { l.received(840, at("10:02:09")) }, "10:02:10", 70 * time.Second},
		{"receives its commit", func() { l.changed(890, at("10:01:00")); l.received(890, at("10:02:11")) }, "10:02:11", 71 * time.Second},
		{"is refreshed", func() { l.merged(900, at("09:50:04"), at("10:05:00")) }, "10:06:00", 0},
	}
	for _, s := range steps {
		s.do()
		if got := l.at(at(s.now)); got != s.want {
			t.Errorf("%s: lag %v, want %v", s.what, got, s.want)
		}
	}
}

func TestLagOfAFirstLoad(t *testing.T) {
	l := lag{asOf: at("09:00:00")}
	l.opened(100, time.Time{}, 500)
	if got := l.at(at("09:01:00")); got != time.Minute {
		t.Errorf("while loading: %v", got)
	}
	l.received(500, at("09:02:00"))
	if got := l.at(at("09:03:00")); got != 0 {
		t.Errorf("after it: %v", got)
	}
}

// A transaction counts while it is received: its commit may come much later. What was committed
// before it may end where its commit record begins.
func TestLagOfALongTransaction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newState(time.Now())
		l := replicator.Tee(s.listener())
		lag := func(want float64) {
			t.Helper()
			if got := s.snapshot().lagSeconds; got != want {
				t.Errorf("lag %v, want %v", got, want)
			}
		}
		l.Opened(replicator.OpenedPass{Checkpoint: replicator.Checkpoint{LSN: 1000}, Opened: replicator.Opened{Flushed: 1000}})
		l.Received(replicator.Received{LSN: 1700, Changes: 3, Time: time.Now()})
		committed := time.Now()
		<-time.After(time.Second)
		l.Receiving(replicator.Receiving{LSN: 1700, Time: committed})
		l.Merged(replicator.MergedBatch{Merge: &replicator.Merge{Checkpoint: replicator.Checkpoint{LSN: 1700, Time: committed}}})
		<-time.After(time.Minute)
		lag(61)
		l.Received(replicator.Received{LSN: 1800, Changes: 1e6, Time: committed})
		lag(61)
		l.Merged(replicator.MergedBatch{Merge: &replicator.Merge{Checkpoint: replicator.Checkpoint{LSN: 1800, Time: committed}}})
		lag(0)
	})
}

// company returns the state of one table.
func company(s replicator.State, load *replicator.LoadState) []replicator.TableState {
	return []replicator.TableState{{OID: 1, Name: schema.Name{Schema: "public", Table: "company"}, Target: "company", State: s, Load: load}}
}

// TestDaemonStates walks through the states, and checks which are ready.
func TestDaemonStates(t *testing.T) {
	s := newState(time.Now())
	l := replicator.Tee(s.listener())
	halt := &replicator.Halt{Reason: replicator.SlotLost, Found: "f", Means: "m", Repair: "r"}
	for _, step := range []struct {
		what  string
		do    func()
		state daemonState
		ready bool
		why   string
	}{
		{"starts", func() {}, starting, false, ""},
		{"waits for the slot", func() { l.Waiting("the slot") }, waiting, true, "the slot"},
		{"cannot reach the source", func() { l.Restarted(replicator.Restart{Cause: errors.New("no\nroute")}) }, restarting, false, "no route"},
		{"waits again", func() { l.Waiting("the slot") }, waiting, true, "the slot"},
		{"opens", func() { l.Opened(replicator.OpenedPass{Checkpoint: replicator.Checkpoint{LSN: 5, Epoch: 2}}) }, streaming, true, ""},
		{"has to load", func() { l.Tables(company(replicator.Loading, nil)) }, streaming, true, ""},
		{"waits for old transactions", func() { l.Waiting("pid 5") }, streaming, true, "pid 5"},
		{"loads", func() { l.LoadBegun(replicator.Taken{}) }, loading, true, ""},
		{"has loaded", func() { l.Tables(company(replicator.Loading, &replicator.LoadState{Loaded: true})) }, streaming, true, ""},
		{"is live", func() { l.Tables(company(replicator.Live, nil)) }, streaming, true, ""},
		{"halts", func() { l.Halted(halt) }, halted, false, ""},
		{"looks again and halts", func() { l.Halted(halt) }, halted, false, ""},
		{"is repaired", func() { l.Opened(replicator.OpenedPass{}) }, streaming, true, ""},
		{"halts once it is open", func() { l.Halted(halt) }, halted, false, ""},
		{"looks again", func() { l.Opened(replicator.OpenedPass{}) }, looking, false, ""},
	} {
		step.do()
		got := s.snapshot()
		if got.state != step.state || got.state.ready() != step.ready || got.why != step.why || (got.halt != nil) != (step.state == halted || step.state == looking) {
			t.Errorf("%s: state %s, ready %v, why %q, halt %v", step.what, got.state, got.state.ready(), got.why, got.halt)
		}
	}
}

// TestWhatAStopHasLeft hands batches over, and ends before or after they are merged.
// Parts of a transaction whose commit has not come are not expected to be merged, nor is
// what a failed pass had handed over, which the pass has let go of.
func TestWhatAStopHasLeft(t *testing.T) {
	var l replicator.Listener // of the current case's state
	sealed := func(end replicator.LSN, commit bool) func() {
		return func() { l.Sealed(replicator.SealedBatch{End: end, Commit: commit, Changes: 1}) }
	}
	merged := func(at replicator.LSN) func() {
		return func() {
			l.Merged(replicator.MergedBatch{Merge: &replicator.Merge{Checkpoint: replicator.Checkpoint{LSN: at}}})
		}
	}
	opened := func() { l.Opened(replicator.OpenedPass{Checkpoint: replicator.Checkpoint{LSN: 50}}) }
	for name, test := range map[string]struct {
		did  []func()
		want string // the log's line, with its level
	}{
		"a standby":                      {nil, "info drained"},
		"nothing came":                   {[]func(){opened}, "info drained 0/32"},
		"all is merged":                  {[]func(){opened, sealed(100, true), sealed(200, true), merged(200)}, "info drained 0/C8"},
		"one is not":                     {[]func(){opened, sealed(100, true), sealed(200, true), merged(100)}, "warn not drained 0/64"},
		"a part of a transaction":        {[]func(){opened, sealed(100, true), merged(100), sealed(100, false)}, "info drained 0/64"},
		"its end":                        {[]func(){opened, sealed(50, false), sealed(100, true)}, "warn not drained 0/32"},
		"a pass failed before":           {[]func(){opened, sealed(100, true), func() { l.Restarted(replicator.Restart{Cause: errors.New("x")}) }}, "info drained 0/32"},
		"a pass failed, another is open": {[]func(){opened, sealed(100, true), func() { l.Restarted(replicator.Restart{Cause: errors.New("x")}) }, opened}, "info drained 0/32"},
	} {
		s := newState(time.Now())
		l = replicator.Tee(s.listener())
		for _, do := range test.did {
			do()
		}
		var b bytes.Buffer
		newTeller(newLogger(zapcore.AddSync(&b), zapcore.InfoLevel, false), nil).ended(s.snapshot())
		var line struct{ Level, Message, LSN, Means string }
		err := json.Unmarshal(b.Bytes(), &line)
		got := strings.TrimSpace(line.Level + " " + line.Message + " " + line.LSN)
		if err != nil || got != test.want || (line.Level == "warn") != strings.Contains(line.Means, "nothing is lost") {
			t.Errorf("%s: %v, %s, want %s", name, err, b.String(), test.want)
		}
	}
}

func TestLagInBytes(t *testing.T) {
	s := newState(time.Now())
	l := s.listener()
	l.Opened(replicator.OpenedPass{Checkpoint: replicator.Checkpoint{LSN: 1000}, Opened: replicator.Opened{Flushed: 1000}})
	bytes := func(want uint64) {
		t.Helper()
		if got := s.snapshot().lagBytes; got != want {
			t.Errorf("lag %d bytes, want %d", got, want)
		}
	}
	bytes(0)
	s.saw(slotSighting{at: time.Now(), current: 1500})
	bytes(500)
	l.Received(replicator.Received{LSN: 1400})
	bytes(100) // what lay between concerned none of our tables
	l.Received(replicator.Received{LSN: 1700, Changes: 3, Time: time.Now()})
	bytes(700)
	l.Merged(replicator.MergedBatch{Merge: &replicator.Merge{Checkpoint: replicator.Checkpoint{LSN: 1700, Time: time.Now()}}})
	bytes(0)
}

// TestWhatWaits follows changes, rows of a held table and requests until none of them
// waits.
func TestWhatWaits(t *testing.T) {
	r, s := prometheus.NewRegistry(), newState(time.Now())
	r.MustRegister(gauges{state: s, dropped: func() int64 { return 0 }})
	l := replicator.Tee(s.listener())
	table := &schema.Table{OID: 1, Name: schema.Name{Schema: "public", Table: "company"}, Configured: schema.Name{Schema: "public", Table: "company"}}
	merge := func(changes int, asked []schema.Name, more replicator.Staged) {
		more.Changes = changes
		l.Merged(replicator.MergedBatch{Merge: &replicator.Merge{Staged: []*replicator.Staged{&more}}, Merged: replicator.Merged{Resyncs: asked}})
	}
	held := func(rows int64) replicator.Staged {
		return replicator.Staged{Folds: []replicator.StagedFold{{Table: table, Held: "held_1_1_1", Files: replicator.Files{Rows: rows}}}}
	}
	open := func(state replicator.State, load *replicator.LoadState) {
		tables := company(state, load)
		l.Opened(replicator.OpenedPass{Checkpoint: replicator.Checkpoint{Tables: tables}})
		l.Tables(tables)
	}
	const unknown = ""
	for _, step := range []struct {
		what                   string
		do                     func()
		waiting, asked, inHeld string
	}{
		{"opens with a table to load", func() { open(replicator.Loading, nil) }, "0", "0", "0"},
		{"receives", func() { l.Received(replicator.Received{LSN: 10, Changes: 5}) }, "5", "0", "0"},
		{"merges some of it into the held table", func() { merge(3, nil, held(2)) }, "2", "0", "2"},
		{"merges the rest", func() { merge(2, nil, held(2)) }, "0", "0", "4"},
		{"applies one", func() {
			l.Applied(replicator.AppliedTable{Table: table, Applied: replicator.Applied{Rows: 1, Left: true}})
		}, "0", "0", "3"},
		{"opens again, with the table loaded", func() { open(replicator.Loading, &replicator.LoadState{Loaded: true}) }, "0", "0", "3"},
		{"applies what is left", func() { l.Applied(replicator.AppliedTable{Table: table, Applied: replicator.Applied{Rows: 3}}) }, "0", "0", "0"},
		{"holds more", func() { merge(0, nil, held(7)) }, "0", "0", "7"},
		{"lets it join", func() {
			merge(0, nil, replicator.Staged{Joins: []replicator.Join{{Table: table}}})
			l.Tables(company(replicator.Live, nil))
		}, "0", "0", "0"},
		{"is asked to load it again", func() { merge(0, []schema.Name{table.Name}, replicator.Staged{}) }, "0", "1", "0"},
		{"begins to", func() {
			merge(0, nil, replicator.Staged{Holds: []replicator.Hold{{Table: table}}})
			l.Tables(company(replicator.Loading, nil))
		}, "0", "0", "0"},
		{"holds", func() { merge(0, nil, held(1)) }, "0", "0", "1"},
		{"is another process, which knows not what is held", func() {
			clear(s.held)
			open(replicator.Loading, &replicator.LoadState{Loaded: true})
			merge(0, nil, held(1))
			l.Applied(replicator.AppliedTable{Table: table, Applied: replicator.Applied{Rows: 1, Left: true}})
		}, "0", "0", unknown},
	} {
		step.do()
		seen := series(t, r)
		got := []string{seen["rowshift_changes_waiting"], seen["rowshift_resyncs_waiting"], seen[`rowshift_held_rows{table="public.company"}`]}
		if want := []string{step.waiting, step.asked, step.inHeld}; !slices.Equal(got, want) {
			t.Errorf("%s: changes waiting, loads asked for and rows held are %q, want %q", step.what, got, want)
		}
	}
}

// TestAStandbyKnowsNoPosition has a daemon wait, stream, be replaced and wait again.
// While another daemon streams, it reports neither a position nor how old its own last
// one is.
func TestAStandbyKnowsNoPosition(t *testing.T) {
	r, s := prometheus.NewRegistry(), newState(time.Now().Add(-time.Hour))
	r.MustRegister(gauges{state: s, dropped: func() int64 { return 0 }})
	l := replicator.Tee(s.listener())
	s.saw(slotSighting{at: time.Now(), exists: true, active: true, current: 5000})
	told := func(what string, want bool) {
		t.Helper()
		seen := series(t, r)
		for _, name := range []string{"rowshift_lag_seconds", "rowshift_lag_bytes", "rowshift_changes_waiting", "rowshift_resyncs_waiting", `rowshift_lsn{stage="merged"}`, `rowshift_lsn{stage="acknowledged"}`} {
			if _, there := seen[name]; there != want {
				t.Errorf("%s: %s is told: %v", what, name, there)
			}
		}
		answer := s.snapshot().answer()
		if line := (&statusReport{Daemon: &answer}).daemon(); strings.Contains(line, "lag") != want || (answer.LSN != nil) != want {
			t.Errorf("%s: %q, %+v", what, line, answer)
		}
	}
	told("it starts", false)
	l.Waiting("the slot")
	told("it waits", false)
	l.Opened(replicator.OpenedPass{Checkpoint: replicator.Checkpoint{LSN: 1000}})
	l.Waiting("pid 5, whose transaction is older than the load")
	told("it streams", true)
	l.Restarted(replicator.Restart{Cause: errors.New("no route")})
	told("it cannot reach the source", true)
	l.Waiting("the slot")
	told("it was replaced", false)
}

// TestAStandbyKnowsNoTable has a daemon lose the slot while tables load, are parked and
// have rows in quarantine. From then on only the new daemon knows their states; an alert
// on what the old one saw last would never end.
func TestAStandbyKnowsNoTable(t *testing.T) {
	r, s := prometheus.NewRegistry(), newState(time.Now())
	r.MustRegister(gauges{state: s, dropped: func() int64 { return 0 }})
	l := replicator.Tee(s.listener())
	open := func(state replicator.State) {
		tables := company(state, &replicator.LoadState{Loaded: true})
		l.Opened(replicator.OpenedPass{Checkpoint: replicator.Checkpoint{Epoch: 2, Tables: tables}})
		l.Tables(tables)
	}
	ofTables := func() (names []string) {
		for name := range series(t, r) {
			if strings.Contains(name, "table=") {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return names
	}
	open(replicator.Parked)
	l.Merged(replicator.MergedBatch{
		Merge:  &replicator.Merge{Staged: []*replicator.Staged{{Holds: []replicator.Hold{{Table: &schema.Table{OID: 1}}}}}},
		Merged: replicator.Merged{Quarantined: map[schema.Name]int64{{Schema: "public", Table: "company"}: 3}},
	})
	if names := ofTables(); len(names) != 6 {
		t.Errorf("it tells %q", names)
	}
	since := s.tableSince[1].at
	l.Restarted(replicator.Restart{Cause: errors.New("terminated")})
	if names := ofTables(); len(names) != 6 {
		t.Errorf("while it restarts it tells %q", names)
	}
	l.Waiting("the slot, which its own dead stream may have")
	if names := ofTables(); len(names) != 6 {
		t.Errorf("while it may have the slot it tells %q", names)
	}
	s.since = s.since.Add(-lingers)
	l.Waiting("the slot, which another one has")
	if names := ofTables(); len(names) > 0 {
		t.Errorf("a standby tells %q", names)
	}
	if answer := s.snapshot().answer(); len(answer.Tables) > 0 || answer.Epoch != 0 {
		t.Errorf("/readyz of a standby says %+v", answer)
	}
	open(replicator.Loading)
	seen := series(t, r)
	if seen[`rowshift_table_state{state="loading",table="public.company"}`] != "1" || !s.tableSince[1].at.After(since) {
		t.Errorf("when it has the slot again it tells %q", ofTables())
	}
	for _, unknown := range []string{"rowshift_held_rows", "rowshift_quarantine_rows"} {
		if was, told := seen[unknown+`{table="public.company"}`]; told {
			t.Errorf("%s is %s of before", unknown, was)
		}
	}
}
