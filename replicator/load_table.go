package replicator

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"rowshift/schema"
)

// tableLoad is the load of one table under one snapshot. Its ranges are put to rest one by
// one, and those that are at rest are copied into the load table while others are read.
type tableLoad struct {
	haul  *haul
	table *schema.Table
	state LoadState // as it was begun
	files LoadFiles
	began time.Time

	dropped atomic.Bool // another load of it has begun: what is brought is for nothing

	staged []StagedLoad // what was cut of the files; of who has the table from the queue
	copied int          // how many of those are in the load table

	rows, bytes int64 // that were read and are in the haul's progress, whose lock guards them

	mu     sync.Mutex
	left   int  // ranges that are not at rest
	more   int  // ranges that came to rest since the table was last taken from the queue
	queued bool // or taken, and not let go of; for good once it is loaded
}

// progressEvery is how many rows a worker reads between two additions to the
// progress.
const progressEvery = 1024

// read reads one range into a part, and gives the part up if that fails.
func (t *tableLoad) read(ctx context.Context, snapshot Snapshot, r Range, part LoadPart) error {
	var rows, bytes int64
	count := func() {
		t.haul.count(t, rows, bytes)
		rows, bytes = 0, 0
	}
	err := snapshot.Copy(ctx, r, func(row Tuple) error {
		rows++
		bytes += int64(len(row))
		if rows == progressEvery {
			count()
		}
		return part.Write(row)
	})
	if err != nil {
		part.Abandon()
		return err
	}
	count()
	return nil
}

// loadedBy tells whether a table's state is of this load.
func (t *tableLoad) loadedBy(s *TableState) bool {
	return s != nil && s.Load != nil && s.Load.Into == t.state.Into
}

// rest puts the part of a range to rest, if there is one.
func (t *tableLoad) rest(part LoadPart) error {
	if part != nil {
		if err := part.Close(); err != nil {
			return err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.left--
	t.more++
	if !t.queued {
		t.enqueue()
	}
	return nil
}

// enqueue has the table copied by somebody, if enough is at rest. The caller holds the lock.
//
// Each COPY is a commit, for which the warehouse queues, and reads the better the more files
// it has: so it waits until each worker has brought a range, or all are there.
func (t *tableLoad) enqueue() {
	if t.queued = t.left == 0 || t.more >= t.haul.Workers; t.queued {
		t.haul.queue.tables <- t
	}
}

// copy copies what is at rest into the load table. It tells whether that was all of it.
func (t *tableLoad) copy(ctx context.Context) (all bool, err error) {
	t.mu.Lock()
	all, t.more = t.left == 0, 0
	t.mu.Unlock()
	files, err := t.files.Cut(ctx)
	if err != nil {
		return false, err
	}
	t.staged = append(t.staged, files)
	if !t.dropped.Load() {
		err = again(ctx, t.haul.Options, "load", func() error { return t.copyStaged(ctx) })
	}
	switch {
	case t.dropped.Load(): // and so its load table may be gone
		if all {
			t.discard(ctx)
		}
		return all, nil
	case err != nil || !all:
		return false, err
	}
	return true, t.finish(ctx)
}

// errDropped is met by who is about to make something for a table that was dropped.
var errDropped = errors.New("replicator: the table is loaded anew")

// copyStaged copies what was cut and is not in the load table.
func (t *tableLoad) copyStaged(ctx context.Context) error {
	h := t.haul
	if t.copied == 0 {
		if err := h.within(ctx, t.make); err != nil {
			return err
		}
	}
	for ; t.copied < len(t.staged); t.copied++ {
		if t.dropped.Load() {
			return errDropped
		}
		if err := h.Loader.Load(ctx, t.state, t.table, t.staged[t.copied]); err != nil {
			return err
		}
	}
	return nil
}

// make makes the load table, and the target if there is none, for the pass at hand. A table
// that was dropped before it began may be another by now, and its target with it.
func (t *tableLoad) make(pass context.Context, l *load) error {
	if t.dropped.Load() {
		return errDropped
	}
	return t.haul.Loader.MakeLoad(pass, l.epoch, t.table, t.state)
}

// letGo ends the copying of a table of which there is more: it goes on at once, if enough
// has come to rest meanwhile, or else once it has.
func (t *tableLoad) letGo() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.enqueue()
}

// finish remembers that the load table holds what the snapshot saw. Until the reader knows
// what that is it lets rows go by that cannot be read and that the snapshot may not have seen,
// and whoever comes after a kill would know of none.
func (t *tableLoad) finish(ctx context.Context) error {
	h := t.haul
	var rows int64
	for _, f := range t.staged {
		rows += f.Rows
	}
	if err := await(ctx, h.learned); err != nil {
		return err
	}
	loaded, err := h.remember(ctx, t, func(s *TableState) {
		s.changeLoad(func(l *LoadState) { l.Loaded, l.Rows = true, rows })
		s.LastLoad = max(time.Since(t.began), time.Millisecond)
	})
	if err != nil {
		return err
	}
	if loaded {
		h.mu.Lock()
		h.progress.TablesLoaded++
		h.mu.Unlock()
		tell(h.Listener.Loaded, LoadedTable{Table: t.table, Rows: rows, Took: time.Since(t.began)})
	}
	t.discard(ctx)
	return nil
}

// discard deletes what was staged.
func (t *tableLoad) discard(ctx context.Context) {
	var objects []string
	for _, f := range t.staged {
		objects = slices.Concat(objects, f.Objects, f.Ledger.Objects)
	}
	err := t.haul.Stager.Discard(ctx, objects)
	tell(t.haul.Listener.Discarded, Deletion{Objects: len(objects), Err: err})
}

// queue are tables of which something is at rest that is not in the load table. Those who
// copy take one after another: a table that is large holds up no other while it is read,
// and what has come to rest of it meanwhile goes by one COPY.
type queue struct {
	tables chan *tableLoad // each at most once

	mu   sync.Mutex
	left int // tables that are not loaded
}

func newQueue(tables int) *queue { return &queue{tables: make(chan *tableLoad, tables), left: tables} }

// work copies until every table is loaded.
func (q *queue) work(ctx context.Context) error {
	for {
		select {
		case t, ok := <-q.tables:
			if !ok {
				return nil
			}
			all, err := t.copy(ctx)
			if err != nil {
				return err
			}
			if all {
				q.loaded()
			} else {
				t.letGo()
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// loaded counts a table that is loaded. Behind the last nobody waits any more.
func (q *queue) loaded() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.left--; q.left == 0 {
		close(q.tables)
	}
}
