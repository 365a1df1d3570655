package redshift

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"rowshift/replicator"
	"rowshift/schema"
)

// replaced is a column in whose place another is put.
type replaced struct {
	column  schema.Column // what it is to become
	granted string        // the privileges that were granted on it alone, as Redshift writes them
	called  []string      // what the target calls it, and what policies may call it besides
}

// maskingPolicy is a masking policy that is attached to columns of a target.
type maskingPolicy struct {
	name, grantee, granteeType, priority string
	output, input                        string // what it masks, and what it reads for that, as Redshift writes them
}

// covers reports whether a policy masks a column or reads it. How Redshift writes lists of
// columns and of paths in them is not documented. So any list that has the name in it counts,
// unless the name is part of a longer one.
func (m maskingPolicy) covers(column string) bool {
	const end = `[^\pL\pN_$]`
	return regexp.MustCompile(`(?i)(^|` + end + `)` + regexp.QuoteMeta(column) + `(` + end + `|$)`).MatchString(m.output + " " + m.input)
}

// listed finds what may be a name in a list of columns or paths.
var listed = regexp.MustCompile(`[\pL\pN_$]+`)

// alone reports whether a policy masks just a column that has one of those names, and reads
// nothing else for that.
func (m maskingPolicy) alone(called []string) bool {
	for _, text := range []string{m.output, m.input} {
		names := listed.FindAllString(text, -1)
		if len(names) != 1 || !slices.ContainsFunc(called, func(name string) bool { return strings.EqualFold(name, names[0]) }) {
			return false
		}
	}
	return true
}

// due returns what is due to a target, as dueOf does. The error is a *replicator.Unfit too if a
// column would have to be replaced that is guarded: neither its masking policies nor the
// privileges on it alone would cover the column in its place, and whoever may read the table
// would read in clear what is masked. A user to whom Redshift does not show the policies is taken
// to have none, since most have none; the README says so.
func (w *Warehouse) due(ctx context.Context, s *session, a replicator.Alteration, have map[string]string, by traits) (due, error) {
	d, err := w.dueOf(a, have, by)
	all := slices.Concat(d.replaced, d.copied)
	if err != nil || len(all) == 0 {
		return d, err
	}
	policies, err := w.policies(ctx, s, a.Table)
	if err != nil {
		return due{}, err
	}
	for i, r := range all {
		if h := w.guardHalt(a.Table, r, policies, have, i < len(d.replaced)); h != nil {
			return due{}, unfit(a.Table, h)
		}
	}
	return d, nil
}

// policies reads the masking policies on a target, as far as Redshift shows them.
func (w *Warehouse) policies(ctx context.Context, s *session, t *schema.Table) (all []maskingPolicy, err error) {
	rows, err := s.rows(ctx, "look for masking policies", policiesOn(w.options.Schema, t.Target))
	if code := codeOf(err); code == lacksRight || code == noTable {
		return nil, nil
	}
	for _, r := range rows {
		all = append(all, maskingPolicy{string(r[0]), string(r[1]), strings.ToLower(string(r[2])), string(r[3]), string(r[4]), string(r[5])})
	}
	return all, err
}

// guardHalt returns the halt for a column that would be replaced although it is guarded, nil if
// it is not. The repair makes the new column before it has any value, so that no value is ever
// in a column that nothing guards. A policy that is not about this column alone is described, not
// printed as a statement: ATTACH takes lists of columns, but how Redshift shows those is not
// documented. adds is false if the column that takes the place is there.
func (w *Warehouse) guardHalt(t *schema.Table, r replaced, policies []maskingPolicy, have map[string]string, adds bool) *replicator.Halt {
	p, name := in(w.options.Schema, t.Target), r.column.Target
	old := spare(name, "_old", func(name string) bool { return have[name] != "" })
	var found, again []string
	for _, m := range policies {
		if slices.ContainsFunc(r.called, m.covers) {
			found = append(found, fmt.Sprintf("the masking policy %s on %s for %s %s", quoted(m.name), m.output, m.granteeType, m.grantee))
			if m.alone(r.called) {
				again = append(again, attachPolicy(p, name, m))
			} else {
				again = append(again, fmt.Sprintf("then detach the masking policy %s, which masks %s and reads %s, from %s %s, and attach it to them again with priority %s, with column %s in all places where it was on column %s, which is called %s by then;",
					quoted(m.name), m.output, m.input, m.granteeType, m.grantee, m.priority, quoted(name), quoted(r.called[0]), quoted(old)))
			}
		}
	}
	if r.granted != "" {
		found = append(found, fmt.Sprintf("privileges of its own (%s)", r.granted))
		again = append(again, grantColumn(p, name))
	}
	if len(found) == 0 {
		return nil
	}
	statements := []string{renameColumn(p, r.called[0], old)}
	if adds {
		statements = append(statements, addColumn(p, name, r.column.Mapping.Type))
	}
	return &replicator.Halt{
		Reason: replicator.TargetDrift,
		Found:  fmt.Sprintf("column %s of %s has %s", quoted(r.called[0]), p, strings.Join(found, ", and ")),
		Means:  fmt.Sprintf("its values have to go into column %s, which is %s, and what guards this one would not guard that one", quoted(name), r.column.Mapping.Type),
		Repair: fmt.Sprintf("%s %s then %s; until the table is loaded, the new column does not have these values, and then the old one can be dropped: %s",
			shown(statements), strings.Join(again, " "), resyncOf(t), dropColumn(p, old)),
	}
}
