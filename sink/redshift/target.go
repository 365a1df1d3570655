package redshift

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"rowshift/replicator"
	"rowshift/schema"
)

// target reads the columns of a target, with their types as catalogueType writes them, and their
// traits. There are none if the target is not there. The error is a *replicator.Unfit if a view
// has its name.
func (w *Warehouse) target(ctx context.Context, s *session, t *schema.Table) (have map[string]string, by traits, err error) {
	const op = "look at the target"
	kind, err := s.rows(ctx, op, kindOf(w.options.Schema, t.Target))
	if err != nil || len(kind) == 0 {
		return nil, by, err
	}
	if string(kind[0][0]) != "r" {
		return nil, by, unfit(t, viewHalt(in(w.options.Schema, t.Target), t))
	}
	rows, err := s.rows(ctx, op, columnsOf(w.options.Schema, t.Target))
	have = make(map[string]string, len(rows))
	by.fixed, by.granted = map[string]bool{}, map[string]string{}
	for _, r := range rows {
		name := string(r[0])
		have[name] = catalogueType(string(r[1]))
		if string(r[2]) == "t" {
			by.dist = name
		}
		if position := string(r[3]); position != "0" && position != "" {
			by.sort = append(by.sort, name)
		}
		if slices.Contains(fixedEncodings, strings.ToLower(string(r[4]))) {
			by.fixed[name] = true
		}
		if acl := string(r[5]); acl != "" {
			by.granted[name] = acl
		}
	}
	return have, by, err
}

// traits are what counts of a target's columns beside their types when one of them is altered.
type traits struct {
	rowKeys
	fixed   map[string]bool   // columns whose encoding keeps Redshift from changing their length
	granted map[string]string // the privileges on columns that have any of their own, as Redshift writes them
}

// fixedEncodings are the encodings with which the length of a VARCHAR cannot be changed. Redshift
// may have chosen one of them itself.
// https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html
var fixedEncodings = []string{"bytedict", "runlength", "text255", "text32k"}

// renamed returns the traits as they are once a column has another name.
func (k traits) renamed(from, to string) traits {
	k.rowKeys = k.rowKeys.renamed(from, to)
	k.fixed, k.granted = maps.Clone(k.fixed), maps.Clone(k.granted)
	rename(k.fixed, from, to)
	rename(k.granted, from, to)
	return k
}

func rename[T any](of map[string]T, from, to string) {
	if v, ok := of[from]; ok {
		delete(of, from)
		of[to] = v
	}
}

// rowKeys are the columns that a target's rows are spread and sorted by. They need not be those
// of its table: another column may have become the key since, or a column may have been renamed.
type rowKeys struct {
	dist string // empty if there is none
	sort []string
}

// has reports whether rows are spread or sorted by a column.
func (k rowKeys) has(name string) bool { return k.dist == name || slices.Contains(k.sort, name) }

// renamed returns the keys as they are once a column has another name.
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

// otherType returns the halt for a column whose type does not hold the source's values. The
// repair gives the column another name, by which it stands in nobody's way.
func otherType(p place, c schema.Column, have map[string]string, t *schema.Table) *replicator.Halt {
	old := spare(c.Target, "_old", func(name string) bool { return have[name] != "" })
	return &replicator.Halt{
		Reason: replicator.TargetDrift,
		Found:  fmt.Sprintf("column %s of %s is %s", quoted(c.Target), p, have[c.Target]),
		Means:  "values of the source's type need " + c.Mapping.Type,
		Repair: fmt.Sprintf("%s; then %s", renameColumn(p, c.Target, old), resyncOf(t)),
	}
}

// outOfTheWay returns the repair that renames a target, so that a load makes it anew.
func outOfTheWay(p place, t *schema.Table) string {
	old := spare(t.Target, "_old", func(string) bool { return false })
	return fmt.Sprintf("rename the table: %s then %s", renameTable(p, old), resyncOf(t))
}

// viewHalt returns the halt for a view in a target's place: nothing can be written to a view.
func viewHalt(p place, t *schema.Table) *replicator.Halt {
	return &replicator.Halt{
		Reason: replicator.TargetDrift,
		Found:  fmt.Sprintf("%s is a view", p),
		Means:  "somebody put it in the place of the target, and Redshift writes to tables only",
		Repair: "drop the view or give it another name, and put the table back under its name or leave it to the resync to make it; then " + resyncOf(t),
	}
}

// unfit says which table a halt for TargetDrift is about, so that the others go on. It returns
// other errors as they are.
func unfit(t *schema.Table, err error) error {
	h, ok := errors.AsType[*replicator.Halt](err)
	if !ok || h.Reason != replicator.TargetDrift {
		return err
	}
	return &replicator.Unfit{OID: t.OID, Name: t.Configured, Why: h}
}

// drift returns a halt if a target is not there, or if it lacks a column or has one whose type
// does not hold the source's values.
func (w *Warehouse) drift(t *schema.Table, have map[string]string) error {
	p := in(w.options.Schema, t.Target)
	if len(have) == 0 {
		return &replicator.Halt{
			Reason: replicator.TargetDrift,
			Found:  fmt.Sprintf("there is no table %s", p),
			Means:  "the target was dropped or renamed by somebody",
			Repair: "put it back under its name, or leave it to the resync to make it; then " + resyncOf(t),
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
