package main

import (
	"time"

	"rowshift/replicator"
)

// lag measures how far the warehouse is behind the source in time: now, less a
// moment of which the warehouse surely has everything. It is nothing while the
// stream is open and all that was received is merged, however long ago that was.
//
// The moments are commit times by the source's clock, and arrival times of marks by
// ours.
type lag struct {
	open     bool           // a pass is open
	asOf     time.Time      // the warehouse has everything of before
	seen     replicator.LSN // up to where the stream was received
	goal     replicator.LSN // the end of the server's log when the pass was opened
	unmerged replicator.LSN // the last position with changes that is known; 0 if that is merged
}

// opened begins a pass at a checkpoint. Until the stream has passed flushed, what
// is there to be received is not known.
func (l *lag) opened(at replicator.LSN, t time.Time, flushed replicator.LSN) {
	if t.After(l.asOf) || l.seen == 0 && !t.IsZero() {
		l.asOf = t
	}
	l.open, l.seen, l.goal, l.unmerged = true, at, flushed, 0
}

// received says that the stream is at lsn.
func (l *lag) received(lsn replicator.LSN, now time.Time) {
	l.seen = max(l.seen, lsn)
	if l.caughtUp() {
		l.asOf = now
	}
}

// changed says that there are changes up to lsn, committed at t, that the warehouse
// lacks.
func (l *lag) changed(lsn replicator.LSN, t time.Time) {
	if l.caughtUp() && !t.IsZero() {
		l.asOf = t // the first that it lacks
	}
	l.unmerged = max(l.unmerged, lsn)
}

// merged says that the warehouse has everything up to lsn, whose last commit was
// at t.
func (l *lag) merged(lsn replicator.LSN, t, now time.Time) {
	if l.unmerged <= lsn {
		l.unmerged = 0
	}
	switch {
	case l.caughtUp():
		l.asOf = now
	case t.After(l.asOf):
		l.asOf = t
	}
}

// caughtUp tells whether nothing is known to be missing in the warehouse.
func (l *lag) caughtUp() bool { return l.open && l.unmerged == 0 && l.seen >= l.goal }

// at returns the lag.
func (l *lag) at(now time.Time) time.Duration {
	if l.caughtUp() {
		return 0
	}
	return max(now.Sub(l.asOf), 0)
}
