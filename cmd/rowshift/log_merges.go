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
	due          *time.Timer // logs the tally, so that the last merges before a lull are told in time; nil while the tally is empty
	merges       int
	transactions int
	changes      int
	counts       replicator.Counts
	accounted    map[replicator.Entries]int64 // values adjusted and rows refused; the keys' own Count is 0
	took         time.Duration
	lsn          replicator.LSN
	committed    time.Time     // commit time of the last merge with changes; zero if there is none
	lag          time.Duration // its age when it was merged, which is not its age when it is told
}

func (y *tally) add(b replicator.MergedBatch) {
	y.merges++
	y.took += b.Took
	y.lsn = b.Merge.Checkpoint.LSN
	for _, e := range b.Merged.Entries {
		if y.accounted == nil {
			y.accounted = map[replicator.Entries]int64{}
		}
		n := e.Count
		e.Count = 0
		y.accounted[e] += n
	}
	before := y.changes
	for _, s := range b.Merge.Staged {
		y.transactions += s.Transactions
		y.changes += s.Changes
		for _, f := range s.Folds {
			y.counts.Add(f.Counts)
		}
	}
	if y.changes > before && !b.Merge.Checkpoint.Time.IsZero() {
		y.committed = b.Merge.Checkpoint.Time
		y.lag = max(time.Since(y.committed), 0)
	}
}

// merged adds a merge to the tally, and logs the tally at once or once mergesEvery has
// passed since the last line, whether or not there is another merge by then.
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
	if since := time.Since(t.merges.told); since >= mergesEvery {
		t.tellMerges()
	} else if t.merges.due == nil {
		t.merges.due = time.AfterFunc(mergesEvery-since, t.rest)
	}
}

// rest logs what is left in the tally, when it is due and at the end of a run. No timer is
// left after it.
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
	if y.due != nil {
		y.due.Stop() // one that fires just now finds an empty tally
	}
	fields := []zap.Field{
		lsn(y.lsn), zap.Int("merges", y.merges), zap.Int("transactions", y.transactions), zap.Int("changes", y.changes),
		zap.Int64("inserts", y.counts.Inserts), zap.Int64("updates", y.counts.Updates),
		zap.Int64("deletes", y.counts.Deletes), zap.Int64("truncates", y.counts.Truncates),
		zap.Duration("took", y.took),
	}
	if !y.committed.IsZero() {
		fields = append(fields, zap.Time("committed_at", y.committed), zap.Float64("lag_seconds", y.lag.Round(time.Millisecond).Seconds()))
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
