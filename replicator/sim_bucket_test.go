package replicator_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
)

// object is what lies in the bucket: a fold's rows, or a load's.
type object struct {
	epoch replicator.Epoch
	at    time.Time
	by    *node // who put it

	unsure bool // its merge failed, and may have been committed
	left   bool // it could not be discarded

	table *schema.Table
	rows  []replicator.Row

	xid       uint32 // of a held fold
	truncated bool   // likewise
	entries   []entry
}

// put lays an object into the bucket.
func (n *node) put(o object) replicator.Files {
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	n.objects++
	name := fmt.Sprint("s3://b/", n.objects)
	o.at, o.by = time.Now(), n
	n.bucket[name] = o
	return replicator.Files{Manifest: name, Rows: int64(len(o.rows)), Objects: []string{name}}
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
			Into: f.Into, Held: f.Held, Files: n.put(object{epoch: epoch, table: f.Table, rows: rs, xid: f.XID, truncated: f.Truncated}), Ledger: n.putEntries(epoch, entries),
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

func (n *node) Discard(ctx context.Context, objects []string) error {
	fails := ctx.Err() != nil || n.isDead() || n.fault("discard fails")
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	if fails {
		n.mark(objects, func(o *object) { o.left = true })
		return errInjected
	}
	for _, o := range objects {
		if n.bug != keepDiscarded || n.die("keep object").IntN(3) > 0 {
			delete(n.bucket, o)
		}
	}
	return nil
}

// mark marks objects, those of them that are still there.
func (w *world) mark(objects []string, how func(*object)) {
	for _, name := range objects {
		if o, there := w.bucket[name]; there {
			how(&o)
			w.bucket[name] = o
		}
	}
}

// fails marks the objects of a merge that failed, unless it surely was not committed.
func (w *world) fails(m *replicator.Merge, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range m.Staged {
		for _, f := range s.Folds {
			switch {
			case !replicator.Retryable(err):
				w.mark(append(slices.Clone(f.Files.Objects), f.Ledger.Objects...), func(o *object) { o.unsure = true })
			case w.bug == discardEarly:
				delete(w.bucket, f.Files.Manifest)
			}
		}
	}
}

// needs returns an object that COPY reads. None is missing as long as the daemon that put it
// is in charge.
func (n *node) needs(name string) object {
	o, there := n.bucket[name]
	if !there && n.warehouse.fenced == n {
		n.broken(5, "%s is needed, and was deleted", name)
	}
	return o
}

// tidy checks that what was put by daemons that live was deleted, as far as that was possible.
func (w *world) tidy() {
	for name, o := range w.bucket {
		if !o.left && !o.by.isDead() && !(o.unsure && o.by != w.warehouse.fenced) {
			w.broken(5, "%s of epoch %d, which is from %v, is left in the bucket", name, o.epoch, o.at.Format("04:05.000"))
		}
	}
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
	put     []string
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

func (f *loadFiles) Cut(context.Context) (staged replicator.StagedLoad, err error) {
	if f.fault("load cannot be staged") {
		return staged, errInjected
	}
	f.mu.Lock()
	defer func() {
		f.rows, f.entries = nil, nil
		f.mu.Unlock()
	}()
	staged.Files, staged.Ledger = f.node.put(object{epoch: f.Epoch, table: f.Table, rows: f.rows}), f.putEntries(f.Epoch, f.entries)
	f.put = append(append(f.put, staged.Files.Objects...), staged.Ledger.Objects...)
	if f.fault("answer of the bucket is lost") {
		return replicator.StagedLoad{}, errInjected
	}
	return staged, nil
}

func (f *loadFiles) Objects() []string { return f.put }

func (p *loadPart) Write(t replicator.Tuple) error {
	table := p.files.Table
	var key replicator.Tuple
	for _, k := range table.Key {
		key = key.Append(t.At(k))
	}
	r, e := account(table, replicator.Row{Key: key, New: slices.Clone(t), Written: replicator.Written{LSN: p.files.At}}, p.files.Refused)
	if r.New != nil {
		p.rows = append(p.rows, r)
	}
	if e != nil {
		p.entries = append(p.entries, *e)
	}
	return nil
}

func (p *loadPart) Abandon() {}

func (p *loadPart) Close() error {
	p.files.nap("rest", 2*time.Second)
	p.files.mu.Lock()
	defer p.files.mu.Unlock()
	p.files.rows = append(p.files.rows, p.rows...)
	p.files.entries = append(p.files.entries, p.entries...)
	return nil
}
