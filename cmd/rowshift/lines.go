package main

import (
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// lines writes to a slow writer without ever waiting for it: a full pipe whose reader is
// stuck must not stop replication. It drops and counts the lines for which there is no
// room.
type lines struct {
	queue   chan []byte
	done    chan struct{}
	close   sync.Once
	dropped atomic.Int64
}

// newLines returns a lines that writes to w and queues at most room lines.
func newLines(w io.Writer, room int) *lines {
	l := &lines{queue: make(chan []byte, room), done: make(chan struct{})}
	go func() {
		defer close(l.done)
		for line := range l.queue {
			if line == nil {
				return
			}
			_, _ = w.Write(line)
		}
	}()
	return l
}

// Write queues one line, or drops it. It never fails.
func (l *lines) Write(line []byte) (int, error) {
	select {
	case l.queue <- slices.Clone(line):
	default:
		l.dropped.Add(1)
	}
	return len(line), nil
}

// Sync implements zapcore.WriteSyncer. Only Close waits for the lines to be written.
func (l *lines) Sync() error { return nil }

// Close waits up to patience for the queued lines to be written. Later lines are
// dropped.
func (l *lines) Close(patience time.Duration) {
	l.close.Do(func() {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		select {
		case l.queue <- nil: // nil ends the writer: nothing behind it is written
		case <-timer.C:
			return
		}
		select {
		case <-l.done:
		case <-timer.C:
		}
	})
}
