package main

import (
	"time"

	"rowshift/replicator"
	"rowshift/schema"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// metrics counts what happens. gauges collects how things stand now.
type metrics struct {
	rows     *prometheus.CounterVec
	steps    *prometheus.HistogramVec
	batches  prometheus.Counter
	batch    prometheus.Histogram
	bytes    prometheus.Histogram
	toMerge  prometheus.Histogram
	restarts *prometheus.CounterVec
	retries  *prometheus.CounterVec
	halts    *prometheus.CounterVec
	swept    prometheus.Counter
	undone   prometheus.Counter
	adjusted *prometheus.CounterVec
	refused  *prometheus.CounterVec
	endToEnd endToEnd
}

// ops are the operations that rows are counted by: those of the stream before folding,
// and load.
var ops = []string{"insert", "update", "delete", "truncate", "load"}

// The steps whose series exist from the start: those that are timed, beside the steps of a
// merge, and those that are retried.
var (
	timed   = []string{"stage", "merge", "load"}
	retried = []string{"create", "reset", "stage", "prepare", "merge", "load", "apply"}
)

// mergeStep returns the name that a step of a merge has among all steps.
func mergeStep(s replicator.Step) string { return "merge_" + string(s) }

// stepBounds are the bounds of the histogram of steps' durations, for merges of
// milliseconds and loads of hours. The thresholds of the alerts are among them.
var stepBounds = []float64{0.001, 0.005, 0.025, 0.1, 0.5, 1, 2, 5, 10, 20, 60, 120, 300, 1200, 3600, 14400}

// newMetrics registers the counters. Every series that is known from the start begins at
// zero, so that alerts see the first increase; but see manyTables.
func newMetrics(r prometheus.Registerer, tables []schema.Choice, interval time.Duration) *metrics {
	m := &metrics{
		rows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rowshift_rows_total", Help: "Changes merged by table and operation, before folding; op load counts rows of loads."}, []string{"table", "op"}),
		steps: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "rowshift_step_seconds", Help: "Duration of the steps that a batch goes through; merge_* are parts of merge, but for what was copied ahead of it.",
			Buckets: stepBounds}, []string{"step"}),
		batches: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "rowshift_batches_total", Help: "Batches with changes that were merged."}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "rowshift_batch_rows", Help: "Rows of a batch, after folding.",
			Buckets: prometheus.ExponentialBuckets(1, 10, 8)}),
		bytes: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "rowshift_batch_bytes", Help: "Bytes that a batch held in memory.",
			Buckets: prometheus.ExponentialBuckets(1<<10, 8, 8)}),
		toMerge: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "rowshift_end_to_end_seconds", Help: "From the commit in the source to the merge, of the first commit of each batch, which waits longest.",
			Buckets: prometheus.ExponentialBuckets(0.25, 2, 16)}),
		restarts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rowshift_restarts_total", Help: "Passes that failed, by cause; each is followed by another."}, []string{"cause"}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rowshift_retries_total", Help: "Steps that failed, left nothing behind and were tried again in place."}, []string{"step"}),
		halts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rowshift_halts_total", Help: "How often a pass ended in a halt, by reason."}, []string{"reason"}),
		swept: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "rowshift_swept_objects_total", Help: "Objects that crashed daemons and earlier passes left, and that were deleted from the bucket."}),
		undone: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "rowshift_deletion_failures_total", Help: "Deletions in the bucket that failed; the objects are left to a later sweep."}),
		adjusted: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rowshift_adjustments_total", Help: "Values that were changed by a rule, as the ledger has them, by table, kind of misfit and rule."}, []string{"table", "kind", "rule"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rowshift_quarantined_rows_total", Help: "Rows that went into quarantine, by table and reason."}, []string{"table", "reason"}),
	}
	r.MustRegister(m.adjusted, m.refused, m.rows, m.steps, m.batches, m.batch, m.bytes, m.toMerge, m.restarts, m.retries, m.halts, m.swept, m.undone,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), buildInfo(), minInterval(interval))
	m.endToEnd.observe = func(d time.Duration) { m.toMerge.Observe(d.Seconds()) }
	m.begin(tables)
	return m
}

// beginAdjusted begins at zero the series of the values that the table's rules may
// change, since Prometheus sees no increase in a series that was not there. A table
// without such rules gets one series, so that it shows up.
func (m *metrics) beginAdjusted(t schema.Choice) {
	m.adjusted.WithLabelValues(t.Name.String(), "too_long", string(schema.Truncate))
	for _, rules := range t.Rules {
		for _, rule := range rules {
			if rule == schema.Fail || rule == schema.Quarantine {
				continue
			}
			for _, kind := range schema.Misfits {
				m.adjusted.WithLabelValues(t.Name.String(), kind, string(rule))
			}
		}
	}
}

// manyTables is the number of tables above which the series of a table begin only with
// their first count. Each table has some twenty series, most of them never used; for
// many tables they would take more memory than all buffers.
const manyTables = 1000

// begin creates the series that are known from the start.
func (m *metrics) begin(tables []schema.Choice) {
	if len(tables) <= manyTables {
		m.beginTables(tables)
	}
	for _, cause := range causes {
		m.restarts.WithLabelValues(cause)
	}
	for _, reason := range reasons {
		m.halts.WithLabelValues(string(reason))
	}
	for _, step := range timed {
		m.steps.WithLabelValues(step)
	}
	for _, step := range replicator.Steps {
		m.steps.WithLabelValues(mergeStep(step))
	}
	for _, step := range retried {
		m.retries.WithLabelValues(step)
	}
}

// beginTables creates the series of each table.
func (m *metrics) beginTables(tables []schema.Choice) {
	for _, t := range tables {
		for _, op := range ops {
			m.rows.WithLabelValues(t.Name.String(), op)
		}
		for _, reason := range append([]string{replicator.Unfilled, replicator.CopyFailed, replicator.RowTooLong}, schema.Misfits...) {
			m.refused.WithLabelValues(t.Name.String(), reason)
		}
		m.beginAdjusted(t)
	}
}

func buildInfo() prometheus.Collector {
	b := built()
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "rowshift_build_info", Help: "1, with what was built as labels.",
		ConstLabels: prometheus.Labels{"version": b.Version, "revision": b.Revision, "go": b.Go},
	})
	g.Set(1)
	return g
}

// minInterval returns a gauge of batch.min_interval, because alerts of lag have to allow
// for that wait. A 0 in the config is one nanosecond by now.
func minInterval(d time.Duration) prometheus.Collector {
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "rowshift_min_interval_seconds", Help: "batch.min_interval of the config: for how long changes may wait while all is well.",
	})
	g.Set(d.Truncate(time.Microsecond).Seconds())
	return g
}

// listener returns the Listener that counts.
func (m *metrics) listener() replicator.Listener {
	return replicator.Listener{
		Restarted: func(r replicator.Restart) { m.restarts.WithLabelValues(causeOf(r.Cause)).Inc() },
		Halted:    func(h *replicator.Halt) { m.halts.WithLabelValues(string(h.Reason)).Inc() },
		Retried:   func(r replicator.Retry) { m.retries.WithLabelValues(r.Step).Inc() },
		Opened:    func(replicator.OpenedPass) { m.endToEnd.opened() },
		Received:  m.endToEnd.received,
		Sealed: func(b replicator.SealedBatch) {
			m.endToEnd.sealedAt(b)
			if b.Changes > 0 {
				m.batch.Observe(float64(b.Rows))
				m.bytes.Observe(float64(b.Bytes))
			}
		},
		Staged: func(b replicator.StagedBatch) { m.took("stage", b.Took) },
		Merged: m.merged,
		Loaded: func(t replicator.LoadedTable) {
			m.took("load", t.Took)
			m.rows.WithLabelValues(t.Table.Configured.String(), "load").Add(float64(t.Rows))
		},
		Discarded: func(d replicator.Deletion) { m.deleted(d, nil) },
		Swept:     func(d replicator.Deletion) { m.deleted(d, m.swept) },
	}
}

func (m *metrics) took(step string, d time.Duration) {
	m.steps.WithLabelValues(step).Observe(d.Seconds())
}

func (m *metrics) merged(b replicator.MergedBatch) {
	m.accounted(b.Merged.Entries)
	m.took("merge", b.Took)
	m.endToEnd.merged(b.Merge.Checkpoint.LSN, time.Now())
	for step, d := range b.Merged.Steps {
		m.took(mergeStep(step), d)
	}
	for _, s := range b.Merge.Staged {
		if s.Changes > 0 {
			m.batches.Inc()
		}
		for _, f := range s.Folds {
			table := f.Table.Configured.String()
			m.rows.WithLabelValues(table, "insert").Add(float64(f.Counts.Inserts))
			m.rows.WithLabelValues(table, "update").Add(float64(f.Counts.Updates))
			m.rows.WithLabelValues(table, "delete").Add(float64(f.Counts.Deletes))
			m.rows.WithLabelValues(table, "truncate").Add(float64(f.Counts.Truncates))
		}
	}
}

// accounted counts what a merge has written to the ledger and to the quarantine.
func (m *metrics) accounted(entries []replicator.Entries) {
	for _, e := range entries {
		table, n := e.Table.String(), float64(e.Count)
		if e.Rule == schema.Quarantine {
			m.refused.WithLabelValues(table, e.Kind).Add(n)
		} else {
			m.adjusted.WithLabelValues(table, e.Kind, string(e.Rule)).Add(n)
		}
	}
}

func (m *metrics) deleted(d replicator.Deletion, count prometheus.Counter) {
	if d.Err != nil {
		m.undone.Inc()
	} else if count != nil {
		count.Add(float64(d.Objects))
	}
}
