package replicator

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"rowshift/schema"
)

// tableLoad is the load of one table from one snapshot. Its ranges are put to rest one by
// one, and those that are at rest are copied into the load table while others are read.
type tableLoad struct {
	haul  *haul
	table *schema.Table
	state LoadState // as it was begun
	files LoadFiles
	began time.Time

	dropped atomic.Bool        // another load of the table has begun, and this one is in vain
	wanted  context.Context    // ends once the table is dropped
	end     context.CancelFunc // ends that

	staged []StagedLoad // what was cut of files; owned by who has taken the table from the queue, as are the next three
	copied int          // how many of those are in the load table

	remembered bool // somebody was asked to remember the load as done, and may have
	discarded  bool // there was time to delete what was put into the bucket for the load

	rows, bytes int64 // read, and counted in the haul's progress; guarded by the haul's lock

	mu     sync.Mutex
	left   int  // ranges that are not at rest
	more   int  // ranges that came to rest since the table was last taken from the queue
	queued bool // in the queue, or taken from it and not let go of; stays so once the table is loaded
}

// progressEvery is how many rows a worker reads between two additions to the
// progress.
const progressEvery = 1024

// read reads one range into a part, and abandons the part if that fails. It ends once the
// table is dropped: the haul would have to wait for rows that nobody wants.
func (t *tableLoad) read(ctx context.Context, snapshot Snapshot, r Range, part LoadPart) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(t.wanted, cancel)()
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

// loadedBy reports whether s is the state of a table that this load is bringing.
func (t *tableLoad) loadedBy(s *TableState) bool {
	return s != nil && s.Load != nil && s.Load.Into == t.state.Into
}

// rest puts the part of a range to rest. part is nil if the range is left out.
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

// enqueue puts the table into the queue if enough of it is at rest. The caller holds t.mu.
//
// Each COPY is a commit, for which the warehouse queues, and it reads many files better
// than few. So a table waits until as many ranges are at rest as there are workers, or all
// are.
func (t *tableLoad) enqueue() {
	if t.queued = t.left == 0 || t.more >= t.haul.Workers; t.queued {
		t.haul.queue.tables <- t
	}
}

// copy copies what is at rest into the load table, and reports whether that completed the
// table.
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

// errDropped is the error of making or copying something for a table that was dropped.
var errDropped = errors.New("replicator: the table is loaded anew")

// copyStaged copies what was cut and is not in the load table yet.
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

// make makes the load table, and the target if there is none, in the given pass. It refuses
// to if the table was dropped before it began: the table, and its target with it, may be
// another by now.
func (t *tableLoad) make(pass context.Context, l *load) error {
	if t.dropped.Load() {
		return errDropped
	}
	return t.haul.Loader.MakeLoad(pass, l.epoch, t.table, t.state)
}

// letGo ends the copying of a table of which there is more to come. The table goes back
// into the queue at once if enough has come to rest meanwhile, or else once it has.
func (t *tableLoad) letGo() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.enqueue()
}

// finish remembers that the load table holds what the snapshot saw. It waits first until
// the reader knows what that is. Until then the reader skips rows that it cannot read,
// which the snapshot may not have seen, and a daemon that came after a kill would not know
// of them.
func (t *tableLoad) finish(ctx context.Context) error {
	h := t.haul
	var rows int64
	for _, f := range t.staged {
		rows += f.Rows
	}
	if err := await(ctx, h.learned); err != nil {
		return err
	}
	t.remembered = true
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

// queue holds tables with something at rest that is not in the load table. Workers copy one
// table after another, so that a large table holds up no other while it is read. What has
// come to rest of it meanwhile goes by one COPY.
type queue struct {
	tables chan *tableLoad // each at most once

	mu   sync.Mutex
	left int // tables that are not loaded
}

func newQueue(tables int) *queue { return &queue{tables: make(chan *tableLoad, tables), left: tables} }

// work copies tables until every table is loaded.
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

// loaded counts a table as loaded. After the last one the workers end.
func (q *queue) loaded() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.left--; q.left == 0 {
		close(q.tables)
	}
}
