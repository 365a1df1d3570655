package main

import (
	"errors"
	"strings"
	"sync"
	"time"

	"rowshift/replicator"
	"rowshift/schema"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const (
	// mergesEvery is the interval of lines about merges at level info, because a busy
	// daemon merges every second. Level debug has a line for each merge.
	mergesEvery = 10 * time.Second

	// progressEvery is the interval of lines about the progress of a load.
	progressEvery = 5 * time.Second
)

// teller logs what happens. It holds counts, positions and names but no values of rows,
// as the events that it gets do.
type teller struct {
	log *zap.Logger
	bar *bar // nil: a load's progress goes to the log

	mu       sync.Mutex
	merges   tally
	progress time.Time              // time of the last line about a load's progress
	tables   map[schema.Name]string // state of each table, and why
}

func newTeller(log *zap.Logger, b *bar) *teller {
	return &teller{log: log, bar: b, tables: map[schema.Name]string{}}
}

// listener returns the Listener that logs.
func (t *teller) listener() replicator.Listener {
	return replicator.Listener{
		Waiting: func(what string) { t.log.Info("waiting", zap.String("for", what)) },
		Opened:  t.opened,
		Restarted: func(r replicator.Restart) {
			t.log.Warn("restarting", zap.String("cause", causeOf(r.Cause)), zap.String("error", oneLine(r.Cause)), zap.Duration("wait", r.Wait))
		},
		Halted: t.halted,
		Sealed: func(b replicator.SealedBatch) {
			t.log.Debug("sealed", lsn(b.End), zap.Int("transactions", b.Transactions), zap.Int("changes", b.Changes),
				zap.Int("rows", b.Rows), zap.Int("bytes", b.Bytes), zap.Bool("whole", b.Commit), zap.Duration("age", b.Age))
		},
		Staged: func(b replicator.StagedBatch) {
			t.log.Debug("staged", lsn(b.Staged.End), zap.Int("folds", len(b.Staged.Folds)), zap.Duration("took", b.Took))
		},
		Merged: t.merged,
		Retried: func(r replicator.Retry) {
			t.log.Warn("trying again", zap.String("step", r.Step), zap.String("error", oneLine(r.Cause)), zap.Duration("wait", r.Wait))
		},
		Acknowledged: func(at replicator.LSN) { t.log.Debug("acknowledged", lsn(at)) },
		LoadBegun:    t.loadBegun,
		LoadProgress: t.loadProgress,
		Loaded: func(l replicator.LoadedTable) {
			t.log.Info("loaded", zap.Stringer("table", l.Table.Name), zap.Int64("rows", l.Rows), zap.Duration("took", l.Took))
		},
		Tables:    t.states,
		Altered:   func(statements []string) { t.log.Info("altered targets", zap.Strings("statements", statements)) },
		Discarded: func(d replicator.Deletion) { t.deleted("discarding staged objects", d, zapcore.DebugLevel) },
		Swept:     func(d replicator.Deletion) { t.deleted("sweeping the bucket", d, zapcore.InfoLevel) },
	}
}

// warned logs a warning of the S3 client.
func (t *teller) warned(text string) {
	t.log.Warn("the S3 client warns", zap.String("text", strings.TrimSpace(text)))
}

func lsn(at replicator.LSN) zap.Field { return zap.Stringer("lsn", at) }

// ended logs how far a run that was told to end has come, and whether everything that
// was handed over is merged.
func (t *teller) ended(now snapshot) {
	var fields []zap.Field
	if now.known { // a standby has no position
		fields = append(fields, lsn(now.position.merged))
	}
	if now.position.handed <= now.position.merged {
		t.log.Info("drained", fields...)
		return
	}
	t.log.Warn("not drained", append(fields, zap.Stringer("handed_over", now.position.handed),
		zap.String("means", "what was handed over was not merged before the time of a stop ran out, or merging it failed; nothing is lost: the next start reads it again"))...)
}

func (t *teller) opened(o replicator.OpenedPass) {
	cp := o.Checkpoint
	fields := []zap.Field{
		lsn(cp.LSN), zap.Int64("epoch", int64(cp.Epoch)), zap.String("slot", o.Opened.Slot), zap.String("protocol_format", o.Opened.Format),
		zap.Int("tables", len(o.Opened.Tables)), zap.Uint64("lag_bytes", cp.LSN.Behind(o.Opened.Flushed)),
	}
	if !cp.Time.IsZero() {
		fields = append(fields, zap.Time("committed_at", cp.Time))
	}
	t.log.Info("streaming", fields...)
}

func (t *teller) halted(h *replicator.Halt) {
	fields := []zap.Field{
		zap.String("reason", string(h.Reason)), zap.String("found", h.Found),
		zap.String("means", h.Means), zap.String("repair", h.Repair),
	}
	if text := oneLine(h.Cause); tellsMore(h, text) {
		fields = append(fields, zap.String("error", text))
	}
	t.log.Error("halted", fields...)
}

// tellsMore reports whether the text of a halt's cause adds something to the halt's own
// text.
func tellsMore(h *replicator.Halt, text string) bool {
	_, misfit := errors.AsType[*schema.Misfit](h.Cause)
	return text != "" && !misfit && !strings.Contains(h.Found, text)
}

// states logs each table whose state has changed.
func (t *teller) states(tables []replicator.TableState) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range tables {
		now := string(s.State) + s.Why
		if t.tables[s.Name] == now {
			continue
		}
		t.tables[s.Name] = now
		level := zapcore.InfoLevel
		fields := []zap.Field{zap.Stringer("table", s.Name), zap.String("state", string(s.State)), zap.String("target", s.Target)}
		if s.Why != "" && s.State != replicator.Live {
			fields = append(fields, zap.String("why", s.Why))
		}
		if s.State == replicator.Parked {
			level = zapcore.ErrorLevel
			fields = append(fields, zap.String("reason", string(s.Reason)), zap.String("repair", s.Repair))
		}
		t.log.Log(level, "table", fields...)
	}
}

// deleted logs a deletion, as a warning if it failed.
func (t *teller) deleted(what string, d replicator.Deletion, level zapcore.Level) {
	switch {
	case d.Err != nil:
		t.log.Warn(what, zap.Int("objects", d.Objects), zap.String("error", oneLine(d.Err)))
	case d.Objects > 0:
		t.log.Log(level, what, zap.Int("objects", d.Objects))
	}
}
