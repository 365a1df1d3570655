package main

import (
	"maps"
	"slices"
	"sync"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
)

// daemonState is what the daemon is doing, as /readyz and `status` show it.
type daemonState string

const (
	starting   daemonState = "starting"
	waiting    daemonState = "waiting"
	loading    daemonState = "loading"
	streaming  daemonState = "streaming"
	restarting daemonState = "restarting"
	halted     daemonState = "halted"
	looking    daemonState = "looking" // again, after a halt that may not be over
)

// daemonStates are all of them.
var daemonStates = []daemonState{starting, waiting, loading, streaming, restarting, halted, looking}

// ready reports whether a daemon in this state does all it can: it replicates, or waits
// as a standby.
func (d daemonState) ready() bool { return d == waiting || d == loading || d == streaming }

// state remembers how things stand now. The replicator updates it through its Listener;
// the HTTP endpoints and the metrics read it.
type state struct {
	mu    sync.Mutex
	state daemonState
	since time.Time
	why   string    // what the daemon waits for, or why the last pass ended
	halt  *lastHalt // until it is known to be over
	begun bool      // whether the pass has received or loaded something

	epoch    replicator.Epoch
	tables   []replicator.TableState
	load     replicator.LoadProgress
	known    bool   // whether positions and states of tables are known; a standby does not get them
	format   string // format of the stream's values
	position positions
	lag      lag
	slot     slotSighting
	waiting  int       // changes that were received and are not merged yet
	mergedAt time.Time // time of the last merge
	resyncs  int       // requested tables that are not loading yet

	tableSince map[uint32]stateSince
	held       map[uint32]int64      // rows in each held table, by OID, where known
	refused    map[schema.Name]int64 // rows in quarantine, as of the last merge that counted them; nil: not known
}

// stateSince is a state of a table with the time at which it was first seen.
type stateSince struct {
	state replicator.State
	at    time.Time
}

// positions are how far changes have come.
type positions struct {
	received, staged, merged, acknowledged replicator.LSN

	handed replicator.LSN // how far this pass still merges if it is told to end
}

// slotSighting is what the slot looked like at the last look.
type slotSighting struct {
	at       time.Time // zero: never seen
	exists   bool
	active   bool
	had      bool           // it exists, or is known to have existed from an earlier look or the checkpoint
	making   bool           // a daemon is about to make it
	status   string         // wal_status
	safe     int64          // bytes of log until the slot is lost
	limited  bool           // whether there is such a limit
	retained uint64         // bytes of log that the slot keeps
	current  replicator.LSN // end of the server's log
}

// newState returns the state of a daemon that starts at now.
func newState(now time.Time) *state {
	return &state{state: starting, since: now, lag: lag{asOf: now}, tableSince: map[uint32]stateSince{}, held: map[uint32]int64{}}
}

// listener returns the Listener that keeps s up to date.
func (s *state) listener() replicator.Listener {
	return replicator.Listener{
		Waiting: func(what string) {
			s.update(func(now time.Time) {
				if !s.lag.open {
					s.enter(waiting, now)
					s.known = false
				}
				s.why = what
			})
		},
		Remembered: func(cp replicator.Checkpoint) {
			s.update(func(time.Time) { s.slot.had = s.slot.had || cp.Phase == replicator.Streaming })
		},
		Opened: func(o replicator.OpenedPass) { s.update(func(now time.Time) { s.opened(o, now) }) },
		Restarted: func(r replicator.Restart) {
			s.update(func(now time.Time) {
				s.enter(restarting, now)
				s.why = oneLine(r.Cause)
				s.lag.open = false
				s.position.handed = 0 // the next pass receives it again
			})
		},
		Halted: func(h *replicator.Halt) {
			s.update(func(now time.Time) {
				s.enter(halted, now)
				s.halt = newHalt(h, s.halt, s.lag.open, s.begun, s.position)
				s.lag.open = false
				s.position.handed = 0
			})
		},
		Receiving: func(r replicator.Receiving) {
			s.update(func(time.Time) { s.lag.changed(r.LSN+1, r.Time) }) // it ends behind its LSN
		},
		Received: func(r replicator.Received) { s.update(func(now time.Time) { s.received(r, now) }) },
		Sealed: func(b replicator.SealedBatch) {
			if b.Commit {
				s.update(func(time.Time) { s.position.handed = b.End })
			}
		},
		Staged: func(b replicator.StagedBatch) {
			s.update(func(time.Time) { s.position.staged = max(s.position.staged, b.Staged.End) })
		},
		Merged: func(b replicator.MergedBatch) { s.update(func(now time.Time) { s.merged(b, now) }) },
		Acknowledged: func(lsn replicator.LSN) {
			s.update(func(time.Time) { s.position.acknowledged = lsn })
		},
		LoadBegun: func(replicator.Taken) {
			s.update(func(now time.Time) {
				s.enter(loading, now)
				s.begun = true
				s.load = replicator.LoadProgress{}
			})
		},
		LoadProgress: func(p replicator.LoadProgress) {
			s.update(func(time.Time) { s.load = p })
		},
		Loaded:  func(replicator.LoadedTable) { s.update(func(time.Time) { s.halt = s.halt.loaded() }) },
		Applied: func(a replicator.AppliedTable) { s.update(func(time.Time) { s.applied(a) }) },
		Tables:  func(tables []replicator.TableState) { s.update(func(now time.Time) { s.setTables(tables, now) }) },
	}
}

// update calls change with s locked.
func (s *state) update(change func(now time.Time)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(time.Now())
}

// enter changes the state, and forgets the reason for the previous one.
func (s *state) enter(next daemonState, now time.Time) {
	if s.state != next {
		s.since = now
	}
	s.state, s.why = next, ""
}

// lingers is longer than a daemon waits for its own dead stream to release the slot,
// which by default takes wal_sender_timeout, a minute.
const lingers = 2 * time.Minute

// forget drops what only the daemon that has the slot knows, once this one has waited so
// long that another must have it. Otherwise its last values would be reported for ever.
func (s *state) forget(now time.Time) {
	if s.state != waiting || now.Sub(s.since) < lingers {
		return
	}
	s.epoch, s.tables, s.refused = 0, nil, nil
	clear(s.tableSince)
	clear(s.held)
}

func (s *state) opened(o replicator.OpenedPass, now time.Time) {
	cp := o.Checkpoint
	s.enter(streaming, now)
	s.halt, s.begun = s.halt.opened(cp), false
	s.epoch = cp.Epoch
	s.known = true
	s.format = o.Opened.Format
	s.position = positions{received: cp.LSN, staged: cp.LSN, merged: cp.LSN, acknowledged: o.Opened.Confirmed}
	s.lag.opened(cp.LSN, cp.Time, o.Opened.Flushed)
	s.waiting, s.resyncs = 0, 0 // the requested tables are about to load
	for _, t := range cp.Tables {
		switch {
		case t.State == replicator.Live:
			delete(s.held, t.OID)
		case t.Load == nil: // its held table is made anew
			s.held[t.OID] = 0
		}
	}
}

func (s *state) received(r replicator.Received, now time.Time) {
	s.position.received, s.begun = max(s.position.received, r.LSN), true
	if r.Changes > 0 {
		s.lag.changed(r.LSN, r.Time)
		s.waiting += r.Changes
	}
	s.lag.received(r.LSN, now)
	s.halt = s.halt.receives(r.LSN)
}

func (s *state) merged(b replicator.MergedBatch, now time.Time) {
	cp := b.Merge.Checkpoint
	s.position.merged, s.mergedAt = cp.LSN, now
	s.lag.merged(cp.LSN, cp.Time, now)
	s.halt = s.halt.merges(b)
	s.resyncs = len(b.Merged.Resyncs)
	if b.Merged.Quarantined != nil {
		s.refused = b.Merged.Quarantined
	}
	for _, staged := range b.Merge.Staged {
		s.waiting -= staged.Changes
		s.hold(staged)
	}
}

// hold counts the rows that a merge has put into held tables, or removed from them.
func (s *state) hold(staged *replicator.Staged) {
	for _, f := range staged.Folds {
		if rows, known := s.held[f.Table.OID]; known && f.Held != "" {
			s.held[f.Table.OID] = rows + f.Files.Rows
		}
	}
	for _, j := range staged.Joins {
		delete(s.held, j.Table.OID)
	}
	for _, h := range staged.Holds {
		s.held[h.Table.OID] = 0
	}
}

// applied counts the rows that were taken out of a held table. A held table with no rows
// left is known to be empty, whichever daemon filled it.
func (s *state) applied(a replicator.AppliedTable) {
	rows, known := s.held[a.Table.OID]
	switch {
	case !a.Applied.Left:
		s.held[a.Table.OID] = 0
	case known:
		s.held[a.Table.OID] = max(rows-a.Applied.Rows, 0)
	}
}

// setTables remembers the states of the tables. A load is over once every table is
// loaded.
func (s *state) setTables(tables []replicator.TableState, now time.Time) {
	s.tables = tables
	s.halt = s.halt.remembers()
	for _, t := range tables {
		if s.tableSince[t.OID].state != t.State {
			s.tableSince[t.OID] = stateSince{state: t.State, at: now}
		}
	}
	loaded := !slices.ContainsFunc(tables, func(t replicator.TableState) bool {
		return t.State == replicator.Loading && (t.Load == nil || !t.Load.Loaded)
	})
	if loaded && s.state == loading {
		s.enter(streaming, now)
	}
}

// saw remembers a look at the slot.
func (s *state) saw(slot slotSighting) {
	s.update(func(time.Time) {
		slot.had = slot.exists || s.slot.had
		s.slot = slot
	})
}

// snapshot is a copy of the state for a reader.
type snapshot struct {
	state      daemonState
	since      time.Time
	why        string
	halt       *replicator.Halt
	epoch      replicator.Epoch
	tables     []replicator.TableState
	loads      bool
	load       replicator.LoadProgress
	slot       slotSighting
	known      bool // whether position and lag are known
	format     string
	position   positions
	lagSeconds float64
	lagBytes   uint64
	waiting    int
	mergedAt   time.Time
	resyncs    int
	tableSince map[uint32]stateSince
	held       map[uint32]int64
	refused    map[schema.Name]int64
}

func (s *state) snapshot() snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(time.Now())
	now := snapshot{
		state: s.state, since: s.since, why: s.why,
		epoch: s.epoch, tables: s.tables, loads: s.state == loading, load: s.load, slot: s.slot,
		waiting: s.waiting, mergedAt: s.mergedAt, resyncs: s.resyncs, tableSince: maps.Clone(s.tableSince), held: maps.Clone(s.held), refused: s.refused,
	}
	if s.halt != nil && s.state != waiting { // a standby does not know whether it is over
		now.halt = s.halt.Halt
	}
	if now.halt != nil && s.state.ready() {
		now.state = looking
	}
	if !s.known {
		return now
	}
	now.known, now.format, now.position, now.lagSeconds = true, s.format, s.position, s.lag.at(time.Now()).Seconds()
	reached := s.position.merged
	if s.lag.caughtUp() {
		reached = max(reached, s.position.received) // what lies between concerns none of our tables
	}
	now.lagBytes = reached.Behind(max(s.slot.current, s.position.received))
	return now
}
