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

// Load begins the files of one table's load. They have the table's columns, in their order, and
// nothing else. Their names do not show which load table they are for.
func (s *Stager) Load(_ context.Context, r replicator.LoadRequest) (replicator.LoadFiles, error) {
	return &loadFiles{attempt: s.attempt(r.Epoch, "load", s.loads), table: r.Table, at: replicator.Written{LSN: r.At}, refused: r.Refused}, nil
}

// loadFiles are the files of one load.
type loadFiles struct {
	attempt *attempt
	table   *schema.Table
	at      replicator.Written // what its ledger entries give as the rows' commit
	refused replicator.Rows

	mu     sync.Mutex
	begun  int // number of parts
	cuts   int
	rows   closedSeries
	ledger closedSeries
}

// closedSeries are the objects of the series that were closed.
type closedSeries struct {
	objects []placed
	rows    int64
}

// add adds the objects of a closed series; s may be nil.
func (g *closedSeries) add(s *series) {
	if s != nil {
		g.objects = append(g.objects, s.done...)
		g.rows += s.rows
	}
}

// Part begins a part. Its requests end with ctx.
func (f *loadFiles) Part(ctx context.Context) (replicator.LoadPart, error) {
	f.mu.Lock()
	number := f.begun
	f.begun++
	f.mu.Unlock()
	s, err := f.attempt.sheet(ctx, fmt.Sprintf("%d-%d", f.table.OID, number), newLines(f.table, f.attempt.null, nil))
	if err != nil {
		return nil, err
	}
	s.load, s.refused = true, f.refused
	return &loadPart{files: f, sheet: s}, nil
}

// Cut implements replicator.LoadFiles.
func (f *loadFiles) Cut(ctx context.Context) (staged replicator.StagedLoad, err error) {
	f.mu.Lock()
	rows, ledger := f.rows, f.ledger
	f.rows, f.ledger = closedSeries{}, closedSeries{}
	name := fmt.Sprintf("%d-%06d", f.table.OID, f.cuts)
	f.cuts++
	f.mu.Unlock()
	if staged.Files, err = f.close(ctx, name, rows); err != nil {
		return staged, err
	}
	staged.Ledger, err = f.close(ctx, name+"-ledger", ledger)
	return staged, err
}

// Objects implements replicator.LoadFiles.
func (f *loadFiles) Objects() []string { return f.attempt.urls("") }

func (f *loadFiles) close(ctx context.Context, name string, g closedSeries) (replicator.Files, error) {
	slices.SortFunc(g.objects, func(a, b placed) int { return cmp.Compare(a.key, b.key) })
	files, put, err := f.attempt.manifest(ctx, name, g.objects, g.rows)
	if err != nil || put == nil {
		return files, err
	}
	return files, put()
}

// loadPart is a part of a load that is being written.
type loadPart struct {
	files *loadFiles
	sheet *sheet
	key   replicator.Tuple // scratch: the key of the row at hand
}

// Write adds a row. After an error that is neither a *replicator.Halt nor an *Error the load has
// to begin again.
func (l *loadPart) Write(row replicator.Tuple) error {
	l.key = l.key[:0]
	for _, column := range l.files.table.Key {
		l.key = l.key.Append(row.At(column))
	}
	return l.sheet.row(replicator.Row{Key: l.key, New: row, Written: l.files.at})
}

// Abandon gives the part up.
func (l *loadPart) Abandon() { l.sheet.abandon() }

// Close puts what is left of the part, and adds the part to the load.
func (l *loadPart) Close() error {
	if err := l.sheet.finish(); err != nil {
		return err
	}
	l.files.mu.Lock()
	defer l.files.mu.Unlock()
	l.files.rows.add(l.sheet.rows)
	l.files.ledger.add(l.sheet.ledger)
	return nil
}
