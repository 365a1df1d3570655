package main

import (
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// lines writes to something slow without ever waiting for it: a full pipe whose
// reader is stuck must not stop replication. Lines that find no room are dropped
// and counted.
type lines struct {
	queue   chan []byte
	done    chan struct{}
	close   sync.Once
	dropped atomic.Int64
}

// newLines returns lines that go to w, room many of which may wait.
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

// Write takes one line. It never fails.
func (l *lines) Write(line []byte) (int, error) {
	select {
	case l.queue <- slices.Clone(line):
	default:
		l.dropped.Add(1)
	}
	return len(line), nil
}

// Sync is of zapcore.WriteSyncer. There is nothing to wait for but Close.
func (l *lines) Sync() error { return nil }

// Close waits for the lines that were taken to be written, for patience at most.
// Lines that are written later are dropped.
func (l *lines) Close(patience time.Duration) {
	l.close.Do(func() {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		select {
		case l.queue <- nil: // the last: nothing behind it is written
		case <-timer.C:
			return
		}
		select {
		case <-l.done:
		case <-timer.C:
		}
	})
}
