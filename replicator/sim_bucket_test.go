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
	table *schema.Table
	rows  []replicator.Row

	xid       uint32 // of a held fold
	truncated bool   // likewise
	entries   []entry
}

// put lays an object into the bucket.
func (w *world) put(o object) replicator.Files {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.objects++
	name := fmt.Sprint("s3://b/", w.objects)
	o.at = time.Now()
	w.bucket[name] = o
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

func (f *loadFiles) Cut(context.Context) (staged replicator.StagedLoad, err error) {
	if f.fault("load cannot be staged") {
		return staged, errInjected
	}
	f.mu.Lock()
	defer func() {
		f.rows, f.entries = nil, nil
		f.mu.Unlock()
	}()
	staged.Files, staged.Ledger = f.put(object{epoch: f.Epoch, table: f.Table, rows: f.rows}), f.putEntries(f.Epoch, f.entries)
	return staged, nil
}

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
