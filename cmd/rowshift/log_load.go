package main

import (
	"io"
	"math"
	"sync"
	"time"

	"rowshift/replicator"

	"github.com/dustin/go-humanize"
	"github.com/schollz/progressbar/v3"
	"go.uber.org/zap"
)

func (t *teller) loadBegun(taken replicator.Taken) {
	var rows, bytes int64
	for _, r := range taken.Ranges {
		rows += r.Rows
		bytes += r.Bytes
	}
	t.log.Info("loading", zap.Int("tables", len(taken.Tables)), zap.Int("ranges", len(taken.Ranges)),
		zap.Int64("rows_estimated", rows), zap.Int64("bytes_estimated", bytes), zap.Stringer("hand_over", taken.HandOver))
	t.mu.Lock()
	t.progress = time.Now()
	t.mu.Unlock()
	if t.bar != nil {
		t.bar.begin(bytes)
	}
}

// loadProgress draws the bar or, without one, logs every few seconds.
func (t *teller) loadProgress(p replicator.LoadProgress) {
	done := p.TablesLoaded == p.Tables
	if t.bar != nil {
		t.bar.show(p.Bytes, done)
		if !done {
			return
		}
	}
	t.mu.Lock()
	due := done || time.Since(t.progress) >= progressEvery
	if due {
		t.progress = time.Now()
	}
	t.mu.Unlock()
	if !due {
		return
	}
	fields := []zap.Field{
		zap.Int("tables", p.Tables), zap.Int("tables_loaded", p.TablesLoaded),
		zap.Int64("rows", p.Rows), zap.Int64("rows_estimated", p.RowsEstimated), zap.Int64("bytes", p.Bytes),
	}
	if seconds := p.Elapsed.Seconds(); seconds > 0 {
		fields = append(fields, zap.Float64("rows_per_second", math.Round(float64(p.Rows)/seconds)),
			zap.String("rate", humanize.IBytes(uint64(float64(p.Bytes)/seconds))+"/s"))
	}
	if left, ok := eta(p); ok {
		fields = append(fields, zap.Duration("eta", left))
	}
	t.log.Info("load progress", fields...)
}

// eta estimates how long a load still takes, from the share of the rows that it has
// read, or of the bytes if the number of rows is not known.
func eta(p replicator.LoadProgress) (time.Duration, bool) {
	read, all := p.Rows, p.RowsEstimated
	if all <= 0 {
		read, all = p.Bytes, p.BytesEstimated
	}
	if read <= 0 || all <= 0 {
		return 0, false
	}
	left := float64(p.Elapsed) * float64(max(all-read, 0)) / float64(read)
	return time.Duration(left).Round(time.Second), true
}

// bar is a load's progress bar on the last line of a terminal. Write puts log lines
// above it.
type bar struct {
	w  io.Writer
	mu sync.Mutex
	p  *progressbar.ProgressBar // nil while there is no bar
}

// clearLine moves to the start of a terminal's line and clears it.
const clearLine = "\r\x1b[K"

func (b *bar) begin(bytes int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if bytes <= 0 {
		bytes = -1 // unknown size: progressbar draws a spinner
	}
	b.p = progressbar.NewOptions64(bytes,
		progressbar.OptionSetWriter(b.w), progressbar.OptionSetDescription("loading"),
		progressbar.OptionShowBytes(true), progressbar.OptionUseIECUnits(true),
		progressbar.OptionSetPredictTime(true), progressbar.OptionSetWidth(30),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
	)
}

// show draws how many bytes were read, and removes the bar once the load is done. More
// bytes may be read than were estimated.
func (b *bar) show(bytes int64, done bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.p == nil {
		return
	}
	if most := b.p.GetMax64(); most > 0 && bytes >= most && !done {
		b.p.ChangeMax64(bytes + bytes/20 + 1)
	}
	_ = b.p.Set64(bytes)
	if done {
		_, _ = b.w.Write([]byte(clearLine))
		b.p = nil
	}
}

// Write writes a log line in place of the bar, which the next show draws again below.
func (b *bar) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.p == nil {
		return b.w.Write(line)
	}
	if _, err := b.w.Write(append([]byte(clearLine), line...)); err != nil {
		return 0, err
	}
	return len(line), nil
}

// Sync implements zapcore.WriteSyncer.
func (b *bar) Sync() error { return nil }
