package redshift

import (
	"context"
	"fmt"
	"slices"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
)

// The bounds of one transaction that applies held changes, since merges of other tables wait for
// its lock. They are doubled with each transaction that left some of its table, a few times.
// Each transaction also applies at least one fold more than the one before. Without that, a load
// whose folds take as long as the bounds would go on for as long as others write: between two of
// its transactions a merge holds one more fold of each table.
const (
	mostFolds   = 64
	mostRows    = 50_000          // no other fold is begun after so many rows
	mostTime    = 2 * time.Second // nor after so much time
	mostDoubled = 4               // doublings: up to 32 s
)

// Hold implements replicator.Loader.
func (w *Warehouse) Hold(ctx context.Context, held string, t *schema.Table) error {
	return w.loads.with(ctx, func(s *session) error {
		p, ledger := w.metadata.table(held), w.metadata.loadLedger(held)
		s.lasting = true // a request that runs late would drop what is held by then
		_, err := s.together(ctx, "create a held table", []string{drop(p, ledger), createHeld(p, t), createLoadLedger(ledger)})
		s.lasting = !answered(err)
		return w.heldRefusals.unmade(t, p, err)
	})
}

// Apply implements replicator.Loader.
func (w *Warehouse) Apply(ctx context.Context, epoch replicator.Epoch, t *schema.Table, l replicator.LoadState, left int) (replicator.Applied, error) {
	var applied replicator.Applied
	err := w.loads.with(ctx, func(s *session) (err error) {
		defer func() { err = w.applyRefusals.spoils(t, err) }()
		a := applying{Warehouse: w, session: s, table: t, state: l, held: w.metadata.table(l.Held), load: w.metadata.table(l.Into), ledger: w.metadata.loadLedger(l.Held),
			doubled: min(left, mostDoubled)}
		defer w.applies.Store(false) // not before the end of the transaction, which has the fence until then
		return w.transaction(ctx, s, func() error {
			if err := w.sameEpoch(ctx, s, epoch); err != nil {
				return err
			}
			w.applies.Store(true)
			err := a.run(ctx)
			applied = a.applied
			return err
		})
	})
	return applied, err
}

// sameEpoch returns an error that wraps replicator.ErrFenced if another daemon has taken over.
func (w *Warehouse) sameEpoch(ctx context.Context, s *session, epoch replicator.Epoch) error {
	now, err := s.number(ctx, "compare the epoch", w.metadata.readEpoch())
	if err != nil {
		return err
	}
	if now != int64(epoch) {
		return fmt.Errorf("redshift: %w (ours: epoch %d)", replicator.ErrFenced, epoch)
	}
	return nil
}

// applying is one transaction that applies held changes.
type applying struct {
	*Warehouse
	session            *session
	table              *schema.Table
	state              replicator.LoadState
	held, load, ledger place
	doubled            int // how often the bounds are doubled
	applied            replicator.Applied
}

// waitingFold is a fold in a held table.
type waitingFold struct {
	number, rows  int64
	ofTransaction bool // it is of one transaction, since it was held before the snapshot was known
	truncated     bool
	unchanged     bool // some row leaves a column unchanged
}

// run applies the first folds, one after another, and takes them out of the held table.
func (a *applying) run(ctx context.Context) error {
	folds, err := a.first(ctx)
	if err != nil {
		return err
	}
	ofTransaction := slices.ContainsFunc(folds, func(f waitingFold) bool { return f.ofTransaction })
	if !ofTransaction { // a row whose key was refused is in the ledger only
		n, err := a.session.number(ctx, "look for entries of transactions", countOfTransactions(a.ledger))
		if err != nil {
			return err
		}
		ofTransaction = n > 0
	}
	if ofTransaction {
		if folds, err = a.unseen(ctx); err != nil {
			return err
		}
	}
	var rows, last int64
	began := time.Now()
	for i, f := range folds {
		if enough(a.doubled, i, rows, time.Since(began)) {
			a.applied.Left = true
			break
		}
		if err := a.apply(ctx, f); err != nil {
			return err
		}
		rows += f.rows
		last = f.number
	}
	if last == 0 {
		return nil
	}
	n, err := a.session.run(ctx, "take out what was applied", deleteHeld(a.held, last))
	a.applied.Rows += n
	return err
}

// enough reports whether a transaction has applied enough. doubled is how often its bounds are
// doubled; the rest is what it has applied so far, and the time that this took.
func enough(doubled, folds int, rows int64, took time.Duration) bool {
	return folds == mostFolds<<doubled || folds > doubled && (rows >= mostRows<<doubled || took > mostTime<<doubled)
}

// unseen takes out what the snapshot saw, and returns the first of the folds that are left.
func (a *applying) unseen(ctx context.Context) ([]waitingFold, error) {
	const op = "take out what the snapshot saw"
	n, err := a.session.run(ctx, op, deleteSeen(a.held, a.state.Seen))
	if err != nil {
		return nil, err
	}
	a.applied.Rows += n
	if err := a.session.each(ctx, op, []string{forgetTransactions(a.held), deleteSeen(a.ledger, a.state.Seen), forgetTransactions(a.ledger)}); err != nil {
		return nil, err
	}
	return a.first(ctx)
}

// first returns the first folds, one more than a transaction applies.
func (a *applying) first(ctx context.Context) ([]waitingFold, error) {
	rows, err := a.session.rows(ctx, "look for held changes", firstHeld(a.held, a.table, mostFolds<<a.doubled+1))
	if err != nil {
		return nil, err
	}
	var folds []waitingFold
	for _, r := range rows {
		s := &scanner{row: r}
		f := waitingFold{number: s.number(), rows: s.number(), ofTransaction: s.text() != "", truncated: s.text() == "1", unchanged: s.text() == "1"}
		if s.err != nil {
			return nil, altered(fmt.Errorf("redshift: %s was altered: %w", a.held, s.err))
		}
		folds = append(folds, f)
	}
	return folds, nil
}

// apply applies one fold to the load table, in the order that replicator.Fold gives.
func (a *applying) apply(ctx context.Context, f waitingFold) error {
	const op = "apply held changes"
	book := loadBook{ledger: a.ledger, fold: f.number, at: replicator.Written{LSN: a.state.HandOver},
		run: func(ctx context.Context, sql string) error { return a.session.each(ctx, op, []string{sql}) }}
	err := book.forget(ctx, a.session, f.truncated, func(p place) string {
		return fmt.Sprintf("%s WHERE %s = %d", createKeys(p, a.held, a.table), quoted(foldColumn), f.number)
	})
	if err != nil {
		return err
	}
	if f.truncated {
		if _, err := a.session.run(ctx, op, deleteAll(a.load)); err != nil {
			return err
		}
	}
	if f.unchanged {
		if err := a.fill(ctx, f, book); err != nil {
			return err
		}
	}
	return a.session.each(ctx, op, []string{
		ofAliased(deleteKeys(a.load, a.held, a.table), f.number), ofFold(insertStaged(a.load, a.held, a.table), a.held, f.number),
	})
}

// fill fills in the values that rows of a fold leave unchanged. A row whose origin is not in the
// load table depends on a row that was refused, so it is refused as well.
func (a *applying) fill(ctx context.Context, f waitingFold, book loadBook) error {
	const op = "fill held changes"
	sql := ofFold(fill(a.held, a.load, heldFold(a.table)), a.held, f.number)
	if _, err := a.session.run(ctx, op, sql); err != nil {
		return err
	}
	n, err := a.session.number(ctx, op, unfilledHeld(a.held, a.table, f.number))
	if err != nil || n == 0 {
		return err
	}
	toast := a.table.Toastable()
	return a.session.each(ctx, op, []string{
		ofFold(insertUnfilledEntries(a.ledger, a.held, a.table, f.number, book.at, "("+anyOf(toast)+")"), a.held, f.number),
		ofFold(forgoUnfilled(a.held, toast), a.held, f.number),
	})
}
