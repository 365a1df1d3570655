package main

import (
	"sync"
	"time"

	"rowshift/replicator"
)

// endToEnd measures how long changes take from their commit in the source to their
// merge. Each batch counts once, with its first commit, which waited longest. Commit
// times are by the source's clock.
type endToEnd struct {
	observe func(time.Duration)

	mu     sync.Mutex
	first  time.Time // time of the first commit with changes since the last seal
	sealed []sealedBatch
}

// sealedBatch is a batch with changes that is not merged yet. If it was sealed inside a
// transaction, only the last part counts.
type sealedBatch struct {
	end   replicator.LSN
	first time.Time
}

// opened forgets the batches of the pass before, whose changes are received again.
func (e *endToEnd) opened() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.first, e.sealed = time.Time{}, nil
}

// received takes in a commit or a mark.
func (e *endToEnd) received(r replicator.Received) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r.Changes > 0 && e.first.IsZero() {
		e.first = r.Time
	}
}

// sealedAt takes in that a batch was sealed, up to its last commit.
func (e *endToEnd) sealedAt(b replicator.SealedBatch) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if b.Commit && !e.first.IsZero() {
		e.sealed = append(e.sealed, sealedBatch{end: b.End, first: e.first})
		e.first = time.Time{}
	}
}

// merged observes each batch that the warehouse now has.
func (e *endToEnd) merged(lsn replicator.LSN, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for len(e.sealed) > 0 && e.sealed[0].end <= lsn {
		e.observe(max(now.Sub(e.sealed[0].first), 0))
		e.sealed = e.sealed[1:]
	}
}
