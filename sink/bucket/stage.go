package bucket

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"rowshift/replicator"
)

// markers is how many NULL markers are tried. A batch contains a marker only by chance, and the
// chance is 2^-80.
const markers = 3

// Stage writes a batch's folds, several at once. It deletes what a failed attempt leaves, as far
// as it can. The error is a *replicator.Halt, an *Error or the context's, unless
// rowshift itself is at fault.
func (s *Stager) Stage(ctx context.Context, epoch replicator.Epoch, b *replicator.Batch) (*replicator.Staged, error) {
	for try := 1; ; try++ {
		a := s.attempt(epoch, fmt.Sprintf("%016x", uint64(b.End)), s.batches)
		staged, err := a.stage(ctx, b)
		if err == nil {
			staged.Kept = a.urls(a.kept)
			return staged, nil
		}
		a.abandon(ctx)
		if !errors.Is(err, errMarker) || try == markers {
			return nil, err
		}
	}
}

func (a *attempt) stage(ctx context.Context, b *replicator.Batch) (*replicator.Staged, error) {
	together := gathered(b.Folds)
	staged := &replicator.Staged{
		End: b.End, Commit: b.Commit, Time: b.Time, Transactions: b.Transactions, Changes: b.Changes,
		Folds: make([]replicator.StagedFold, len(together)), Joins: b.Joins, Holds: b.Holds,
	}
	var g errgroup.Group // without a context that ends at the first error: an object whose put was cut off could arrive after abandon has deleted it
	var begun atomic.Int64
	for range min(a.stager.options.Parallel, len(together)) {
		g.Go(func() error { // each stages one fold after another, because requests take a large stack
			for i := begun.Add(1) - 1; i < int64(len(together)); i = begun.Add(1) - 1 {
				if err := a.stageTo(ctx, &staged.Folds[i], int(i), together[i], b.Refused); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return staged, nil
}

// stageTo writes folds that go into the same files.
func (a *attempt) stageTo(ctx context.Context, staged *replicator.StagedFold, index int, folds []*replicator.Fold, refused map[uint32]replicator.Rows) (err error) {
	if folds[0].Held != "" {
		*staged, err = a.held(ctx, index, folds, refused)
	} else {
		*staged, err = a.fold(ctx, index, folds[0], refused)
	}
	return err
}

// gathered groups the folds that go into one held table, of which there can be one for each
// transaction. The other folds stay apart, in their order.
func gathered(folds []*replicator.Fold) (together [][]*replicator.Fold) {
	held := map[string]int{}
	for _, f := range folds {
		if at, ok := held[f.Held]; ok && f.Held != "" {
			together[at] = append(together[at], f)
			continue
		}
		held[f.Held] = len(together)
		together = append(together, []*replicator.Fold{f})
	}
	return together
}

// fold writes one fold. index tells its files from those of the batch's other folds.
func (a *attempt) fold(ctx context.Context, index int, f *replicator.Fold, refused map[uint32]replicator.Rows) (replicator.StagedFold, error) {
	staged := replicator.StagedFold{Table: f.Table, Truncated: f.Truncated, Unchanged: f.Unchanged(), Counts: f.Counts, Into: f.Into}
	s, err := a.sheet(ctx, fmt.Sprintf("%d-%d", f.Table.OID, index), newLines(f.Table, a.null, staged.Unchanged))
	if err != nil {
		return staged, err
	}
	s.refused = refused[f.Table.OID]
	for row := range f.Rows() {
		if err := s.row(row); err != nil {
			s.abandon()
			return staged, err
		}
	}
	staged.Gone = s.gone
	staged.Files, staged.Ledger, err = s.close(ctx)
	return staged, err
}

// held writes folds that go into one held table, one after another.
func (a *attempt) held(ctx context.Context, index int, folds []*replicator.Fold, refused map[uint32]replicator.Rows) (replicator.StagedFold, error) {
	t := folds[0].Table
	staged := replicator.StagedFold{Table: t, Held: folds[0].Held}
	s, err := a.sheet(ctx, fmt.Sprintf("%d-%d", t.OID, index), newLines(t, a.null, t.Toastable()))
	if err != nil {
		return staged, err
	}
	s.refused = refused[t.OID]
	for i, f := range folds {
		staged.Counts.Add(f.Counts)
		if err := s.heldFold(i+1, f); err != nil {
			s.abandon()
			return staged, err
		}
	}
	staged.Files, staged.Ledger, err = s.close(ctx)
	return staged, err
}

// heldFold writes the rows of f, which is the number-th fold in its files. What tells the folds
// apart stands before each row.
func (s *sheet) heldFold(number int, f *replicator.Fold) error {
	s.fold, s.xid = number, f.XID
	if f.Truncated {
		err := s.rows.row(func(dst []byte) ([]byte, error) { return s.lines.held(dst, number, f.XID, replicator.Row{}, true) })
		if err != nil {
			return err
		}
	}
	for row := range f.Rows() {
		if err := s.row(row); err != nil {
			return err
		}
	}
	return nil
}

// extension returns the ending of the names of objects that hold text of a kind, such as csv.
func (s *Stager) extension(kind string) string {
	if s.options.Compression == Gzip {
		return "." + kind + ".gz"
	}
	return "." + kind + ".zst"
}
