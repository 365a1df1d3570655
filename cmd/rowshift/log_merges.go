package main

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"rowshift/replicator"
	"rowshift/schema"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// tally sums up the merges since the last line about merges.
type tally struct {
	told         time.Time
	merges       int
	transactions int
	changes      int
	counts       replicator.Counts
	accounted    map[replicator.Entries]int64 // values adjusted and rows refused; the keys' own Count is 0
	took         time.Duration
	last         replicator.Checkpoint
}

func (y *tally) add(b replicator.MergedBatch) {
	y.merges++
	y.took += b.Took
	y.last = b.Merge.Checkpoint
	for _, e := range b.Merged.Entries {
		if y.accounted == nil {
			y.accounted = map[replicator.Entries]int64{}
		}
		n := e.Count
		e.Count = 0
		y.accounted[e] += n
	}
	for _, s := range b.Merge.Staged {
		y.transactions += s.Transactions
		y.changes += s.Changes
		for _, f := range s.Folds {
			y.counts.Add(f.Counts)
		}
	}
}

// merged adds a merge to the tally, and logs the tally from time to time.
func (t *teller) merged(b replicator.MergedBatch) {
	if t.log.Core().Enabled(zapcore.DebugLevel) {
		var steps []zap.Field
		for _, step := range slices.Sorted(maps.Keys(b.Merged.Steps)) {
			steps = append(steps, zap.Duration(string(step), b.Merged.Steps[step]))
		}
		t.log.Debug("merge", lsn(b.Merge.Checkpoint.LSN), zap.Duration("took", b.Took), zap.Dict("steps", steps...))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.merges.add(b)
	if time.Since(t.merges.told) >= mergesEvery {
		t.tellMerges()
	}
}

// rest logs what is left in the tally, at the end of a run.
func (t *teller) rest() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.merges.merges > 0 {
		t.tellMerges()
	}
}

// tellMerges logs the tally and empties it.
func (t *teller) tellMerges() {
	y := t.merges
	t.merges = tally{told: time.Now()}
	fields := []zap.Field{
		lsn(y.last.LSN), zap.Int("merges", y.merges), zap.Int("transactions", y.transactions), zap.Int("changes", y.changes),
		zap.Int64("inserts", y.counts.Inserts), zap.Int64("updates", y.counts.Updates),
		zap.Int64("deletes", y.counts.Deletes), zap.Int64("truncates", y.counts.Truncates),
		zap.Duration("took", y.took),
	}
	if y.changes > 0 && !y.last.Time.IsZero() {
		fields = append(fields, zap.Time("committed_at", y.last.Time), zap.Float64("lag_seconds", max(time.Since(y.last.Time).Round(time.Millisecond).Seconds(), 0)))
	}
	t.log.Info("merged", fields...)
	t.tellAccounted(y.accounted)
}

// tellAccounted logs how many values were adjusted and rows refused, with a line for
// each table, kind and rule.
func (t *teller) tellAccounted(accounted map[replicator.Entries]int64) {
	order := func(a, b replicator.Entries) int {
		return cmp.Or(cmp.Compare(a.Table.String(), b.Table.String()), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Rule, b.Rule))
	}
	for _, e := range slices.SortedFunc(maps.Keys(accounted), order) {
		if e.Rule == schema.Quarantine {
			t.log.Warn("rows quarantined", zap.Stringer("table", e.Table), zap.String("reason", e.Kind), zap.Int64("rows", accounted[e]))
			continue
		}
		t.log.Info("values adjusted", zap.Stringer("table", e.Table), zap.String("kind", e.Kind), zap.String("rule", string(e.Rule)), zap.Int64("values", accounted[e]))
	}
}
