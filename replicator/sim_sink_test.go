package replicator_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
)

// object is what lies in the bucket: a fold's rows, or a load's.
type object struct {
	epoch replicator.Epoch
	at    time.Time
	rows  []replicator.Row

	xid       uint32 // of a held fold
	truncated bool   // likewise
	entries   []entry
}

// put lays rows into the bucket.
func (w *world) put(epoch replicator.Epoch, folded []replicator.Row, xid uint32, truncated bool) replicator.Files {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.objects++
	name := fmt.Sprint("s3://b/", w.objects)
	w.bucket[name] = object{epoch: epoch, at: time.Now(), rows: folded, xid: xid, truncated: truncated}
	return replicator.Files{Manifest: name, Rows: int64(len(folded)), Objects: []string{name}}
}

func (n *node) Stage(_ context.Context, epoch replicator.Epoch, b *replicator.Batch) (*replicator.Staged, error) {
	n.nap("stage", 2*time.Second)
	switch {
	case n.isDead():
		return nil, errDead
	case n.fault("bucket is slow down"):
		return nil, retryable{}
	case n.fault("stage fails"):
		return nil, errInjected
	}
	if len(b.Folds) > 1 || b.Changes > 0 {
		n.tall.count("batch")
	}
	s := &replicator.Staged{
		End: b.End, Commit: b.Commit || n.bug == mergeInsideTransaction, Time: b.Time,
		Transactions: b.Transactions, Changes: b.Changes, Joins: b.Joins, Holds: b.Holds,
	}
	if !b.Commit {
		n.tall.count("batch ends inside a transaction")
	}
	for _, f := range b.Folds {
		var rs []replicator.Row
		var entries []entry
		for r := range f.Rows() {
			r = replicator.Row{Key: slices.Clone(r.Key), New: slices.Clone(r.New), Origin: slices.Clone(r.Origin), Written: r.Written}
			r, e := account(f.Table, r, b.Refused[f.Table.OID])
			if e != nil {
				entries = append(entries, *e)
			}
			if n.bug == nullForTOAST {
				r.New, r.Origin = nulled(r.New), nil
			}
			if n.bug != forgetDelete || r.New != nil {
				rs = append(rs, r)
			}
		}
		s.Folds = append(s.Folds, replicator.StagedFold{
			Table: f.Table, Truncated: f.Truncated, Unchanged: f.Unchanged(), Counts: f.Counts,
			Into: f.Into, Held: f.Held, Files: n.put(epoch, rs, f.XID, f.Truncated), Ledger: n.putEntries(epoch, entries),
		})
	}
	return s, nil
}

// nulled is the planted bug of taking what was not sent for NULL.
func nulled(t replicator.Tuple) (out replicator.Tuple) {
	for len(t) > 0 {
		var v replicator.Value
		if v, t = t.Next(); v.Kind == replicator.Unchanged {
			v.Kind = replicator.Null
		}
		out = out.Append(v)
	}
	return out
}

func (n *node) Discard(_ context.Context, objects []string) error {
	if n.isDead() || n.fault("discard fails") {
		return errInjected
	}
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	for _, o := range objects {
		delete(n.bucket, o)
	}
	return nil
}

func (n *node) Sweep(_ context.Context, before replicator.Epoch) (int, error) {
	if n.isDead() || n.fault("sweep fails") {
		return 0, errInjected
	}
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	swept := 0
	for name, o := range n.bucket {
		if o.epoch < before && time.Since(o.at) > time.Minute {
			delete(n.bucket, name)
			swept++
		}
	}
	n.tall.counted("object swept", swept)
	return swept, nil
}

// loadFiles are the files of one table's load.
type loadFiles struct {
	*node
	replicator.LoadRequest
	mu      sync.Mutex
	rows    []replicator.Row
	entries []entry
}

func (n *node) Load(_ context.Context, r replicator.LoadRequest) (replicator.LoadFiles, error) {
	return &loadFiles{node: n, LoadRequest: r}, nil
}

type loadPart struct {
	files   *loadFiles
	rows    []replicator.Row
	entries []entry
}

func (f *loadFiles) Part(context.Context) (replicator.LoadPart, error) {
	return &loadPart{files: f}, nil
}

func (f *loadFiles) Close(context.Context) (staged replicator.StagedLoad, err error) {
	if f.fault("load cannot be staged") {
		return staged, errInjected
	}
	staged.Files, staged.Ledger = f.put(f.Epoch, f.rows, 0, false), f.putEntries(f.Epoch, f.entries)
	return staged, nil
}

func (p *loadPart) Write(t replicator.Tuple) error {
	table := p.files.Table
	r, e := account(table, replicator.Row{Key: rowOf(t).key(table), New: slices.Clone(t), Written: replicator.Written{LSN: p.files.At}}, p.files.Refused)
	if r.New != nil {
		p.rows = append(p.rows, r)
	}
	if e != nil {
		p.entries = append(p.entries, *e)
	}
	return nil
}

func (p *loadPart) Close() error {
	p.files.mu.Lock()
	defer p.files.mu.Unlock()
	p.files.rows = append(p.files.rows, p.rows...)
	p.files.entries = append(p.files.entries, p.entries...)
	return nil
}

// simWarehouse is the warehouse.
type simWarehouse struct {
	checkpoint *replicator.Checkpoint
	targets    rows
	loads      map[string]map[string]row
	held       map[string][]object // folds that wait for load tables
	books      map[uint32]*books   // of the targets
	loadBooks  map[string]*books   // of loads, by held table
	streaming  bool                // it was, at some time

	requests map[schema.Name]string // for tables to be loaded again: requested, taken or done
	spoiled  map[uint32]bool        // targets that somebody changed by hand, until they are loaded again
	resets   map[string]string      // slot resets by token: requested, taken or done
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
	if err := l.cursed(t, l.bucket[f.Manifest], true); err != nil {
		return err
	}
	l.warehouse.loadBooks[state.Held] = newBooks()
	l.warehouse.loadBooks[state.Held].enter(l.bucket[f.Ledger.Manifest].entries)
	at := map[string]row{}
	for _, r := range l.bucket[f.Manifest].rows {
		v := rowOf(r.New)
		at[string(v.key(t))] = v
	}
	l.warehouse.loads[state.Into] = at
	l.tall.count("table loaded")
	return nil
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
	n.warehouse.remembered(&c)
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
	n.warehouse.remembered(&taken)
	return taken, nil
}

func named(c replicator.Checkpoint, table string) bool {
	return slices.ContainsFunc(c.Tables, func(t replicator.TableState) bool {
		return t.Load != nil && (t.Load.Into == table || t.Load.Held == table)
	})
}

func (n *node) Merge(_ context.Context, m *replicator.Merge) (replicator.Merged, error) {
	n.nap("merge", 3*time.Second)
	switch {
	case n.isDead() && !n.chance("a dead daemon's merge goes on", 0.5):
		return replicator.Merged{}, errDead
	case n.fault("merge meets a conflict"):
		return replicator.Merged{}, retryable{}
	case n.fault("merge fails"):
		return replicator.Merged{}, errInjected
	}
	asked, err := n.apply(m)
	if err != nil {
		return replicator.Merged{}, err
	}
	if n.fault("answer to COMMIT is lost") || n.isDead() {
		return replicator.Merged{}, errInjected
	}
	return replicator.Merged{Resyncs: asked, ResetAsked: n.resetAsked()}, nil
}

// apply is the warehouse's transaction.
func (n *node) apply(m *replicator.Merge) ([]schema.Name, error) {
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
	next := simWarehouse{
		targets: w.targets.clone(), loads: map[string]map[string]row{}, held: maps.Clone(w.held), books: cloneBooks(w.books), loadBooks: cloneBooks(w.loadBooks),
		requests: maps.Clone(w.requests), spoiled: maps.Clone(w.spoiled), resets: maps.Clone(w.resets),
	}
	for name, at := range w.loads {
		next.loads[name] = maps.Clone(at)
	}
	for _, s := range m.Staged {
		if err := n.applyStaged(&next, s); err != nil {
			return nil, err
		}
	}
	next.answer(m)
	cp := m.Checkpoint.Clone()
	if n.bug == resetKeepsTables && cp.Reset != "" && cp.Phase == replicator.Creating {
		cp.Tables = c.Clone().Tables
	}
	if cp.Reset != "" && cp.Phase == replicator.Creating {
		n.tall.count("slot reset")
	}
	next.checkpoint, next.streaming = &cp, w.streaming
	*w = next
	n.sayMerge(m)
	n.tall.count("merge")
	n.check(m)
	return w.resyncs(), nil
}

// applyStaged applies one batch.
func (n *node) applyStaged(w *simWarehouse, s *replicator.Staged) error {
	for _, f := range s.Folds {
		o, ok := n.bucket[f.Files.Manifest]
		if !ok {
			return fmt.Errorf("no object %s", f.Files.Manifest)
		}
		if err := n.cursed(f.Table, o, false); err != nil {
			return err
		}
		if f.Ledger.Manifest != "" {
			entries, ok := n.bucket[f.Ledger.Manifest]
			if !ok {
				return fmt.Errorf("no object %s", f.Ledger.Manifest)
			}
			o.entries = entries.entries
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
		at, books := w.targets[f.Table.OID], w.books[f.Table.OID]
		if f.Into != "" {
			at, books = w.loads[f.Into], w.loadBooks[heldOf(s, f.Into)]
		}
		if at == nil {
			return fmt.Errorf("no load table %s", f.Into)
		}
		if f.Into == "" || n.bug != joinWithoutItsBatch {
			n.applyRows(at, books, o)
		}
	}
	for _, j := range s.Joins {
		if len(w.held[j.Held]) > 0 {
			n.broken(3, "%v joins with held changes", j.Table.Name)
		}
		w.targets[j.Table.OID] = w.loads[j.From]
		w.books[j.Table.OID].join(w.loadBooks[j.Held])
		delete(w.loadBooks, j.Held)
		delete(w.loads, j.From)
		delete(w.held, j.Held)
		n.tall.count("table joins")
		if w.requests[j.Table.Name] == "taken" {
			w.requests[j.Table.Name] = "done"
			n.tall.count("table loaded on request")
		}
		delete(w.spoiled, j.Table.OID)
	}
	for _, h := range s.Holds {
		delete(w.loads, h.Before.Into)
		delete(w.held, h.Before.Held)
		delete(w.loadBooks, h.Before.Held)
		n.tall.count("load begins again")
	}
	return nil
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
		}
	}
}

// heldOf returns the held table that goes with a load table which joins.
func heldOf(s *replicator.Staged, into string) string {
	for _, j := range s.Joins {
		if j.From == into {
			return j.Held
		}
	}
	return ""
}

// applyRows does what StagedFold says, and accounts for it.
func (n *node) applyRows(at map[string]row, b *books, o object) {
	if o.truncated {
		clear(at)
		clear(b.open)
	}
	filled, leaning := make([]row, len(o.rows)), make([]bool, len(o.rows))
	for i, r := range o.rows {
		if r.New == nil {
			continue
		}
		origin, ok := at[string(r.Origin)]
		if n.bug == fillByNewKey {
			origin, ok = at[string(r.Key)]
		}
		if leaning[i] = r.Origin != nil && !ok; leaning[i] && !b.open[string(r.Origin)] {
			n.broken(1, "a row has no origin at %s", strings.ToValidUTF8(string(r.Origin), "?"))
		}
		filled[i] = fillRow(r.New, origin)
	}
	for _, r := range o.rows {
		delete(at, string(r.Key))
		delete(b.open, string(r.Key))
	}
	for i, r := range o.rows {
		switch {
		case leaning[i]:
			b.open[string(r.Key)] = true
			n.tall.count("row leans on a refused one")
		case r.New != nil:
			at[string(r.Key)] = filled[i]
		}
	}
	if n.bug != forgetLedger || n.world.die("ledger").IntN(3) > 0 {
		b.enter(o.entries)
	}
}

func fillRow(t replicator.Tuple, origin row) (r row) {
	for i := range r {
		var v replicator.Value
		v, t = t.Next()
		switch v.Kind {
		case replicator.Null:
			r[i] = null
		case replicator.Unchanged:
			r[i] = origin[i]
		default:
			r[i] = string(v.Text)
		}
	}
	return r
}
