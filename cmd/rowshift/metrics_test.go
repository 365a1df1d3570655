package main

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
	"rowshift/sink/redshift"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// day reports one of each event to a Listener.
func day(l replicator.Listener) {
	table := &schema.Table{OID: 1, Name: schema.Name{Schema: "public", Table: "company"}, Configured: schema.Name{Schema: "public", Table: "company"}}
	commit := time.Now().Add(-time.Minute)
	cp := replicator.Checkpoint{LSN: 0x1000, Epoch: 3, Time: commit}
	after := cp
	after.LSN = 0x2000
	after.Time = time.Now()
	staged := &replicator.Staged{End: 0x2000, Commit: true, Transactions: 2, Changes: 9, Folds: []replicator.StagedFold{
		{Table: table, Counts: replicator.Counts{Inserts: 4, Updates: 3, Deletes: 2, Truncates: 1}},
	}}
	l.Waiting("the slot rowshift_accounts, which pid 7 streams from")
	l.Restarted(replicator.Restart{Cause: fmt.Errorf("open: %w", io.ErrUnexpectedEOF), Wait: time.Second})
	l.Opened(replicator.OpenedPass{Opened: replicator.Opened{Slot: "rowshift_accounts", Format: "binary", Flushed: 0x3000, Confirmed: 0x800}, Checkpoint: cp})
	l.Tables(company(replicator.Loading, nil))
	l.LoadBegun(replicator.Taken{Tables: []*schema.Table{table}, HandOver: 0x1800, Ranges: []replicator.Range{{Table: table, Rows: 100, Bytes: 5000}}})
	l.LoadProgress(replicator.LoadProgress{Tables: 1, Rows: 40, Bytes: 2000, RowsEstimated: 100, BytesEstimated: 5000, Elapsed: 4 * time.Second})
	l.Loaded(replicator.LoadedTable{Table: table, Rows: 90, Took: 9 * time.Second})
	l.LoadProgress(replicator.LoadProgress{Tables: 1, TablesLoaded: 1, Rows: 90, Bytes: 4500, RowsEstimated: 100, BytesEstimated: 5000, Elapsed: 9 * time.Second})
	l.Tables(company(replicator.Loading, &replicator.LoadState{Loaded: true}))
	l.Received(replicator.Received{LSN: 0x2000, Time: commit, Changes: 9})
	l.Sealed(replicator.SealedBatch{End: 0x2000, Commit: true, Transactions: 2, Changes: 9, Rows: 5, Bytes: 2048, Age: time.Second})
	l.Staged(replicator.StagedBatch{Staged: staged, Took: 20 * time.Millisecond})
	l.Retried(replicator.Retry{Step: "merge", Cause: &pgconn.PgError{Severity: "ERROR", Code: "XX000", Message: "1023"}, Wait: time.Second})
	l.Merged(replicator.MergedBatch{
		Merge: &replicator.Merge{Expect: cp.LSN, Checkpoint: after, Staged: []*replicator.Staged{staged}},
		Merged: replicator.Merged{Rows: map[uint32]int64{1: 6}, Steps: map[replicator.Step]time.Duration{replicator.StepCopy: 300 * time.Millisecond, replicator.StepCommit: 100 * time.Millisecond},
			Entries: []replicator.Entries{
				{Table: table.Name, Kind: schema.TooLong, Rule: schema.Truncate, Count: 4}, {Table: table.Name, Kind: schema.NotUTF8, Rule: schema.Quarantine, Count: 2},
			},
			Quarantined: map[schema.Name]int64{table.Name: 3}},
		Took: 500 * time.Millisecond,
	})
	l.Tables(company(replicator.Live, nil))
	l.Acknowledged(0x2000)
	l.Discarded(replicator.Deletion{Objects: 3})
	l.Discarded(replicator.Deletion{Objects: 3, Err: errors.New("slow down")})
	l.Swept(replicator.Deletion{Objects: 8})
	l.Received(replicator.Received{LSN: 0x3000})
}

// world returns a registry with all metrics, after a day.
func world(t *testing.T) (*prometheus.Registry, *state, replicator.Listener) {
	t.Helper()
	r, s := prometheus.NewRegistry(), newState(time.Now())
	m := newMetrics(r, []schema.Choice{{Name: schema.Name{Schema: "public", Table: "company"}}}, 15*time.Minute)
	r.MustRegister(gauges{state: s, dropped: func() int64 { return 2 }})
	l := replicator.Tee(m.listener(), s.listener())
	day(l)
	s.saw(slotSighting{at: time.Now(), exists: true, active: true, status: "extended", safe: 4096, limited: true, retained: 0x2800, current: 0x3400})
	return r, s, l
}

func TestMetrics(t *testing.T) {
	r, s, l := world(t)
	expect(t, r, `
rowshift_lag_bytes 1024
rowshift_lag_seconds 0
rowshift_lsn{stage="acknowledged"} 8192
rowshift_lsn{stage="merged"} 8192
rowshift_lsn{stage="received"} 12288
rowshift_lsn{stage="staged"} 8192
rowshift_protocol_format{format="binary"} 1
rowshift_protocol_format{format="text"} 0
rowshift_slot_retained_bytes 10240
rowshift_slot_safe_bytes 4096
rowshift_slot_active 1
rowshift_slot_wal_status{status="extended"} 1
rowshift_slot_wal_status{status="lost"} 0
rowshift_slot_wal_status{status="missing"} 0
rowshift_rows_total{op="insert",table="public.company"} 4
rowshift_rows_total{op="update",table="public.company"} 3
rowshift_rows_total{op="delete",table="public.company"} 2
rowshift_rows_total{op="truncate",table="public.company"} 1
rowshift_rows_total{op="load",table="public.company"} 90
rowshift_step_seconds_count{step="stage"} 1
rowshift_step_seconds_sum{step="stage"} 0.02
rowshift_step_seconds_sum{step="merge"} 0.5
rowshift_step_seconds_sum{step="merge_copy"} 0.3
rowshift_step_seconds_sum{step="merge_commit"} 0.1
rowshift_step_seconds_sum{step="load"} 9
rowshift_batches_total 1
rowshift_min_interval_seconds 900
rowshift_end_to_end_seconds_count 1
rowshift_changes_waiting 0
rowshift_resyncs_waiting 0
rowshift_held_rows{table="public.company"} 0
rowshift_source_lsn 13312
rowshift_batch_rows_sum 5
rowshift_batch_bytes_sum 2048
rowshift_restarts_total{cause="connection"} 1
rowshift_restarts_total{cause="fenced"} 0
rowshift_retries_total{step="merge"} 1
rowshift_halted{reason="slot_lost"} 0
rowshift_table_state{state="live",table="public.company"} 1
rowshift_table_state{state="loading",table="public.company"} 0
rowshift_state{state="streaming"} 1
rowshift_state{state="halted"} 0
rowshift_load_rows 90
rowshift_load_rows_estimated 100
rowshift_load_bytes 4500
rowshift_load_bytes_estimated 5000
rowshift_load_tables{loaded="true"} 1
rowshift_load_tables{loaded="false"} 0
rowshift_swept_objects_total 8
rowshift_deletion_failures_total 1
rowshift_log_lines_dropped_total 2
`)
	seen := series(t, r)
	if sum, err := strconv.ParseFloat(seen["rowshift_end_to_end_seconds_sum"], 64); err != nil || sum < 60 || sum > 120 {
		t.Errorf("a commit of a minute ago took %v s to be merged (%v)", sum, err)
	}
	for _, name := range []string{"rowshift_slot_seen_timestamp_seconds", "rowshift_last_merge_timestamp_seconds", `rowshift_table_state_timestamp_seconds{table="public.company"}`} {
		if at, err := strconv.ParseFloat(seen[name], 64); err != nil || time.Since(time.Unix(int64(at), 0)) > time.Minute {
			t.Errorf("%s is %q", name, seen[name])
		}
	}
	l.Halted(&replicator.Halt{Reason: replicator.SlotLost, Found: "f"})
	s.saw(slotSighting{at: time.Now()})
	expect(t, r, `
rowshift_halted{reason="slot_lost"} 1
rowshift_halted{reason="slot_missing"} 0
rowshift_halts_total{reason="slot_lost"} 1
rowshift_state{state="streaming"} 0
rowshift_state{state="halted"} 1
rowshift_slot_wal_status{status="extended"} 0
rowshift_slot_wal_status{status="missing"} 1
`)
	if seen = series(t, r); seen["rowshift_slot_retained_bytes"] != "" {
		t.Error("a slot that is missing keeps something")
	}
}

// A slot that is lost or missing has 0 bytes left, unlike one without a limit.
func TestMetricsOfWhatTheSlotHasLeft(t *testing.T) {
	r, s, _ := world(t)
	for _, test := range []struct {
		slot slotSighting
		want string
	}{
		{slotSighting{exists: true, status: "unreserved", limited: true, safe: -8192, retained: 1}, "-8192"},
		{slotSighting{exists: true, status: "lost"}, "0"},
		{slotSighting{}, "0"},
		{slotSighting{exists: true, status: "extended", retained: 1}, ""},
	} {
		test.slot.at = time.Now()
		s.saw(test.slot)
		if has := series(t, r)["rowshift_slot_safe_bytes"]; has != test.want {
			t.Errorf("%+v has %q bytes left, want %q", test.slot, has, test.want)
		}
	}
}

// What was seen of the slot long ago is not reported: a scrape says only when that was.
func TestMetricsOfASlotThatIsNotSeen(t *testing.T) {
	r, s, _ := world(t)
	for ago, want := range map[time.Duration]string{unseenAfter - time.Minute: "10240", unseenAfter + time.Second: ""} {
		slot := s.snapshot().slot
		slot.at = time.Now().Add(-ago)
		s.saw(slot)
		seen := series(t, r)
		for name := range seen {
			told := strings.HasPrefix(name, "rowshift_slot_") || name == "rowshift_source_lsn"
			if told && want == "" && name != "rowshift_slot_seen_timestamp_seconds" {
				t.Errorf("%v ago the slot was seen, and %s is told", ago, name)
			}
		}
		if seen["rowshift_slot_retained_bytes"] != want || seen["rowshift_slot_seen_timestamp_seconds"] == "" {
			t.Errorf("%v ago the slot was seen: it keeps %q bytes, want %q", ago, seen["rowshift_slot_retained_bytes"], want)
		}
	}
}

// A slot that never existed is not missing, nor does it have 0 bytes left: a first start that
// cannot make it yet sets off no alarm. It is missing once it is known, in whatever way,
// to have existed.
func TestMetricsOfASlotThatNeverWas(t *testing.T) {
	for name, test := range map[string]struct {
		learn         func(*state)
		missing, left string
	}{
		"nothing is known":                      {func(*state) {}, "0", ""},
		"it was seen":                           {func(s *state) { s.saw(slotSighting{at: time.Now(), exists: true, status: "reserved"}) }, "1", "0"},
		"the warehouse remembers it":            {func(s *state) { s.listener().Remembered(replicator.Checkpoint{Phase: replicator.Streaming}) }, "1", "0"},
		"the warehouse remembers that it lacks": {func(s *state) { s.listener().Remembered(replicator.Checkpoint{Phase: replicator.Creating}) }, "0", ""},
	} {
		r, s := prometheus.NewRegistry(), newState(time.Now())
		r.MustRegister(gauges{state: s, dropped: func() int64 { return 0 }})
		test.learn(s)
		for range 2 { // that it existed is remembered
			s.saw(slotSighting{at: time.Now(), current: 5000})
			seen := series(t, r)
			missing, left := seen[`rowshift_slot_wal_status{status="missing"}`], seen["rowshift_slot_safe_bytes"]
			if missing != test.missing || left != test.left || seen["rowshift_source_lsn"] != "5000" {
				t.Errorf("%s: missing is %q, want %q, and %q bytes are left, want %q", name, missing, test.missing, left, test.left)
			}
		}
	}
}

// expect compares the samples of a scrape with the lines.
func expect(t *testing.T, g prometheus.Gatherer, lines string) {
	t.Helper()
	seen := series(t, g)
	for _, line := range strings.Split(strings.TrimSpace(lines), "\n") {
		name, value, _ := strings.Cut(line, " ")
		if seen[name] != value {
			t.Errorf("%s is %q, want %s", name, seen[name], value)
		}
	}
}

// series returns the samples of a scrape by name and labels.
func series(t *testing.T, g prometheus.Gatherer) map[string]string {
	t.Helper()
	seen := map[string]string{}
	for _, line := range strings.Split(scrape(t, g), "\n") {
		if i := strings.LastIndexByte(line, ' '); i > 0 && !strings.HasPrefix(line, "#") {
			seen[line[:i]] = line[i+1:]
		}
	}
	return seen
}

func scrape(t *testing.T, g prometheus.Gatherer) string {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	e := expfmt.NewEncoder(&b, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, f := range families {
		if err := e.Encode(f); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// TestMetricsAreWellFormed passes a scrape to Prometheus' own linter and parser.
func TestMetricsAreWellFormed(t *testing.T) {
	r, _, _ := world(t)
	problems, err := promlint.New(strings.NewReader(scrape(t, r))).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	if problems, err := testutil.GatherAndLint(r); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	p := expfmt.NewTextParser(model.UTF8Validation)
	families, err := p.TextToMetricFamilies(strings.NewReader(scrape(t, r)))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(families)) {
		own := strings.HasPrefix(name, "rowshift_") || strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_")
		if !own || families[name].GetHelp() == "" {
			t.Errorf("%s has another's prefix, or no help", name)
		}
	}
}

// The series of few tables exist from the start; those of many begin with their first
// count.
func TestSeriesOfTables(t *testing.T) {
	for n, want := range map[int]int{manyTables: manyTables * len(ops), manyTables + 1: 0} {
		var tables []schema.Choice
		for i := range n {
			tables = append(tables, schema.Choice{Name: schema.Name{Schema: "public", Table: fmt.Sprint("t", i)}})
		}
		m := newMetrics(prometheus.NewRegistry(), tables, time.Second)
		if got := testutil.CollectAndCount(m.rows); got != want {
			t.Errorf("%d series of %d tables, want %d", got, n, want)
		}
		m.accounted([]replicator.Entries{{Table: tables[n-1].Name, Kind: schema.NotUTF8, Rule: schema.Quarantine, Count: 2}})
		if got := testutil.ToFloat64(m.refused.WithLabelValues(tables[n-1].Name.String(), schema.NotUTF8)); got != 2 {
			t.Errorf("of %d tables the last counts %v rows, want 2", n, got)
		}
	}
}

// Alerts allow for the interval of the config, not for its default.
func TestTheIntervalIsTheConfigs(t *testing.T) {
	for d, want := range map[time.Duration]string{time.Hour: "3600", 1: "0"} {
		d := newDaemon(&config{pipeline: "accounts", limits: replicator.Limits{MinInterval: d}}, io.Discard)
		t.Cleanup(d.close)
		if got := series(t, d.scrape)[`rowshift_min_interval_seconds{pipeline="accounts"}`]; got != want {
			t.Errorf("%v is told as %q, want %s", d.config.limits.MinInterval, got, want)
		}
	}
}

// TestEveryReasonIsAMetric reads the reasons from their declarations.
func TestEveryReasonIsAMetric(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../../replicator/errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 {
			return true
		}
		kind, isReason := v.Type.(*ast.Ident)
		if !isReason || kind.Name != "Reason" {
			return true
		}
		found++
		text, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
		if err != nil || !slices.Contains(reasons, replicator.Reason(text)) {
			t.Errorf("the reason %s is no label of rowshift_halted", v.Names[0])
		}
		return true
	})
	if found != len(reasons) {
		t.Errorf("%d reasons are declared, %d are labels", found, len(reasons))
	}
}

func TestCauses(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("merge: %w", replicator.ErrFenced), "fenced"},
		{fmt.Errorf("next: %w", replicator.ErrUndecodable), "undecodable"},
		{replicator.ErrYielded, "yielded"},
		{&replicator.Altered{Found: "public.person has other columns"}, "altered"},
		{&replicator.Unfit{Why: &replicator.Halt{Reason: replicator.TargetDrift}}, "parked"},
		{context.DeadlineExceeded, "timeout"},
		{fmt.Errorf("x: %w", &pgconn.PgError{Code: "57P01"}), "server"},
		{fmt.Errorf("open: %w", &redshift.Error{Op: "connect", Message: "connection refused"}), "connect"},
		{&redshift.Error{Op: "connect", Code: "28000", Message: "password authentication failed"}, "connect"},
		{&redshift.Error{Op: "copy", Message: "unexpected EOF"}, "connection"},
		{&redshift.Error{Op: "copy", Code: "XX000", Message: "1023"}, "server"},
		{io.ErrUnexpectedEOF, "connection"},
		{errors.New("x"), "other"},
	} {
		got := causeOf(c.err)
		if got != c.want || !slices.Contains(causes, got) {
			t.Errorf("causeOf(%v) = %s, want %s", c.err, got, c.want)
		}
	}
}
