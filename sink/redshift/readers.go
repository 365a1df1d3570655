package redshift

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"rowshift/replicator"
	"rowshift/schema"
)

// right is a right that every reader must have.
type right struct {
	grant func(readers ...string) string
	ask   func(user string) string
}

// rights returns the rights to read some tables of a schema.
func rights(name string, tables ...place) []right {
	all := []right{{
		grant: func(readers ...string) string { return grantUsage(name, readers...) },
		ask:   func(user string) string { return mayUse(user, name) },
	}}
	for _, p := range tables {
		all = append(all, right{
			grant: func(readers ...string) string { return grantSelect(p, readers...) },
			ask:   func(user string) string { return mayRead(user, p) },
		})
	}
	return all
}

// grants returns the statements that give rights to all readers. Granting a right again does
// nothing.
func (w *Warehouse) grants(all []right) []string {
	var statements []string
	for _, r := range all {
		if len(w.options.Readers) > 0 {
			statements = append(statements, r.grant(w.options.Readers...))
		}
	}
	return statements
}

// readable returns the rights that readers must have on the metadata tables and on targets, as
// far as these are there.
func (w *Warehouse) readable(ctx context.Context, s *session, targets []string) ([]right, error) {
	var all []right
	for _, of := range []struct {
		schema string
		tables []string
	}{
		{w.options.MetadataSchema, []string{freshnessView, checkpointTable, stateTable, ledgerTable, quarantineTable}}, {w.options.Schema, targets},
	} {
		names, err := w.namesIn(ctx, s, of.schema)
		if err != nil {
			return nil, err
		}
		var there []place
		for _, t := range of.tables {
			if slices.Contains(names, schema.Fold(t)) {
				there = append(there, in(of.schema, t))
			}
		}
		if len(there) > 0 {
			all = append(all, rights(of.schema, there...)...)
		}
	}
	return all, nil
}

// regrant gives the readers their rights on everything that the checkpoint knows. A reader may
// be new in the config, or somebody may have taken its rights away. A target that somebody else
// owns is left to the merge, which finds that out.
func (w *Warehouse) regrant(ctx context.Context, c replicator.Checkpoint) error {
	if len(w.options.Readers) == 0 {
		return nil
	}
	var targets []string
	for _, t := range c.Tables {
		targets = append(targets, t.Target)
	}
	return w.with(ctx, func(s *session) error {
		err := w.grantAll(ctx, s, targets)
		if codeOf(err) != lacksRight {
			return w.explainGrant(ctx, s, err)
		}
		others, asked := s.rows(ctx, "look for targets of others", ofOthers(w.options.Schema))
		if asked != nil || len(others) == 0 {
			return err
		}
		return w.explainGrant(ctx, s, w.grantAll(ctx, s, slices.DeleteFunc(targets, func(t string) bool {
			return slices.ContainsFunc(others, func(r [][]byte) bool { return string(r[0]) == schema.Fold(t) })
		})))
	})
}

// grantAll gives the readers their rights on the metadata tables and on targets, as far as these
// are there.
func (w *Warehouse) grantAll(ctx context.Context, s *session, targets []string) error {
	all, err := w.readable(ctx, s, targets)
	if err == nil {
		_, err = s.together(ctx, "grant the readers their rights", w.grants(all))
	}
	return err
}

// explainGrant returns a halt instead of err if a grant was refused because a reader does not
// exist.
func (w *Warehouse) explainGrant(ctx context.Context, s *session, err error) error {
	if err == nil || replicator.Final(err) || replicator.Retryable(err) || codeOf(err) != undefinedObject {
		return err
	}
	h := &replicator.Halt{
		Reason: replicator.WarehouseUnfit,
		Found:  fmt.Sprintf("warehouse.readers are %s; Redshift says: %v", strings.Join(w.options.Readers, ", "), strings.TrimPrefix(err.Error(), "redshift: ")),
		Means:  "one of them is not there, so it can be granted nothing",
		Repair: "correct warehouse.readers, or make it; rowshift check says which it is",
		Cause:  err,
	}
	for _, reader := range w.options.Readers {
		if other := w.inOtherCase(ctx, s, reader); other != "" {
			h.Means += fmt.Sprintf("; there is no user %q, but %q, and names of users keep their case", reader, other)
			h.Repair = fmt.Sprintf("write %s for %s, or else ", other, reader) + h.Repair
		}
	}
	return h
}

// inOtherCase returns a user who is there in place of a reader who is not, by a name that differs
// in case only; empty if there is none. CREATE USER without quotes folds a name to lower case, and
// a reader is looked for as it is written. It is a hint, so an error of the query is ignored.
func (w *Warehouse) inOtherCase(ctx context.Context, s *session, reader string) string {
	if !isUser(reader) {
		return ""
	}
	rows, err := s.rows(ctx, "look for a reader in another case", usersLike(reader))
	if err != nil || len(rows) == 0 || slices.ContainsFunc(rows, func(r [][]byte) bool { return string(r[0]) == reader }) {
		return ""
	}
	return string(rows[0][0])
}

// lacking returns the statements that give a reader the rights that it does not have. For a
// group or role it returns none, because Redshift cannot be asked.
func (w *Warehouse) lacking(ctx context.Context, s *session, reader string, all []right) ([]string, error) {
	n, err := s.number(ctx, "look for a reader", countReader(reader))
	if err != nil || !isUser(reader) {
		return nil, err
	}
	var statements []string
	for _, r := range all {
		if n > 0 {
			has, err := s.rows(ctx, "ask for a reader's rights", r.ask(reader))
			if err != nil {
				return nil, err
			}
			if string(has[0][0]) == "t" {
				continue
			}
		}
		statements = append(statements, r.grant(reader))
	}
	return statements, nil
}

// checkReader looks whether a reader is there, and has its rights.
func (w *Warehouse) checkReader(ctx context.Context, s *session, reader string, tables []*schema.Table) replicator.Finding {
	f := replicator.Finding{Subject: "warehouse: reader " + reader, Verdict: replicator.Fine, Found: "there"}
	n, err := s.number(ctx, "look for a reader", countReader(reader))
	if err != nil {
		return unasked(f, err)
	}
	if kind, _ := readerOf(reader); n == 0 && kind == "ROLE" {
		f.Verdict, f.Found = replicator.Warning, "not among the roles that Redshift shows to the loader, which are those that it was given or owns; a run grants it its rights, and halts if it is not there"
		f.Repair = "let a superuser look for it in svv_roles, and if it is not there: " + createReader(reader)
		return f
	}
	if n == 0 {
		f.Verdict, f.Found = replicator.Failure, "there is no such user or group"
		f.Repair = "correct warehouse.readers, or make it: " + createReader(reader)
		if other := w.inOtherCase(ctx, s, reader); other != "" {
			f.Found += fmt.Sprintf(", but %q is there, and names of users keep their case", other)
			f.Repair = fmt.Sprintf("write %s for it, or else ", other) + f.Repair
		}
		return f
	}
	if !isUser(reader) {
		f.Found = "there; a run grants it its rights each time that it opens the warehouse, for nobody can ask whether it has them"
		return f
	}
	all, err := w.readable(ctx, s, targetsOf(tables))
	if err != nil {
		return unasked(f, err)
	}
	due, err := w.lacking(ctx, s, reader, all)
	switch {
	case err != nil:
		return unasked(f, err)
	case len(due) > 0:
		f.Verdict, f.Found = replicator.Warning, "there, and may not read all that it should; a run grants it when it opens the warehouse"
		f.Repair = "restart rowshift run, or: " + strings.Join(due, "; ") + ";"
	case len(all) > 0:
		f.Found = "there, and may read all that is there"
	}
	return f
}

func targetsOf(tables []*schema.Table) []string {
	var names []string
	for _, t := range tables {
		names = append(names, t.Target)
	}
	return names
}
