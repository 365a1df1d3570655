package replicator

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"time"

	"rowshift/schema"
)

// Follow compares the state of a live table with t, and returns what became of the table.
// The Past says how the log that follows position after may still describe the table: nil
// if as it is. read is where the log ended before the catalogue was read; from there on the
// log is taken to describe the table as t. seen is what the catalogue saw, nil if not known.
func (s TableState) Follow(t *schema.Table, after, read LSN, seen *Visibility) (schema.Diff, *Past) {
	diff := schema.Compare(s.Shape, s.Heap, t)
	past := s.Past
	if past != nil && past.Until <= after {
		past = nil
	}
	if past != nil {
		if d := schema.Compare(past.Shape, past.Heap, t); d.Uncertain != "" && diff.Uncertain == "" {
			diff.Uncertain = d.Uncertain
		}
	}
	switch {
	case diff.Empty():
		return diff, past
	case past == nil:
		return diff, &Past{Shape: s.Shape, Heap: s.Heap, Until: read, Seen: seen}
	}
	return diff, &Past{Shape: past.Shape, Heap: past.Heap, Until: read, Seen: seen}
}

// shapes is what a daemon knows of the tables from one pass to the next.
type shapes struct {
	known   []TableState          // the states that the last opening was told
	misread map[uint32]bool       // tables with a row that could not be read
	spoiled uint32                // the table whose load cannot go on; 0: there is none
	unfit   map[uint32]*unfitness // tables that one of our steps found to be unfit
	waiting []TableState          // tables that are parked
	left    Checkpoint            // as the last pass that took the fence left it
	asked   []schema.Name         // tables that somebody had asked to have loaded, as of the last pass
	every   time.Duration         // how often a table is tried again that is unfit for what may pass
	look    time.Time             // when the first such table is tried again; zero: there is none

	last   string // the error of the last alteration
	repeat int    // how many times in a row it came
}

// unfitness says why a table was found to be unfit, and what it was like then.
type unfitness struct {
	why   *Halt
	table *TableState
	asked int           // how often it had been asked for; one more request has it tried again
	again time.Time     // when it is tried again unasked; zero: not at all
	wait  time.Duration // how long that was put off
	tried bool          // it is being tried again, and nobody knows yet whether it goes on
}

// looksAgain is after how many times HaltRetry a table is tried again that is unfit for what may
// pass. Each try ends the stream for a moment, and the table is not parked meanwhile, which an
// alert on parked tables may take for the end of the trouble.
const looksAgain = 3

// mostWaits is how many times as long as at first such a table waits at most for its next try. The
// wait doubles with each try in a row that was in vain: a try ends the stream, and what the server
// had decoded of a transaction by then is decoded anew. If that takes longer than the wait, no table
// would ever get on.
const mostWaits = 16

// mostRepeats is how many times in a row the same alteration, or unfitness, has the next
// pass begin at once.
const mostRepeats = 4

// learn takes in the error that ended a pass, and reports whether the next pass can begin
// at once because it has something else to begin with.
func (s *shapes) learn(err error) bool {
	altered, isAltered := errors.AsType[*Altered](err)
	unfit, isUnfit := errors.AsType[*Unfit](err)
	spoiled, isSpoiled := errors.AsType[*Spoiled](err)
	switch {
	case isUnfit:
		s.note(unfit)
	case isSpoiled:
		s.spoiled = spoiled.OID
	case isAltered && altered.OID != 0:
		if s.misread == nil {
			s.misread = map[uint32]bool{}
		}
		s.misread[altered.OID] = true
	case !isAltered:
		s.last, s.repeat = "", 0
		return false
	}
	if err.Error() != s.last {
		s.last, s.repeat = err.Error(), 0
	}
	s.repeat++
	return s.repeat <= mostRepeats
}

// note notes that a table was found to be unfit and, if that may pass, when it is tried again.
func (s *shapes) note(unfit *Unfit) {
	found := &unfitness{why: unfit.Why, asked: times(s.asked, unfit.Name)}
	if unfit.Passes {
		found.wait = s.every
		if last := s.unfit[unfit.OID]; last != nil && last.tried && last.wait > 0 {
			found.wait = min(2*last.wait, mostWaits*s.every)
		}
		found.again = time.Now().Add(found.wait)
	}
	if s.unfit == nil {
		s.unfit = map[uint32]*unfitness{}
	}
	s.unfit[unfit.OID] = found
}

// parked returns an error for the first of the parked tables, nil if there are none.
func (s *shapes) parked() error {
	if len(s.waiting) == 0 {
		return nil
	}
	t := s.waiting[0]
	return &Unfit{OID: t.OID, Name: t.Name, Why: &Halt{Reason: t.Reason, Found: t.Why, Repair: t.Repair}}
}

// known reads what is remembered of the tables, for an opening of the source, and notes it.
func (d *daemon) known(ctx context.Context) (Known, error) {
	cp, err := d.Warehouse.Checkpoint(ctx)
	if err != nil || cp == nil {
		return Known{}, err
	}
	d.shapes.known = cp.Tables
	return cp.Known(), nil
}

// current returns an error unless the opening was told what the checkpoint says now.
func (s *shapes) current(cp Checkpoint) error {
	if len(s.known) == 0 && len(cp.Tables) == 0 || reflect.DeepEqual(s.known, cp.Tables) {
		return nil
	}
	return errors.New("replicator: the tables' states were written while the source was opened")
}

// fenced takes in the checkpoint that a pass begins with, and reports whether its epoch is the
// next one. If not, another daemon was in charge in between and may have repaired tables, so a
// table is taken for unfit no more if anything became of it. The others still are: if they were
// forgotten, two daemons that take the slot from each other would each meet the same table for
// the first time, again and again, and neither would park it. A request for such a table may have
// been taken up meanwhile, though, which nothing tells. So it is tried again later, unasked.
func (s *shapes) fenced(cp Checkpoint) (next bool) {
	next = cp.Epoch == s.left.Epoch+1
	if !next {
		maps.DeleteFunc(s.unfit, func(oid uint32, _ *unfitness) bool { return !cp.leftAlone(s.left, oid) })
		for _, u := range s.unfit {
			if u.again.IsZero() {
				u.wait, u.again = s.every, time.Now().Add(s.every)
			}
		}
	}
	s.left = cp
	return next
}

// leftAlone reports whether, as far as c tells, nothing became of a table since the checkpoint
// was as given: no change of it was merged or loaded, and it was not parked. Whether a table
// that is loading got on does not tell, since each daemon begins its load anew.
func (c *Checkpoint) leftAlone(since Checkpoint, oid uint32) bool {
	was, is := since.Table(oid), c.Table(oid)
	switch {
	case was == nil || is == nil:
		return was == is
	case is.State == Live:
		return since.LSN == c.LSN && was.Same(*is)
	}
	return was.State == is.State && was.Target == is.Target && was.Why == is.Why
}

// planned is what has to be done after an opening, before the stream is read.
type planned struct {
	first       *Checkpoint // to be remembered before targets are altered; nil: nothing need be
	next        Checkpoint
	alterations []Alteration
	changed     bool // next has other states of tables than what is remembered
}

// plan brings the checkpoint's tables in line with what the source publishes. Tables that
// have to be loaded become loading, with nothing loaded. Those are tables that are new,
// whose load has neither ended nor is still under way, that were out of the publication for
// a while, whose shape changed in a way that cannot be followed, or that somebody asked
// for. Tables that cannot go on are parked.
func (s *shapes) plan(cp Checkpoint, o Opened, loads *loads) planned {
	p := planned{next: cp.Clone()}
	p.next.Timeline = o.Timeline
	p.next.Publication = o.Publication
	p.next.Tables, p.next.Resyncs, p.next.Reset = nil, nil, ""
	s.asked, s.look = cp.Resyncs, time.Time{}
	for _, published := range o.Tables {
		t, diff := s.next(cp, o, published, loads)
		if t.State == Loading || !diff.Empty() {
			p.alterations = append(p.alterations, Alteration{Table: published.Table, Diff: diff, Loads: t.State == Loading})
		}
		p.renames(cp, t.OID, diff.Renamed)
		p.next.Tables = append(p.next.Tables, t)
	}
	fit := o.byOID()
	for _, u := range o.Unfit {
		if fit[u.OID] != nil {
			u.OID = 0 // the table that had the name goes by another of the config, and no OID has two states
		}
		p.next.Tables = append(p.next.Tables, park(cp, u))
	}
	slices.SortFunc(p.next.Tables, ByOID)
	s.misread, s.spoiled, s.waiting = nil, 0, nil
	for _, t := range p.next.Tables {
		if t.State != Parked {
			continue
		}
		s.waiting = append(s.waiting, t)
		for range times(cp.Resyncs, t.Name) {
			p.next.Resyncs = append(p.next.Resyncs, t.Name)
		}
	}
	p.changed = !reflect.DeepEqual(p.next.Tables, cp.Tables)
	return p
}

// ready carries out, before the stream is read, what was planned, and remembers it. It
// makes held tables for the loading tables that have none, and alters targets. What
// unfinished loads had held is forgotten, since the checkpoint does not name it any more.
func (d *daemon) ready(ctx context.Context, source Source, opened Opened, p planned) (Checkpoint, error) {
	next := p.next.Clone()
	err := keepingAlive(ctx, source, next.LSN, func(ctx context.Context) error {
		if p.first != nil {
			if _, err := d.transact(ctx, &Merge{Expect: next.LSN, Checkpoint: *p.first}); err != nil {
				return err
			}
		}
		made, err := d.makeHeld(ctx, opened, &next)
		if err != nil || !made && !p.changed {
			return err
		}
		merged, err := d.transact(ctx, &Merge{Expect: next.LSN, Checkpoint: next, Alterations: p.alterations})
		if err == nil && len(merged.Altered) > 0 {
			tell(d.Listener.Altered, merged.Altered)
		}
		return err
	})
	return next, err
}

// renames has it remembered that columns of a target are being given other names, before
// they are. If this pass dies and the source renames the columns once more, the next pass
// could not tell otherwise by which of the names the target knows them.
func (p *planned) renames(cp Checkpoint, oid uint32, names []schema.Rename) {
	if known := cp.Table(oid); len(names) == 0 || slices.Equal(known.Renaming, names) {
		return
	}
	if p.first == nil {
		first := cp.Clone()
		first.Resyncs, first.Reset = nil, ""
		p.first = &first
	}
	p.first.Table(oid).Renaming = names
}

// next returns the state of a published table and, if the table goes on, what became of it. Of a
// table that is loaded it returns only how columns of its target are to be renamed.
func (s *shapes) next(cp Checkpoint, o Opened, p Published, loads *loads) (TableState, schema.Diff) {
	t, known := p.Table, cp.Table(p.Table.OID)
	next := TableState{OID: t.OID, State: Loading}
	if known != nil {
		next = *known
	}
	next = next.After(p.SameRows)
	diff, past := next.Follow(t, cp.LSN, o.Read, o.Seen)
	why := ""
	if known != nil {
		why = s.whyAnew(next, cp, o, p, diff)
	}
	unfit := s.parkOrTry(t, times(cp.Resyncs, t.Configured))
	next.Name, next.Target, next.Row, next.Renaming = t.Configured, t.Target, p.Row, nil
	next.looksLike(t)
	switch {
	case unfit != nil:
		unfit.table = &next
		return park(Checkpoint{Tables: []TableState{next.asTarget(known)}}, Unfit{OID: t.OID, Name: t.Configured, Why: unfit.why}), schema.Diff{}
	case why != "" || next.State == Loading && (next.Load == nil || !next.Load.Loaded && !loads.brings(next)):
		next.State, next.Load, next.Past = Loading, nil, nil
		if why != "" {
			next.Reason, next.Why, next.Repair = "", why, ""
		}
		if known != nil {
			return next, schema.Diff{Renamed: known.renamesBeforeLoad(t)}
		}
		return next, schema.Diff{}
	case next.State == Live:
		next.Past = past
	}
	return next, diff
}

// whyAnew says why a table has to be loaded anew, by what is known of it and by what became of it
// since; empty if nothing of that speaks for a load.
func (s *shapes) whyAnew(known TableState, cp Checkpoint, o Opened, p Published, became schema.Diff) string {
	t := p.Table
	switch {
	case cp.Publication.OID != o.Publication.OID:
		return "the publication was made anew"
	case cp.Publication != o.Publication:
		return "the publication itself was altered, say its options or its owner, and may have left out changes meanwhile"
	case known.Row != p.Row:
		return "it was out of the publication, or was published with other columns or rows"
	case slices.Contains(cp.Resyncs, t.Configured):
		return "somebody asked for it"
	case known.Target != t.Target:
		return "its target was " + known.Target
	case known.State == Parked:
		return "it was parked: " + known.Why
	case known.unseen(t) != "":
		return known.unseen(t)
	case p.Missed:
		return "a partition of it was in the log, and is gone"
	case became.Uncertain != "":
		return became.Uncertain
	case len(known.Renaming) > 0 && !slices.Equal(known.Renaming, became.Renamed):
		return "columns of its target were about to be renamed, and now are to go by other names"
	case known.State == Loading && !became.Empty():
		return "it was altered while it was loaded"
	case known.Load != nil && o.lost(known.Load.HandOver):
		return "its snapshot saw what the source has lost"
	case s.spoiled == t.OID && known.State == Loading:
		return "what was loaded or held of it could not be used"
	case s.misread[t.OID] && became.Empty():
		return "the log tells of it as it never was"
	}
	return ""
}

// looksLike has the state remember what t is like.
func (s *TableState) looksLike(t *schema.Table) {
	s.Shape, s.Heap, s.Parts, s.Run = t.Shape(), t.Heap, t.Parts, t.Run
}

// unseen says what became of the table's partitions that the log does not tell of. A table of
// which no load has begun has no partitions that they could be compared with: it may have been
// parked when the slot was made anew.
func (s TableState) unseen(t *schema.Table) string {
	if s.State == Loading && s.Load == nil {
		return ""
	}
	return schema.Unseen(s.Parts, t.Parts, s.Run == t.Run && t.Run != "")
}

// parkOrTry decides what becomes of a table that was found to be unfit. It returns why, if the
// table stays parked. It returns nil if the table has changed since, was asked for once more, or
// is to be tried again by now. A try is noted until the table goes on, since the next wait is
// longer if it does not.
func (s *shapes) parkOrTry(t *schema.Table, asked int) *unfitness {
	unfit := s.unfit[t.OID]
	switch {
	case unfit == nil:
	case unfit.over(t):
		delete(s.unfit, t.OID)
		return nil
	case unfit.tried || asked > unfit.asked || !unfit.again.IsZero() && !time.Now().Before(unfit.again):
		unfit.tried = true
		return nil
	default:
		unfit.asked = asked
		if !unfit.again.IsZero() && (s.look.IsZero() || unfit.again.Before(s.look)) {
			s.look = unfit.again
		}
	}
	return unfit
}

// goOn forgets the tables that were tried again, since their targets are in order now.
func (s *shapes) goOn() {
	maps.DeleteFunc(s.unfit, func(_ uint32, u *unfitness) bool { return u.tried })
}

// over reports whether t has another target or shape than the table that was unfit.
func (u *unfitness) over(t *schema.Table) bool {
	if u.table == nil {
		return false
	}
	return u.table.Target != t.Target || !schema.Compare(u.table.Shape, u.table.Heap, t).Empty()
}
