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
		if err := w.ensureTarget(ctx, s, epoch, t); err != nil {
			return w.ofAnother(ctx, s, t, err)
		}
		p := w.metadata.load(l.Into)
		s.lasting = true // what comes late would undo what another try has done
		_, err := s.together(ctx, "create a load table", []string{drop(p), createTable(p, t), deleteLoadEntries(w.metadata.loadLedger(l.Held))})
		s.lasting = !answered(err)
		return err
	})
}

// Load implements replicator.Loader. It is one request, and so one transaction.
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
		copies = append(copies, copying{into: w.metadata.load(l.Into), columns: columns, files: f.Files, table: t, name: named, whole: true})
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

	name  func(column int) string // names the table's columns; nil if the rows are none of the source's
	held  bool                    // the rows are of several folds
	whole bool                    // the rows are a load's
}

// ensureTarget makes the target under the fence, or looks whether the one that is there
// has the columns that are needed; and lets the readers read it. Of a daemon that dies in
// that transaction the next one to take the fence ends it.
func (w *Warehouse) ensureTarget(ctx context.Context, s *session, epoch replicator.Epoch, t *schema.Table) error {
	have, _, err := w.target(ctx, s, t)
	if err != nil {
		return err
	}
	if len(have) > 0 {
		if err := unfit(t, w.drift(t, have)); err != nil {
			return err
		}
		return w.granted(s.each(ctx, "create a target", w.grants(rights(w.options.Schema, in(w.options.Schema, t.Target)))))
	}
	return w.transaction(ctx, s, func() error {
		if err := w.sameEpoch(ctx, s, epoch); err != nil {
			return err
		}
		n, err := s.number(ctx, "look for the schema", countSchema(w.options.Schema))
		if err != nil {
			return err
		}
		statements := w.createTarget(t)
		if n == 0 {
			statements = append([]string{createSchema(w.options.Schema)}, statements...)
		}
		return w.granted(s.each(ctx, "create a target", statements))
	})
}

// createTarget are the statements that make a target.
func (w *Warehouse) createTarget(t *schema.Table) []string {
	p := in(w.options.Schema, t.Target)
	return append([]string{createTable(p, t)}, w.grants(rights(w.options.Schema, p))...)
}

// target reads the columns of a target with their types as the catalogue names them, none
// if it is not there, and its keys. The error is a *replicator.Unfit if a view has its name.
func (w *Warehouse) target(ctx context.Context, s *session, t *schema.Table) (have map[string]string, by rowKeys, err error) {
	const op = "look at the target"
	kind, err := s.rows(ctx, op, kindOf(w.options.Schema, t.Target))
	if err != nil || len(kind) == 0 {
		return nil, by, err
	}
	if string(kind[0][0]) != "r" {
		return nil, by, unfit(t, isView(in(w.options.Schema, t.Target), t))
	}
	rows, err := s.rows(ctx, op, columnsOf(w.options.Schema, t.Target))
	have = make(map[string]string, len(rows))
	for _, r := range rows {
		name := string(r[0])
		have[name] = catalogueType(string(r[1]))
		if string(r[2]) == "t" {
			by.dist = name
		}
		if position := string(r[3]); position != "0" && position != "" {
			by.sort = append(by.sort, name)
		}
	}
	return have, by, err
}

// rowKeys are the columns that a target's rows are spread and sorted by, which need not be
// those of its table: a column may have become the key, or taken another's name.
type rowKeys struct {
	dist string // empty: none
	sort []string
}

// has tells whether rows are spread or sorted by a column.
func (k rowKeys) has(name string) bool { return k.dist == name || slices.Contains(k.sort, name) }

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

// isView is the halt for a view in a target's place: nothing can be written to it.
func isView(p place, t *schema.Table) *replicator.Halt {
	return &replicator.Halt{
		Reason: replicator.TargetDrift,
		Found:  fmt.Sprintf("%s is a view", p),
		Means:  "somebody put it in the place of the target, and Redshift writes to tables only",
		Repair: "drop the view or give it another name, and put the table back under its name or leave it to be made anew; then " + resyncOf(t),
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
