package redshift

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"rowshift/replicator"
	"rowshift/schema"
)

// MakeLoad implements replicator.Loader.
func (w *Warehouse) MakeLoad(ctx context.Context, epoch replicator.Epoch, t *schema.Table, l replicator.LoadState) error {
	return w.loads.with(ctx, func(s *session) error {
		err := w.transaction(ctx, s, func() error {
			if err := w.sameEpoch(ctx, s, epoch); err != nil {
				return err
			}
			return w.ensureTarget(ctx, s, t)
		})
		if err != nil {
			return err
		}
		p := w.metadata.load(l.Into)
		return s.each(ctx, "create a load table", []string{drop(p), createTable(p, t), deleteLoadEntries(w.metadata.loadLedger(l.Held))})
	})
}

// Load implements replicator.Loader.
func (w *Warehouse) Load(ctx context.Context, l replicator.LoadState, t *schema.Table, f replicator.StagedLoad) error {
	s, err := w.open(ctx)
	if err != nil {
		return err
	}
	defer s.close(ctx)
	s.lasting = true
	p, ledger := w.metadata.load(l.Into), w.metadata.loadLedger(l.Held)
	if f.Manifest != "" {
		var columns []string
		for _, c := range t.Columns {
			columns = append(columns, c.Target)
		}
		named := func(k int) string { return t.Columns[k].Target }
		if err := w.copyAll(ctx, s, []copying{{into: p, columns: columns, files: f.Files, table: t, name: named, whole: true}}); err != nil {
			return err
		}
	}
	if f.Ledger.Manifest == "" {
		return nil
	}
	return w.loadEntries(ctx, s, ledger, t, f.Ledger)
}

// loadEntries keeps what a load accounts for until its table joins.
func (w *Warehouse) loadEntries(ctx context.Context, s *session, ledger place, t *schema.Table, f replicator.Files) error {
	const op = "account for a load"
	stage := temporary("entries")
	if _, err := s.run(ctx, op, createEntries(stage, t, false)); err != nil {
		return err
	}
	if err := w.copyAll(ctx, s, []copying{{into: stage, columns: entriesColumns(t, false), files: f, table: t}}); err != nil {
		return err
	}
	_, err := s.run(ctx, op, insertLoadEntries(ledger, stage, t))
	return err
}

// copying is one COPY.
type copying struct {
	into    place
	columns []string
	files   replicator.Files
	table   *schema.Table

	name  func(column int) string // names the table's columns; nil if the rows are none of the source's
	held  bool                    // the rows are of several folds
	whole bool                    // the rows are a load's
}

// ensureTarget makes the target, or looks whether the one that is there has the
// columns that are needed, and lets the readers read it.
func (w *Warehouse) ensureTarget(ctx context.Context, s *session, t *schema.Table) error {
	n, err := s.number(ctx, "look for the schema", countSchema(w.options.Schema))
	if err != nil {
		return err
	}
	have, err := w.targetColumns(ctx, s, t)
	if err != nil {
		return err
	}
	var statements []string
	if n == 0 {
		statements = append(statements, createSchema(w.options.Schema))
	}
	if len(have) > 0 {
		if err := unfit(t, w.drift(t, have)); err != nil {
			return err
		}
		statements = append(statements, w.grants(rights(w.options.Schema, in(w.options.Schema, t.Target)))...)
	} else {
		statements = append(statements, w.createTarget(t)...)
	}
	return w.granted(s.each(ctx, "create a target", statements))
}

// createTarget are the statements that make a target.
func (w *Warehouse) createTarget(t *schema.Table) []string {
	p := in(w.options.Schema, t.Target)
	return append([]string{createTable(p, t)}, w.grants(rights(w.options.Schema, p))...)
}

// targetColumns returns the columns of a target with their types as the catalogue
// names them.
func (w *Warehouse) targetColumns(ctx context.Context, s *session, t *schema.Table) (map[string]string, error) {
	rows, err := s.rows(ctx, "look at the target", columnsOf(w.options.Schema, t.Target))
	if err != nil {
		return nil, err
	}
	have := map[string]string{}
	for _, r := range rows {
		have[string(r[0])] = catalogueType(string(r[1]), string(r[2]), string(r[3]), string(r[4]))
	}
	return have, nil
}

// rowKeys are the columns that a target's rows are spread and sorted by, which need not be
// those of its table: a column may have become the key, or taken another's name.
type rowKeys struct {
	dist string // empty: none
	sort []string
}

// targetKeys reads the keys of a target.
func (w *Warehouse) targetKeys(ctx context.Context, s *session, t *schema.Table) (k rowKeys, err error) {
	rows, err := s.rows(ctx, "look at the target", keysOf(w.options.Schema, t.Target))
	for _, r := range rows {
		name := string(r[0])
		if string(r[1]) == "t" {
			k.dist = name
		}
		if string(r[2]) != "0" {
			k.sort = append(k.sort, name)
		}
	}
	return k, err
}

// renamed are the keys once a column has another name.
func (k rowKeys) renamed(from, to string) rowKeys {
	if k.dist == from {
		k.dist = to
	}
	k.sort = slices.Clone(k.sort)
	if i := slices.Index(k.sort, from); i >= 0 {
		k.sort[i] = to
	}
	return k
}

// otherType is the halt for a column whose type does not hold the source's values: by
// another name it stands in nobody's way.
func otherType(p place, c schema.Column, have map[string]string, t *schema.Table) *replicator.Halt {
	old := ""
	for suffix := "_old"; old == "" || have[old] != ""; suffix += "_old" {
		old = c.Target[:min(len(c.Target), maxName-len(suffix))] + suffix
	}
	return &replicator.Halt{
		Reason: replicator.TargetDrift,
		Found:  fmt.Sprintf("column %s of %s is %s", quoted(c.Target), p, have[c.Target]),
		Means:  "values of the source's type need " + c.Mapping.Type,
		Repair: fmt.Sprintf("%s; then %s", renameColumn(p, c.Target, old), resyncOf(t)),
	}
}

// unfit says of which table a halt is, so that the others go on. Other errors are left
// as they are.
func unfit(t *schema.Table, err error) error {
	h, ok := errors.AsType[*replicator.Halt](err)
	if !ok || h.Reason != replicator.TargetDrift {
		return err
	}
	return &replicator.Unfit{OID: t.OID, Name: t.Known, Why: h}
}

// drift halts if a target is not there, lacks a column, or has one of another type.
func (w *Warehouse) drift(t *schema.Table, have map[string]string) error {
	p := in(w.options.Schema, t.Target)
	if len(have) == 0 {
		return &replicator.Halt{
			Reason: replicator.TargetDrift,
			Found:  fmt.Sprintf("there is no table %s", p),
			Means:  "the target was dropped or renamed by somebody",
			Repair: "put it back under its name, or have it made anew; then " + resyncOf(t),
		}
	}
	for _, c := range t.Columns {
		is, there := have[c.Target]
		switch {
		case !there:
			return &replicator.Halt{
				Reason: replicator.TargetDrift,
				Found:  fmt.Sprintf("%s has no column %s", p, quoted(c.Target)),
				Means:  "the target was altered by somebody",
				Repair: resyncOf(t) + "; that adds the column",
			}
		case !holds(is, c.Mapping.Type):
			return otherType(p, c, have, t)
		}
	}
	return nil
}
