package replicator

import (
	"context"
	"slices"
	"sync"
	"time"

	"rowshift/schema"
)

// tableLoad is the load of one table under one snapshot.
type tableLoad struct {
	load  *load
	table *schema.Table
	state LoadState
	files LoadFiles
	began time.Time

	mu   sync.Mutex
	left int // ranges that are not at rest
}

// progressEvery is how many rows a worker reads between two additions to the
// progress.
const progressEvery = 1024

// read brings one range to rest, and loads the table if it was the last.
func (t *tableLoad) read(ctx context.Context, snapshot Snapshot, r Range) error {
	if err := ctx.Err(); err != nil {
		return err // another range failed
	}
	part, err := t.files.Part(ctx)
	if err != nil {
		return err
	}
	var rows, bytes int64
	count := func() {
		t.load.mu.Lock()
		t.load.progress.Rows += rows
		t.load.progress.Bytes += bytes
		t.load.mu.Unlock()
		rows, bytes = 0, 0
	}
	err = snapshot.Copy(ctx, r, func(row Tuple) error {
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
	if err := part.Close(); err != nil {
		return err
	}
	if !t.last() {
		return nil
	}
	return t.finish(ctx)
}

// last counts a range that is at rest and tells whether none is left.
func (t *tableLoad) last() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.left--
	return t.left == 0
}

// finish copies the files into the load table and remembers that it holds what the
// snapshot saw.
func (t *tableLoad) finish(ctx context.Context) error {
	l := t.load
	files, err := t.files.Close(ctx)
	if err != nil {
		return err
	}
	err = again(ctx, l.Options, "load", func() error { return l.Loader.Load(ctx, t.state, t.table, files) })
	if err != nil {
		return err
	}
	err = l.remember(ctx, func(c *Checkpoint) {
		s := c.Table(t.table.OID)
		s.changeLoad(func(l *LoadState) { l.Loaded, l.Rows = true, files.Rows })
		s.LastLoad = max(time.Since(t.began), time.Millisecond)
	})
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.progress.TablesLoaded++
	l.mu.Unlock()
	tell(l.Listener.Loaded, LoadedTable{Table: t.table, Rows: files.Rows, Took: time.Since(t.began)})
	objects := slices.Concat(files.Objects, files.Ledger.Objects)
	err = l.Stager.Discard(ctx, objects)
	tell(l.Listener.Discarded, Deletion{Objects: len(objects), Err: err})
	return nil
}
