package main

import (
	"time"

	"rowshift/replicator"
)

// lag measures how far in time the warehouse is behind the source: the time since a
// moment of which the warehouse surely has everything. It is 0 while the stream is open
// and everything received is merged, however long ago that was.
//
// The moments are commit times by the source's clock, and times at which marks arrived
// by this machine's clock.
type lag struct {
	open     bool           // whether a pass is open
	asOf     time.Time      // the warehouse has everything from before this moment
	seen     replicator.LSN // how far the stream was received
	goal     replicator.LSN // end of the server's log when the pass was opened
	unmerged replicator.LSN // last known position with changes that are not merged; 0 if all are
}

// opened begins a pass at a checkpoint of time t. Until the stream has passed flushed,
// nobody knows what is still to be received.
func (l *lag) opened(at replicator.LSN, t time.Time, flushed replicator.LSN) {
	if t.After(l.asOf) || l.seen == 0 && !t.IsZero() {
		l.asOf = t
	}
	l.open, l.seen, l.goal, l.unmerged = true, at, flushed, 0
}

// received takes in that the stream has reached lsn.
func (l *lag) received(lsn replicator.LSN, now time.Time) {
	l.seen = max(l.seen, lsn)
	if l.caughtUp() {
		l.asOf = now
	}
}

// changed takes in that changes up to lsn, committed at t, are not in the warehouse yet.
func (l *lag) changed(lsn replicator.LSN, t time.Time) {
	// The warehouse has all from before the first change that it lacks. A pass that has yet to
	// catch up only knew that of the checkpoint's last commit, which may be days older.
	if l.unmerged == 0 && !t.IsZero() && (l.caughtUp() || t.After(l.asOf)) {
		l.asOf = t
	}
	l.unmerged = max(l.unmerged, lsn)
}

// merged takes in that the warehouse has everything up to lsn, whose last commit was at
// t.
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

// caughtUp reports whether the warehouse is known to lack nothing.
func (l *lag) caughtUp() bool { return l.open && l.unmerged == 0 && l.seen >= l.goal }

// at returns the lag.
func (l *lag) at(now time.Time) time.Duration {
	if l.caughtUp() {
		return 0
	}
	return max(now.Sub(l.asOf), 0)
}
