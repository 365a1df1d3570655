package replicator_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
)

// simWarehouse is the warehouse. Its targets are known by their names.
type simWarehouse struct {
	checkpoint *replicator.Checkpoint
	targets    map[string]*sheet
	loads      map[string]*sheet
	held       map[string][]object // folds that wait for load tables
	books      map[string]*books   // of the targets
	loadBooks  map[string]*books   // of loads, by held table
	streaming  bool                // it was, at some time
	system     string              // the cluster whose log it followed last

	requests map[schema.Name]string // for tables to be loaded again: requested, taken or done
	asked    map[schema.Name]int    // how often, of those that are requested
	spoiled  map[string]bool        // targets that somebody changed by hand, until they are loaded again
	resets   map[string]string      // slot resets by token: requested, taken or done
	still    map[string]*sheet      // targets of tables that are not live, as they were
	stuck    map[string]bool        // targets that cannot be altered
	fenced   *node                  // who has taken the fence last
	read     map[string]bool        // targets that somebody reads, in a transaction that goes on and on
}

func newWarehouse() simWarehouse {
	return simWarehouse{
		targets: map[string]*sheet{}, loads: map[string]*sheet{}, held: map[string][]object{}, books: map[string]*books{}, loadBooks: map[string]*books{},
		requests: map[schema.Name]string{}, asked: map[schema.Name]int{}, spoiled: map[string]bool{}, resets: map[string]string{}, still: map[string]*sheet{}, stuck: map[string]bool{}, read: map[string]bool{},
	}
}

// known is what is remembered of the tables.
func (w *simWarehouse) known() map[schema.Name]replicator.TableState {
	known := map[schema.Name]replicator.TableState{}
	if w.checkpoint != nil {
		for _, t := range w.checkpoint.Tables {
			known[t.Name] = t
		}
	}
	return known
}

// loader is the warehouse's Loader, on a connection of its own.
type loader struct{ *node }

func (l loader) Load(_ context.Context, state replicator.LoadState, t *schema.Table, f replicator.StagedLoad) error {
	l.nap("load", 4*time.Second)
	switch {
	case l.isDead():
		return errDead
	case l.fault("COPY of a load meets a conflict"):
		return retryable{}
	case l.fault("COPY of a load fails"):
		return errInjected
	}
	l.world.mu.Lock()
	defer l.world.mu.Unlock()
	at, books := l.warehouse.loads[state.Into], l.warehouse.loadBooks[state.Held]
	if at == nil || books == nil {
		return errInjected // another daemon has dropped them
	}
	o := l.needs(f.Manifest)
	if err := l.cursed(t, o, true); err != nil {
		return err
	}
	if !strings.HasPrefix(state.Into, fmt.Sprintf("load_%d_", l.warehouse.checkpoint.Epoch)) {
		l.tall.count("load outlives a pass")
	}
	if len(at.rows) > 0 {
		l.tall.count("more is copied into a load table")
	}
	for _, r := range o.rows {
		if _, there := at.rows[string(r.Key)]; there {
			l.broken(1, "%v is copied into %s twice", r.Key, state.Into)
		}
		at.rows[string(r.Key)] = at.row(t, r.New, row{})
	}
	if f.Ledger.Manifest != "" {
		books.enter(l.needs(f.Ledger.Manifest).entries)
	}
	return nil
}

func (l loader) MakeLoad(_ context.Context, epoch replicator.Epoch, t *schema.Table, state replicator.LoadState) error {
	l.nap("make", time.Second)
	if l.isDead() {
		return errDead
	}
	late := l.chance("load table is made late", 0.05)
	l.world.mu.Lock()
	defer l.world.mu.Unlock()
	target := l.warehouse.targets[t.Target]
	if target == nil && l.warehouse.checkpoint.Epoch != epoch {
		l.tall.count("making of a target is fenced")
		return fmt.Errorf("simulated: %w", replicator.ErrFenced)
	}
	if target == nil {
		l.warehouse.targets[t.Target], l.warehouse.books[t.Target] = newSheet(t), newBooks()
	} else if target.lacks(t) {
		return drifted(t, "a column is not there")
	}
	if late {
		go func() {
			l.nap("late", 30*time.Second)
			l.world.mu.Lock()
			defer l.world.mu.Unlock()
			l.makeTable(t, state)
		}()
		return retryable{}
	}
	l.makeTable(t, state)
	l.tall.count("table loaded")
	return nil
}

// makeTable makes a load table if it is not there. The lock is held.
func (l loader) makeTable(t *schema.Table, state replicator.LoadState) {
	if l.warehouse.loads[state.Into] == nil || l.bug == emptyLoad {
		l.warehouse.loads[state.Into] = newSheet(t)
	}
}

func (n *node) Checkpoint(context.Context) (*replicator.Checkpoint, error) {
	if n.isDead() {
		return nil, errDead
	}
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	if n.warehouse.checkpoint == nil {
		return nil, nil
	}
	c := n.warehouse.checkpoint.Clone()
	n.warehouse.remembered(&c, n.bug)
	return &c, nil
}

func (n *node) Fence(_ context.Context, first replicator.Checkpoint) (replicator.Checkpoint, error) {
	n.nap("fence", time.Second)
	if n.isDead() {
		return replicator.Checkpoint{}, errDead
	}
	if n.fault("fence fails") {
		return replicator.Checkpoint{}, errInjected
	}
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	c := n.warehouse.checkpoint
	if c == nil {
		c = &first
		n.warehouse.checkpoint = c
	}
	c.Epoch++
	n.warehouse.fenced = n
	for name := range n.warehouse.loads {
		if !named(*c, name) {
			delete(n.warehouse.loads, name)
		}
	}
	for name := range n.warehouse.held {
		if !named(*c, name) {
			delete(n.warehouse.held, name)
			delete(n.warehouse.loadBooks, name)
		}
	}
	taken := c.Clone()
	n.warehouse.remembered(&taken, n.bug)
	return taken, nil
}

func named(c replicator.Checkpoint, table string) bool {
	return slices.ContainsFunc(c.Tables, func(t replicator.TableState) bool {
		return t.Load != nil && (t.Load.Into == table || t.Load.Held == table)
	})
}

// Prepare takes its time, and leaves nothing.
func (n *node) Prepare(context.Context, *replicator.Staged) error {
	n.nap("preparing a merge", 3*time.Second)
	if n.fault("preparing a merge fails") {
		return errInjected
	}
	return nil
}

func (n *node) Merge(_ context.Context, m *replicator.Merge) (replicator.Merged, error) {
	merged, err := n.mergeOnce(m)
	if err != nil {
		n.fails(m, err)
	}
	return merged, err
}

func (n *node) mergeOnce(m *replicator.Merge) (replicator.Merged, error) {
	n.nap("merge", 3*time.Second)
	switch {
	case n.isDead() && !n.chance("a dead daemon's merge goes on", 0.5):
		return replicator.Merged{}, errDead
	case n.fault("merge meets a conflict"):
		return replicator.Merged{}, retryable{}
	case n.fault("merge fails"):
		return replicator.Merged{}, errInjected
	}
	fills, err := n.alter(m)
	if err != nil {
		return replicator.Merged{}, err
	}
	followed := slices.ContainsFunc(m.Alterations, func(a replicator.Alteration) bool { return !a.Diff.Empty() })
	fails := 0.2
	if n.bug == forgetRenaming {
		fails = 0.6
	}
	if followed && n.chance("merge fails behind its alterations", fails) {
		n.alterAgain(m.Alterations[0].Table.Configured) // for an alteration that nobody remembers
		return replicator.Merged{}, errInjected
	}
	asked, err := n.apply(m, fills)
	if err != nil {
		return replicator.Merged{}, err
	}
	if n.fault("answer to COMMIT is lost") || n.isDead() {
		return replicator.Merged{}, errInjected
	}
	return replicator.Merged{Resyncs: asked, ResetAsked: n.resetAsked()}, nil
}

// apply is the warehouse's transaction.
func (n *node) apply(m *replicator.Merge, fills []func(*simWarehouse)) ([]schema.Name, error) {
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	w := &n.warehouse
	c := w.checkpoint
	if c.Epoch != m.Checkpoint.Epoch || c.LSN != m.Expect {
		n.tall.count("fenced")
		if n.bug != skipFence {
			return nil, fmt.Errorf("merge: %w", replicator.ErrFenced)
		}
	}
	next := *w
	next.targets, next.loads, next.held = cloneSheets(w.targets), cloneSheets(w.loads), maps.Clone(w.held)
	next.books, next.loadBooks = cloneBooks(w.books), cloneBooks(w.loadBooks)
	next.requests, next.asked, next.spoiled, next.resets = maps.Clone(w.requests), maps.Clone(w.asked), maps.Clone(w.spoiled), maps.Clone(w.resets)
	commits := slices.DeleteFunc(slices.Clone(m.Staged), func(s *replicator.Staged) bool { return !s.Commit })
	if len(commits) > 1 {
		n.tall.count("batches merge as one")
	}
	for _, s := range m.Staged {
		if n.bug == mergeTheLast && s != commits[len(commits)-1] && s.Commit {
			continue
		}
		if err := n.applyStaged(&next, s); err != nil {
			return nil, err
		}
	}
	for _, fill := range fills {
		fill(&next)
	}
	next.answer(m)
	cp := m.Checkpoint.Clone()
	if n.bug == resetKeepsTables && cp.Reset != "" && cp.Phase == replicator.Creating {
		cp.Tables = c.Clone().Tables
	}
	if cp.Reset != "" && cp.Phase == replicator.Creating {
		n.tall.count("slot reset")
	}
	next.checkpoint = &cp
	*w = next
	n.sayMerge(m)
	n.tall.count("merge")
	n.check(m)
	return w.resyncs(), nil
}

// applyStaged applies one batch.
func (n *node) applyStaged(w *simWarehouse, s *replicator.Staged) error {
	for _, f := range s.Folds {
		o := n.needs(f.Files.Manifest)
		if err := n.cursed(f.Table, o, false); err != nil {
			return err
		}
		if f.Ledger.Manifest != "" {
			o.entries = n.needs(f.Ledger.Manifest).entries
		}
		if f.Held != "" {
			held, ok := w.held[f.Held]
			if !ok {
				n.broken(5, "there is no held table %s", f.Held)
			}
			w.held[f.Held] = append(slices.Clip(held), o)
			n.tall.count("held fold")
			continue
		}
		at, books := w.targets[f.Table.Target], w.books[f.Table.Target]
		if f.Into != "" {
			at, books = w.loads[f.Into], w.loadBooks[heldOf(s, f.Into)]
		}
		switch {
		case at == nil:
			return fmt.Errorf("no load table %s", f.Into)
		case at.lacks(f.Table):
			n.tall.count("target lacks a column")
			return drifted(f.Table, "a column is not there")
		}
		if f.Into == "" || n.bug != joinWithoutItsBatch {
			n.applyRows(at, books, o, n.excusedNow(f.Table.OID))
		}
	}
	for _, j := range s.Joins {
		if len(w.held[j.Held]) > 0 {
			n.broken(3, "%v joins with held changes", j.Table.Name)
		}
		n.reconcile(w, j)
		delete(w.loadBooks, j.Held)
		delete(w.loads, j.From)
		delete(w.held, j.Held)
		n.tall.count("table joins")
		if w.requests[j.Table.Name] == "taken" {
			w.requests[j.Table.Name] = "done"
			n.tall.count("table loaded on request")
		}
		delete(w.spoiled, j.Table.Target)
	}
	for _, h := range s.Holds {
		delete(w.loads, h.Before.Into)
		delete(w.held, h.Before.Held)
		delete(w.loadBooks, h.Before.Held)
		n.tall.count("load begins again")
	}
	return nil
}

// reconcile makes a target equal to a load table. Columns that only it has are NULL then.
func (n *node) reconcile(w *simWarehouse, j replicator.Join) {
	at, load := w.targets[j.Table.Target], w.loads[j.From]
	if at == nil || load == nil || load.columns != columnsOf(j.Table) || at.lacks(j.Table) {
		n.broken(3, "%v joins in another shape", j.Table.Name)
		return
	}
	for i, has := range at.columns {
		if has && !load.columns[i] {
			load.add(i)
		}
	}
	w.targets[j.Table.Target] = load
	w.books[j.Table.Target].join(w.loadBooks[j.Held])
}

func (n *node) sayMerge(m *replicator.Merge) {
	if !*story {
		return
	}
	n.say("epoch %d merges %v to %v", m.Checkpoint.Epoch, m.Expect, m.Checkpoint.LSN)
	for _, s := range m.Staged {
		n.say("  batch to %v, at a commit %v, joins %d", s.End, s.Commit, len(s.Joins))
		for _, f := range s.Folds {
			n.say("    %v into %q%q truncated %v: %q", f.Table.Name, f.Into, f.Held, f.Truncated, n.bucket[f.Files.Manifest].rows)
		}
	}
	for _, t := range m.Checkpoint.Tables {
		if t.Load != nil {
			n.say("  %v %v %+v", t.Name, t.State, *t.Load)
		} else {
			n.say("  %v %v %s", t.Name, t.State, t.Why)
		}
	}
}

// heldOf returns the held table that goes with a load table that joins.
func heldOf(s *replicator.Staged, into string) string {
	for _, j := range s.Joins {
		if j.From == into {
			return j.Held
		}
	}
	return ""
}

// applyRows does what StagedFold says, and accounts for it. If a table misses rows that the
// log does not have, other rows may lean on those.
func (n *node) applyRows(at *sheet, b *books, o object, excused bool) {
	if o.truncated {
		clear(at.rows)
		clear(b.open)
	}
	filled, leaning := make([]row, len(o.rows)), make([]bool, len(o.rows))
	for i, r := range o.rows {
		if r.New == nil {
			continue
		}
		origin, ok := at.rows[string(r.Origin)]
		if n.bug == fillByNewKey {
			origin, ok = at.rows[string(r.Key)]
		}
		if leaning[i] = r.Origin != nil && !ok; leaning[i] && !b.open[string(r.Origin)] && !excused {
			n.broken(1, "a row has no origin at %s", strings.ToValidUTF8(string(r.Origin), "?"))
		}
		filled[i] = at.row(o.table, r.New, origin)
	}
	for _, r := range o.rows {
		delete(at.rows, string(r.Key))
		delete(b.open, string(r.Key))
	}
	for i, r := range o.rows {
		switch {
		case leaning[i]:
			b.open[string(r.Key)] = true
			n.tall.count("row leans on a refused one")
		case r.New != nil:
			at.rows[string(r.Key)] = filled[i]
		}
	}
	if n.bug != forgetLedger || n.world.die("ledger").IntN(3) > 0 {
		b.enter(o.entries)
	}
}
