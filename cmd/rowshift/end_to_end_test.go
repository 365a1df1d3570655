package main

import (
	"slices"
	"testing"
	"time"

	"rowshift/replicator"
)

// TestEndToEnd follows batches from their first commit to their merge.
func TestEndToEnd(t *testing.T) {
	var got []time.Duration
	e := endToEnd{observe: func(d time.Duration) { got = append(got, d) }}
	commit := func(lsn replicator.LSN, clock string) {
		e.received(replicator.Received{LSN: lsn, Time: at(clock), Changes: 1})
	}
	seal := func(end replicator.LSN, commit bool) {
		e.sealedAt(replicator.SealedBatch{End: end, Commit: commit, Changes: 1})
	}
	for _, s := range []struct {
		what string
		do   func()
		want []time.Duration
	}{
		{"two commits are one batch, and the first counts", func() {
			commit(100, "09:00:00")
			commit(200, "09:00:03")
			seal(200, true)
			e.merged(200, at("09:00:05"))
		}, []time.Duration{5 * time.Second}},
		{"a mark and a refresh are no changes", func() {
			e.received(replicator.Received{LSN: 300})
			seal(300, true)
			e.merged(300, at("09:10:00"))
		}, nil},
		{"parts of a transaction wait for its commit", func() {
			seal(350, false)
			commit(400, "09:20:00")
			seal(400, true)
			e.merged(300, at("09:20:01"))
			e.merged(400, at("09:20:02"))
		}, []time.Duration{2 * time.Second}},
		{"batches are merged in order", func() {
			commit(500, "09:30:00")
			seal(500, true)
			commit(600, "09:30:10")
			seal(600, true)
			e.merged(500, at("09:30:15"))
			e.merged(600, at("09:30:20"))
		}, []time.Duration{15 * time.Second, 10 * time.Second}},
		{"what a pass left behind is received again", func() {
			commit(700, "09:40:00")
			seal(700, true)
			e.opened()
			commit(700, "09:40:00")
			seal(700, true)
			e.merged(700, at("09:41:00"))
		}, []time.Duration{time.Minute}},
		{"a source whose clock is ahead", func() {
			commit(800, "10:00:01")
			seal(800, true)
			e.merged(800, at("10:00:00"))
		}, []time.Duration{0}},
	} {
		got = nil
		s.do()
		if !slices.Equal(got, s.want) {
			t.Errorf("%s: %v, want %v", s.what, got, s.want)
		}
	}
}
