package main

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"rowshift/replicator"
	"rowshift/schema"

	"go.uber.org/zap/zapcore"
)

// TestMergesAreToldInTime merges thrice and then no more: what comes too soon after a line is
// told when it is due, with the lag that it had when it was merged. The end tells what is
// left and stops the timer.
func TestMergesAreToldInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		began := time.Now()
		l := newTeller(newLogger(zapcore.AddSync(&b), zapcore.InfoLevel, false), nil)
		merge := func(changes int, committed time.Time) {
			l.merged(replicator.MergedBatch{
				Merge: &replicator.Merge{
					Checkpoint: replicator.Checkpoint{Time: committed},
					Staged:     []*replicator.Staged{{Changes: changes}},
				},
				Merged: replicator.Merged{Entries: []replicator.Entries{
					{Table: schema.Name{Schema: "public", Table: "company"}, Kind: schema.NotUTF8, Rule: schema.Quarantine, Count: int64(changes)},
				}},
			})
		}
		lines := func() []map[string]any {
			synctest.Wait()
			l.mu.Lock() // the timer's goroutine writes
			defer l.mu.Unlock()
			return linesOf(t, bytes.NewReader(b.Bytes()))
		}
		merge(1, began)
		<-time.After(3 * time.Second)
		committed := began.Add(2 * time.Second)
		merge(2, committed)
		<-time.After(4 * time.Second)
		merge(0, committed) // a checkpoint refresh, which brings nothing and has no lag
		if got := lines(); len(got) != 2 || got[0]["lag_seconds"] != 0.0 || got[1]["rows"] != 1.0 {
			t.Errorf("after the first merge the log says %v", got)
		}
		<-time.After(mergesEvery - 7*time.Second)
		if got := lines(); len(got) != 4 || got[2]["merges"] != 2.0 || got[2]["lag_seconds"] != 1.0 || got[3]["message"] != "rows quarantined" || got[3]["rows"] != 2.0 {
			t.Errorf("when the rest is due the log says %v", got)
		}
		<-time.After(time.Second)
		merge(3, began)
		l.rest()
		if got := lines(); len(got) != 6 || got[5]["rows"] != 3.0 {
			t.Errorf("at the end the log says %v", got)
		}
		merge(4, began)
		<-time.After(mergesEvery - time.Second) // when the merge before was due
		if got := lines(); len(got) != 6 {
			t.Errorf("the timer of what was told already told more: %v", got)
		}
	})
}
