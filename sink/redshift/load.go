package redshift

import (
	"context"

	"rowshift/replicator"
	"rowshift/schema"
)

// MakeLoad implements replicator.Loader. A request whose answer is lost may run late, when rows
// are in the table already. So nothing is dropped first.
func (w *Warehouse) MakeLoad(ctx context.Context, epoch replicator.Epoch, t *schema.Table, l replicator.LoadState) error {
	return w.loads.with(ctx, func(s *session) error {
		if err := w.ensureTarget(ctx, s, epoch, t); err != nil {
			return w.judgeOwner(ctx, s, t, err)
		}
		p := w.metadata.table(l.Into)
		_, err := s.run(ctx, "create a load table", createTable(p, t))
		return w.loadRefusals.unmade(t, p, err)
	})
}

// Load implements replicator.Loader. Whatever lasts is written by one request, and so by one
// transaction.
func (w *Warehouse) Load(ctx context.Context, l replicator.LoadState, t *schema.Table, f replicator.StagedLoad) error {
	if f.Manifest == "" && f.Ledger.Manifest == "" {
		return nil
	}
	s, err := w.open(ctx)
	if err != nil {
		return err
	}
	defer s.close(ctx)
	s.lasting, s.commits = true, true
	var copies []copying
	if f.Manifest != "" {
		var columns []string
		for _, c := range t.Columns {
			columns = append(columns, c.Target)
		}
		named := func(k int) string { return t.Columns[k].Target }
		copies = append(copies, copying{into: w.metadata.table(l.Into), columns: columns, files: f.Files, table: t, name: named, whole: true})
	}
	if f.Ledger.Manifest == "" {
		return w.copyAll(ctx, s, copies)
	}
	stage := temporary("entries")
	if _, err := s.run(ctx, "account for a load", createEntries(stage, t, false)); err != nil {
		return err
	}
	copies = append(copies, copying{into: stage, columns: entriesColumns(t, false), files: f.Ledger, table: t})
	return w.copyAll(ctx, s, copies, insertLoadEntries(w.metadata.loadLedger(l.Held), stage, t))
}

// copying is one COPY.
type copying struct {
	into    place
	columns []string
	files   replicator.Files
	table   *schema.Table

	name  func(column int) string // names the table's columns; nil if the rows are entries
	held  bool                    // the rows are of several folds
	whole bool                    // the rows are a load's
}

// ensureTarget makes the target under the fence. If the target is there, it makes sure that it
// has the columns that are needed. It also lets the readers read it. If a daemon dies in the
// transaction, the next one that takes the fence ends it.
func (w *Warehouse) ensureTarget(ctx context.Context, s *session, epoch replicator.Epoch, t *schema.Table) error {
	have, _, err := w.target(ctx, s, t)
	if err != nil {
		return err
	}
	if len(have) > 0 {
		if err := unfit(t, w.drift(t, have)); err != nil {
			return err
		}
		return w.explainGrant(ctx, s, s.each(ctx, "create a target", w.grants(rights(w.options.Schema, in(w.options.Schema, t.Target)))))
	}
	return w.transaction(ctx, s, func() error {
		if err := w.sameEpoch(ctx, s, epoch); err != nil {
			return err
		}
		n, err := s.number(ctx, "look for the schema", countSchema(w.options.Schema))
		if err != nil {
			return err
		}
		if n == 0 {
			if _, err := s.run(ctx, "create the schema", createSchema(w.options.Schema)); err != nil {
				return err
			}
		}
		statements := w.createTarget(t)
		if _, err := s.run(ctx, "create a target", statements[0]); err != nil {
			return w.loadRefusals.unmade(t, in(w.options.Schema, t.Target), err)
		}
		return w.explainGrant(ctx, s, s.each(ctx, "create a target", statements[1:]))
	})
}

// createTarget returns the statement that makes a target, and behind it those that let the
// readers read it.
func (w *Warehouse) createTarget(t *schema.Table) []string {
	p := in(w.options.Schema, t.Target)
	return append([]string{createTable(p, t)}, w.grants(rights(w.options.Schema, p))...)
}
