package replicator

import (
	"context"
	"errors"
	"reflect"
	"slices"

	"rowshift/schema"
)

// Follow says what became of a live table, and how the log behind a position may still
// tell of it: nil if as it is. read is where the log ended before the catalogue was
// read, in which the table is as t has it.
func (s TableState) Follow(t *schema.Table, after, read LSN) (schema.Diff, *Past) {
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
		return diff, &Past{Shape: s.Shape, Heap: s.Heap, Until: read}
	}
	return diff, &Past{Shape: past.Shape, Heap: past.Heap, Until: read}
}

// shapes is what lasts over passes of what is known of tables.
type shapes struct {
	known   []TableState          // as the stream's opening was told
	misread map[uint32]bool       // tables of which a row could not be read
	unfit   map[uint32]*unfitness // tables that a step of ours found to be unfit
	waiting []TableState          // tables that are parked
	epoch   Epoch                 // of the last pass that had one
	asked   []schema.Name         // whose load somebody has asked for, as of the last pass

	last   string // what the last alteration was
	repeat int    // how often it was that
}

// unfitness is why a table was found to be unfit, and how it was then.
type unfitness struct {
	why   *Halt
	table *TableState
	asked int // how often it had been asked for: to be tried again, it has to be once more
}

// mostRepeats is how often one alteration, or unfitness, begins a pass at once.
const mostRepeats = 4

// learn takes in what ended a pass, and tells whether the next can begin at once: it
// has something else to begin with.
func (s *shapes) learn(err error) bool {
	altered, isAltered := errors.AsType[*Altered](err)
	unfit, isUnfit := errors.AsType[*Unfit](err)
	switch {
	case isUnfit:
		if s.unfit == nil {
			s.unfit = map[uint32]*unfitness{}
		}
		s.unfit[unfit.OID] = &unfitness{why: unfit.Why, asked: times(s.asked, unfit.Name)}
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

// parked returns an error if tables are parked.
func (s *shapes) parked() error {
	if len(s.waiting) == 0 {
		return nil
	}
	t := s.waiting[0]
	return &Unfit{OID: t.OID, Name: t.Name, Why: &Halt{Reason: t.Reason, Found: t.Why, Repair: t.Repair}}
}

// known reads what is remembered of the tables, for an opening.
func (d *daemon) known(ctx context.Context) (Known, error) {
	cp, err := d.Warehouse.Checkpoint(ctx)
	if err != nil || cp == nil {
		return Known{}, err
	}
	d.shapes.known = cp.Tables
	return cp.Known(), nil
}

// current makes sure that the opening was told what the checkpoint says now.
func (s *shapes) current(cp Checkpoint) error {
	if len(s.known) == 0 && len(cp.Tables) == 0 || reflect.DeepEqual(s.known, cp.Tables) {
		return nil
	}
	return errors.New("replicator: the tables' states were written while the source was opened")
}

// fenced takes in the epoch that a pass begins with, and tells whether it is the next one. If
// not, another daemon was in charge meanwhile, and may have repaired tables.
func (s *shapes) fenced(e Epoch) (next bool) {
	next = e == s.epoch+1
	if !next {
		s.unfit = nil
	}
	s.epoch = e
	return next
}

// planned is what an opening leads to, before the stream is read.
type planned struct {
	first       *Checkpoint // remembered before targets are altered; nil: nothing is
	next        Checkpoint
	alterations []Alteration
	changed     bool // what is remembered of the tables differs
}

// plan brings the checkpoint's tables in line with what the source publishes. Those
// that have to be loaded are loading then, with nothing loaded: the ones that are new,
// whose load did not end and is not under way still, that were out of the publication for a while, that changed
// their shape in a way that cannot be followed, and those that somebody asked for. Those
// that cannot go on are parked.
func (d *daemon) plan(cp Checkpoint, o Opened) planned {
	p := planned{next: cp.Clone()}
	p.next.Timeline = o.Timeline
	p.next.Publication = o.Publication
	p.next.Tables, p.next.Resyncs, p.next.Reset = nil, nil, ""
	d.shapes.asked = cp.Resyncs
	for _, published := range o.Tables {
		s, diff := d.next(cp, o, published)
		if s.State == Loading || !diff.Empty() {
			p.alterations = append(p.alterations, Alteration{Table: published.Table, Diff: diff})
		}
		p.renames(cp, s.OID, diff.Renamed)
		p.next.Tables = append(p.next.Tables, s)
	}
	for _, u := range o.Unfit {
		p.next.Tables = append(p.next.Tables, park(cp, u))
	}
	slices.SortFunc(p.next.Tables, ByOID)
	d.shapes.misread, d.shapes.waiting = nil, nil
	for _, s := range p.next.Tables {
		if s.State != Parked {
			continue
		}
		d.shapes.waiting = append(d.shapes.waiting, s)
		for range times(cp.Resyncs, s.Name) {
			p.next.Resyncs = append(p.next.Resyncs, s.Name)
		}
	}
	p.changed = !reflect.DeepEqual(p.next.Tables, cp.Tables)
	return p
}

// ready carries out what is planned before the stream is read, and remembers it: held
// tables are made for tables that are loading and have none, and targets are altered.
// What loads of before have held that did not end is forgotten: the checkpoint does not
// name it any more.
func (d *daemon) ready(ctx context.Context, source Source, opened Opened, p planned) (Checkpoint, error) {
	next := p.next.Clone()
	err := besides(ctx, source, next.LSN, func(ctx context.Context) error {
		if p.first != nil {
			if _, err := d.merge(ctx, &Merge{Expect: next.LSN, Checkpoint: *p.first}); err != nil {
				return err
			}
		}
		made, err := d.makeHeld(ctx, opened, &next)
		if err != nil || !made && !p.changed {
			return err
		}
		merged, err := d.merge(ctx, &Merge{Expect: next.LSN, Checkpoint: next, Alterations: p.alterations})
		if err == nil && len(merged.Altered) > 0 {
			tell(d.Listener.Altered, merged.Altered)
		}
		return err
	})
	return next, err
}

// renames has it remembered that columns of a target are being given other names, before
// they are: a pass that dies then cannot tell, once the source has given them others
// again, by which of the names the target knows them.
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

// park is the state of a table that the source has not, or not as it must be.
func park(cp Checkpoint, u Unfit) TableState {
	s := TableState{OID: u.OID, Name: u.Name, Target: schema.Fold(u.Name.Table)}
	if known := cp.remembered(u.OID, u.Name); known != nil {
		s = *known
	}
	s.State, s.Load, s.Past, s.Renaming = Parked, nil, nil, nil
	s.Reason, s.Why, s.Repair = u.Why.Reason, u.Why.Found, u.Why.Repair
	return s
}

// next returns the state of a table that is published, and what became of it if it goes
// on.
func (d *daemon) next(cp Checkpoint, o Opened, p Published) (TableState, schema.Diff) {
	t := p.Table
	s := TableState{OID: t.OID, State: Loading}
	known := cp.Table(t.OID)
	if known != nil {
		s = *known
	}
	asked := slices.Contains(cp.Resyncs, t.Known)
	s = s.After(p.Seen)
	diff, past := s.Follow(t, cp.LSN, o.Read)
	why := ""
	switch {
	case known == nil:
	case cp.Publication != o.Publication || s.Row != p.Row:
		why = "it was out of the publication, or was published with other columns or rows"
	case asked:
		why = "somebody asked for it"
	case s.Target != t.Target:
		why = "its target was " + s.Target
	case s.State == Parked:
		why = "it was parked: " + s.Why
	case schema.Unseen(s.Parts, t.Parts) != "":
		why = schema.Unseen(s.Parts, t.Parts)
	case p.Missed:
		why = "a partition of it was in the log, and is gone"
	case diff.Uncertain != "":
		why = diff.Uncertain
	case len(s.Renaming) > 0 && !slices.Equal(s.Renaming, diff.Renamed):
		why = "columns of its target were about to be renamed, and now are to go by other names"
	case s.State == Loading && !diff.Empty():
		why = "it was altered while it was loaded"
	case s.Load != nil && o.lost(s.Load.HandOver):
		why = "its snapshot saw what the source has lost"
	case d.shapes.misread[t.OID] && diff.Empty():
		why = "the log tells of it as it never was"
	}
	unfit := d.shapes.stillUnfit(t, times(cp.Resyncs, t.Known))
	s.Name, s.Target, s.Row, s.Shape, s.Heap, s.Parts, s.Renaming = t.Known, t.Target, p.Row, t.Shape(), t.Heap, t.Parts, nil
	switch {
	case unfit != nil:
		unfit.table = &s
		return park(Checkpoint{Tables: []TableState{s}}, Unfit{OID: t.OID, Name: t.Known, Why: unfit.why}), schema.Diff{}
	case why != "" || s.State == Loading && (s.Load == nil || !s.Load.Loaded && !d.loads.brings(s)):
		s.State, s.Load, s.Past = Loading, nil, nil
		if why != "" {
			s.Reason, s.Why, s.Repair = "", why, ""
		}
		return s, schema.Diff{}
	case s.State == Live:
		s.Past = past
	}
	return s, diff
}

// stillUnfit returns why a table is unfit that was found to be so, nil if it is another by
// now, or was asked for once more.
func (s *shapes) stillUnfit(t *schema.Table, asked int) *unfitness {
	unfit := s.unfit[t.OID]
	switch {
	case unfit == nil:
	case asked > unfit.asked || unfit.over(t):
		delete(s.unfit, t.OID)
		return nil
	default:
		unfit.asked = asked
	}
	return unfit
}

// over tells whether a table is another than the one that was unfit.
func (u *unfitness) over(t *schema.Table) bool {
	if u.table == nil {
		return false
	}
	return u.table.Target != t.Target || !schema.Compare(u.table.Shape, u.table.Heap, t).Empty()
}
