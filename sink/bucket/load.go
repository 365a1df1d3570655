package bucket

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"rowshift/replicator"
	"rowshift/schema"
)

// Load begins the files of one table's load. They have the table's columns, in
// their order, and nothing else. Which load table they are for does not show in
// their names.
func (s *Stager) Load(_ context.Context, epoch replicator.Epoch, _ string, t *schema.Table) (replicator.LoadFiles, error) {
	return &loadFiles{attempt: s.attempt(epoch, "load"), table: t}, nil
}

// loadFiles are the files of one load.
type loadFiles struct {
	attempt *attempt
	table   *schema.Table

	mu    sync.Mutex
	begun int // parts
	parts []object
	rows  int64
}

// Part begins a part, whose requests end with ctx.
func (f *loadFiles) Part(ctx context.Context) (replicator.LoadPart, error) {
	f.mu.Lock()
	number := f.begun
	f.begun++
	f.mu.Unlock()
	p, err := f.attempt.part(ctx, fmt.Sprintf("%d-%d-%%06d%s", f.table.OID, number, f.attempt.stager.extension()))
	if err != nil {
		return nil, err
	}
	l := &loadPart{files: f, part: p, lines: newLines(f.table, f.attempt.null, nil)}
	l.write = func(dst []byte) ([]byte, error) { return l.lines.full(dst, l.row) }
	return l, nil
}

// Close writes the manifest of all parts that were closed.
func (f *loadFiles) Close(ctx context.Context) (replicator.Files, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	slices.SortFunc(f.parts, func(a, b object) int { return cmp.Compare(a.key, b.key) })
	return f.attempt.close(ctx, fmt.Sprint(f.table.OID), f.parts, f.rows)
}

// loadPart is a part of a load that is being written.
type loadPart struct {
	files *loadFiles
	part  *part
	lines *lines

	row   replicator.Tuple // the one at hand
	write func([]byte) ([]byte, error)
}

// Write adds a row. An error that is neither a *replicator.Halt nor an *Error says
// that the load has to begin again.
func (l *loadPart) Write(row replicator.Tuple) error {
	l.row = row
	return l.part.row(l.write)
}

// Close puts what is left of the part and makes it one of the load's.
func (l *loadPart) Close() error {
	if err := l.part.close(); err != nil {
		return err
	}
	l.files.mu.Lock()
	defer l.files.mu.Unlock()
	l.files.parts = append(l.files.parts, l.part.done...)
	l.files.rows += l.part.rows
	return nil
}
