// Package refusal tells a refusal that somebody may be about to repair from one that lasts. A
// right that was just given takes a while to be known everywhere in AWS, so what is refused for
// want of a right is asked for again, for a time that the bucket and the warehouse each choose.
package refusal

import (
	"sync"
	"time"
)

// Spell is a time in which all that is asked for is refused. The zero value is none. Its methods
// may be called concurrently.
type Spell struct {
	mu    sync.Mutex
	since time.Time // of the first refusal; zero outside a spell
	last  time.Time // of the last
}

// Extend adds a refusal at now, and reports whether the spell has lasted for patience by then. If
// nothing was asked for a long time after the last refusal, such as that of a deletion in the
// evening, this one begins a spell: the pauses between tries, and between the looks of a halted
// pipeline, are shorter than that.
func (s *Spell) Extend(now time.Time, patience time.Duration) (lasts bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.since.IsZero() || now.Sub(s.last) > 15*patience {
		s.since = now
	}
	s.last = now
	return now.Sub(s.since) >= patience
}

// End ends the spell, because something was not refused.
func (s *Spell) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since = time.Time{}
}
