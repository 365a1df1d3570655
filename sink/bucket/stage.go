package bucket

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"rowshift/replicator"
)

// markers is how many NULL markers are tried. Each is found in a batch only by
// chance, and the chance is 2^-80.
const markers = 3

// Stage writes a batch's folds, some of them at once. What a failed attempt leaves is
// deleted, or swept. The error is a *replicator.Halt, an *Error, or the context's.
func (s *Stager) Stage(ctx context.Context, epoch replicator.Epoch, b *replicator.Batch) (*replicator.Staged, error) {
	for try := 1; ; try++ {
		a := s.attempt(epoch, fmt.Sprintf("%016x", uint64(b.End)))
		staged, err := a.stage(ctx, b)
		if err == nil {
			return staged, nil
		}
		a.abandon(ctx)
		if !errors.Is(err, errMarker) || try == markers {
			return nil, err
		}
	}
}

func (a *attempt) stage(ctx context.Context, b *replicator.Batch) (*replicator.Staged, error) {
	staged := &replicator.Staged{
		End: b.End, Commit: b.Commit, Time: b.Time, Transactions: b.Transactions, Changes: b.Changes,
		Folds: make([]replicator.StagedFold, len(b.Folds)), Joins: b.Joins,
	}
	var g errgroup.Group // without a context that ends at the first error: what is being put then could come after it was deleted
	g.SetLimit(a.stager.options.Parallel)
	for i, f := range b.Folds {
		g.Go(func() error {
			var err error
			staged.Folds[i], err = a.fold(ctx, i, f)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return staged, nil
}

// fold writes the batch's fold of that index.
func (a *attempt) fold(ctx context.Context, index int, f *replicator.Fold) (replicator.StagedFold, error) {
	staged := replicator.StagedFold{Table: f.Table, Truncated: f.Truncated, Unchanged: f.Unchanged(), Counts: f.Counts, Into: f.Into}
	name := fmt.Sprintf("%d-%d", f.Table.OID, index)
	p, err := a.part(ctx, name+"-%06d"+a.stager.extension())
	if err != nil {
		return staged, err
	}
	staged.Gone, err = p.fold(f, newLines(f.Table, a.null, staged.Unchanged))
	if err != nil {
		_ = p.wait() // of what is being put; the attempt is given up anyway
		return staged, err
	}
	if err := p.close(); err != nil {
		return staged, err
	}
	staged.Files, err = a.close(ctx, name, p.done, p.rows)
	return staged, err
}

// fold writes the rows of f and returns how many are gone.
func (p *part) fold(f *replicator.Fold, l *lines) (gone int64, err error) {
	var row replicator.Row
	write := func(dst []byte) ([]byte, error) { return l.folded(dst, row) }
	for row = range f.Rows() {
		if row.New == nil {
			gone++
		}
		if err := p.row(write); err != nil {
			return gone, err
		}
	}
	return gone, nil
}

// extension is what the names of parts end in.
func (s *Stager) extension() string {
	if s.options.Compression == Gzip {
		return ".csv.gz"
	}
	return ".csv.zst"
}
