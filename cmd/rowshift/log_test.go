package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"rowshift/replicator"
	"rowshift/schema"

	"go.uber.org/zap/zapcore"
)

// logOf returns the entries that do makes a teller log.
func logOf(t *testing.T, level zapcore.Level, do func(replicator.Listener)) []map[string]any {
	t.Helper()
	var b bytes.Buffer
	l := newTeller(newLogger(zapcore.AddSync(&b), level, false), nil)
	do(replicator.Tee(l.listener(), newState(time.Now()).listener()))
	l.rest()
	return linesOf(t, &b)
}

// linesOf returns the entries of a log.
func linesOf(t *testing.T, log io.Reader) []map[string]any {
	t.Helper()
	var lines []map[string]any
	for d := json.NewDecoder(log); ; {
		var line map[string]any
		if err := d.Decode(&line); errors.Is(err, io.EOF) {
			return lines
		} else if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
}

func messages(lines []map[string]any) []string {
	var all []string
	for _, l := range lines {
		all = append(all, fmt.Sprint(l["message"]))
	}
	return all
}

func TestLogOfADay(t *testing.T) {
	lines := logOf(t, zapcore.InfoLevel, day)
	want := []string{"waiting", "restarting", "streaming", "table", "loading", "loaded", "load progress",
		"trying again", "merged", "rows quarantined", "values adjusted", "table", "discarding staged objects", "sweeping the bucket"}
	if got := messages(lines); !slices.Equal(got, want) {
		t.Errorf("the log says %q, want %q", got, want)
	}
	for _, l := range lines {
		switch l["message"] {
		case "streaming":
			if l["lsn"] != "0/1000" || l["epoch"] != 3.0 || l["slot"] != "rowshift_accounts" || l["lag_bytes"] != float64(0x2000) {
				t.Errorf("%v", l)
			}
		case "load progress":
			if l["rows"] != 90.0 || l["rows_per_second"] != 10.0 || l["rate"] != "500 B/s" || l["eta"] != 1.0 {
				t.Errorf("%v", l)
			}
		case "merged":
			if l["lsn"] != "0/2000" || l["changes"] != 9.0 || l["inserts"] != 4.0 || l["lag_seconds"] == nil {
				t.Errorf("%v", l)
			}
		}
	}
	if got := len(logOf(t, zapcore.DebugLevel, day)); got != len(want)+5 {
		t.Errorf("%d lines at level debug", got)
	}
	if got := messages(logOf(t, zapcore.ErrorLevel, day)); len(got) != 0 {
		t.Errorf("at level error: %q", got)
	}
}

// A hundred merges in a row give two lines at level info: the first merge, and the sum of
// the rest.
func TestMergesAreSummedUp(t *testing.T) {
	lines := logOf(t, zapcore.InfoLevel, func(l replicator.Listener) {
		for n := range 100 {
			l.Merged(replicator.MergedBatch{Merge: &replicator.Merge{
				Checkpoint: replicator.Checkpoint{LSN: replicator.LSN(n)},
				Staged:     []*replicator.Staged{{Transactions: 1, Changes: 2}},
			}})
		}
	})
	if len(lines) != 2 || lines[0]["merges"] != 1.0 || lines[1]["merges"] != 99.0 || lines[1]["changes"] != 198.0 || lines[1]["lsn"] != "0/63" {
		t.Errorf("%v", lines)
	}
}

// What merges adjusted and refused is logged in sum, without any key.
func TestAccountsAreSummedUp(t *testing.T) {
	name := schema.Name{Schema: "public", Table: "company"}
	lines := logOf(t, zapcore.InfoLevel, func(l replicator.Listener) {
		for n := range 3 {
			l.Merged(replicator.MergedBatch{Merge: &replicator.Merge{}, Merged: replicator.Merged{Entries: []replicator.Entries{
				{Table: name, Kind: "too_long", Rule: schema.Truncate, Count: 2}, {Table: name, Kind: "unfilled", Rule: schema.Quarantine, Count: int64(n)},
			}}})
		}
	})
	if len(lines) != 6 || lines[4]["message"] != "values adjusted" || lines[4]["values"] != 4.0 || lines[4]["rule"] != "truncate" ||
		lines[5]["message"] != "rows quarantined" || lines[5]["rows"] != 3.0 || lines[5]["table"] != "public.company" || lines[5]["level"] != "warn" {
		t.Errorf("%v", lines)
	}
}

func TestHaltIsLogged(t *testing.T) {
	lines := logOf(t, zapcore.ErrorLevel, func(l replicator.Listener) {
		l.Halted(&replicator.Halt{Reason: replicator.SlotLost, Found: "f", Means: "m", Repair: "r", Cause: errors.New("c")})
	})
	if len(lines) != 1 || lines[0]["reason"] != "slot_lost" || lines[0]["found"] != "f" || lines[0]["means"] != "m" || lines[0]["repair"] != "r" || lines[0]["error"] != "c" {
		t.Errorf("%v", lines)
	}
}

// The line about a halt leaves out a cause that only repeats what was found.
func TestHaltIsToldOnce(t *testing.T) {
	for _, cause := range []error{nil, &schema.Misfit{Kind: schema.NotNumber, Type: "REAL"}, errors.New("AccessDenied (no)")} {
		lines := logOf(t, zapcore.ErrorLevel, func(l replicator.Listener) {
			l.Halted(&replicator.Halt{Reason: replicator.ValueMisfit, Found: "S3 answers AccessDenied (no)", Cause: cause})
		})
		if _, there := lines[0]["error"]; there {
			t.Errorf("%v", lines)
		}
	}
}

// TestErrorsAreOneLine shows that an error is logged and shown as one line, with the way to
// it, in every place where an error is logged.
func TestErrorsAreOneLine(t *testing.T) {
	err := fmt.Errorf("merge: %w", errors.New("the server said\n\tno (SQLSTATE 57014)"))
	lines := logOf(t, zapcore.DebugLevel, func(l replicator.Listener) {
		l.Restarted(replicator.Restart{Cause: err})
		l.Retried(replicator.Retry{Step: "merge", Cause: err})
		l.Halted(&replicator.Halt{Reason: replicator.LoadRefused, Found: "f", Cause: err})
		l.Discarded(replicator.Deletion{Err: err})
	})
	s := newState(time.Now())
	s.listener().Restarted(replicator.Restart{Cause: err})
	text := fmt.Sprint(lines, s.snapshot().answer())
	if len(lines) != 4 || strings.Count(text, "merge: the server said no (SQLSTATE 57014)") != 5 {
		t.Error(text)
	}
}

// stuck is a writer that blocks, like a pipe whose reader is stuck.
type stuck struct{ release chan struct{} }

func (s stuck) Write(b []byte) (int, error) {
	<-s.release
	return len(b), nil
}

// TestLogNeverWaits writes far more lines than there is room for while the reader is
// stuck.
func TestLogNeverWaits(t *testing.T) {
	s := stuck{make(chan struct{})}
	defer close(s.release)
	l := newLines(s, 8)
	teller := newTeller(newLogger(l, zapcore.InfoLevel, false), nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 1000 {
			teller.listener().Waiting("the slot")
		}
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("the log waits for its reader")
	}
	if n := l.dropped.Load(); n < 1000-8-1 || n > 1000-8 {
		t.Errorf("%d of 1000 lines dropped with room for 8", n)
	}
	began := time.Now()
	l.Close(20 * time.Millisecond)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the end waited %v for a stuck reader", took)
	}
}

func TestLogIsWrittenToItsEnd(t *testing.T) {
	var b bytes.Buffer
	l := newLines(&b, 1000)
	for n := range 500 {
		fmt.Fprintf(l, "%d\n", n)
	}
	l.Close(10 * time.Second)
	if n := strings.Count(b.String(), "\n"); n != 500 || l.dropped.Load() != 0 {
		t.Errorf("%d lines written, %d dropped", n, l.dropped.Load())
	}
	fmt.Fprintln(l, "later")
	l.Close(time.Second)
}

func TestTerminal(t *testing.T) {
	var b bytes.Buffer
	foot := &bar{w: &b}
	l := newTeller(newLogger(foot, zapcore.InfoLevel, true), foot)
	day(replicator.Tee(l.listener(), newState(time.Now()).listener()))
	text := b.String()
	for _, want := range []string{"INFO", "waiting", "WARN", "loading", clearLine} {
		if !strings.Contains(text, want) {
			t.Errorf("a terminal does not show %q:\n%s", want, text)
		}
	}
	if !strings.Contains(text, "40%") {
		t.Errorf("there is no progress bar:\n%q", text)
	}
}

func TestETA(t *testing.T) {
	for _, c := range []struct {
		p    replicator.LoadProgress
		want time.Duration
		ok   bool
	}{
		{replicator.LoadProgress{}, 0, false},
		{replicator.LoadProgress{Rows: 5, Elapsed: time.Second}, 0, false},
		{replicator.LoadProgress{Rows: 25, RowsEstimated: 100, Elapsed: 10 * time.Second}, 30 * time.Second, true},
		{replicator.LoadProgress{Rows: 120, RowsEstimated: 100, Elapsed: 10 * time.Second}, 0, true},
		{replicator.LoadProgress{Bytes: 50, BytesEstimated: 100, Elapsed: 10 * time.Second}, 10 * time.Second, true},
	} {
		if got, ok := eta(c.p); got != c.want || ok != c.ok {
			t.Errorf("eta(%+v) = %v, %v; want %v, %v", c.p, got, ok, c.want, c.ok)
		}
	}
}
