package e2e

import (
	"fmt"
	"slices"
	"strings"
)

// move changes the table's name or its schema.
func (d *drawing) move(t *drawnTable) []string {
	from := t.full()
	if t.young {
		return d.addColumn(t)
	}
	if d.rng.IntN(3) == 0 {
		t.schema = map[string]string{"public": "other", "other": "public"}[t.schema]
		return []string{"ALTER TABLE " + from + " SET SCHEMA " + t.schema}
	}
	if t.name == t.config {
		t.name = d.name("t")
	} else {
		t.name = t.config
	}
	return []string{"ALTER TABLE " + from + " RENAME TO " + t.name}
}

// replace drops the table or renames it, and may make another one in its place in the
// same transaction.
func (d *drawing) replace(t *drawnTable) []string {
	away := []string{"DROP TABLE " + t.full()}
	if t.full() == "public."+t.config && d.rng.IntN(3) == 0 {
		away = []string{fmt.Sprintf("ALTER TABLE %s RENAME TO %s", t.full(), d.name("old"))}
		return append(away, d.again(t)...)
	}
	t.gone = true
	if d.rng.IntN(2) == 0 {
		return away
	}
	return append(away, d.again(t)...)
}

// again makes a dropped table again, in its first shape and with some rows.
func (d *drawing) again(t *drawnTable) []string {
	for _, first := range drawnTables(true) {
		if first.config != t.config {
			continue
		}
		first.young, first.kinds, first.names, first.constraint = true, t.kinds, t.names, d.name(t.config+"_key")
		*t = *first
	}
	if t.config == "r1" { // a table whose columns have other names and another order
		t.columns[2], t.columns[3] = t.columns[3], t.columns[2]
		t.columns[2].name = d.name("col")
		t.columns[2].was = []string{t.columns[2].name}
	}
	for _, c := range t.columns {
		t.seen(c)
	}
	return append(t.create(), t.insert(d.rng))
}

// publish alters the publication by hand.
func (d *drawing) publish(t *drawnTable) []string {
	switch n := d.rng.IntN(8); {
	case n < 3:
		return []string{outOfPublication(t.full())}
	case n < 5:
		return []string{outOfPublication(t.full()), "ALTER PUBLICATION " + published + " ADD TABLE " + t.full()}
	case n == 5 && t.listed() && t.identity == 'd' && t.primary != nil:
		return []string{outOfPublication(t.full()), fmt.Sprintf("ALTER PUBLICATION %s ADD TABLE %s (%s)", published, t.full(), strings.Join(t.primary, ", "))}
	case n == 6:
		return []string{"ALTER PUBLICATION " + published + " SET (publish = 'insert')"}
	}
	return []string{"ALTER PUBLICATION " + published + " SET TABLE " + t.full()}
}

// log makes a table unlogged or logged again.
func (d *drawing) log(t *drawnTable) []string {
	t.unlogged = !t.unlogged
	if t.unlogged { // PostgreSQL refuses to make a published table unlogged
		return []string{"LOCK TABLE " + t.full(), outOfPublication(t.full()), "ALTER TABLE " + t.full() + " SET UNLOGGED"}
	}
	return []string{"ALTER TABLE " + t.full() + " SET LOGGED"}
}

// swapTables swaps the names of two tables, so that the config's name for one means the
// other.
func (d *drawing) swapTables(other *drawnTable) []string {
	a, b := d.tables[0], d.tables[2]
	for _, t := range []*drawnTable{a, b} {
		if t.gone || t.full() != "public."+t.config {
			return d.addColumn(other)
		}
	}
	columns, primary, index, constraint, identity, unlogged := a.columns, a.primary, a.index, a.constraint, a.identity, a.unlogged
	a.columns, a.primary, a.index, a.constraint, a.identity, a.unlogged = b.columns, b.primary, b.index, b.constraint, b.identity, b.unlogged
	b.columns, b.primary, b.index, b.constraint, b.identity, b.unlogged = columns, primary, index, constraint, identity, unlogged
	for _, t := range []*drawnTable{a, b} {
		t.young = true
		for _, c := range t.columns {
			t.seen(c)
		}
	}
	between := d.name("t")
	return []string{
		"ALTER TABLE " + a.full() + " RENAME TO " + between,
		"ALTER TABLE " + b.full() + " RENAME TO " + a.name,
		"ALTER TABLE public." + between + " RENAME TO " + b.name,
	}
}

// mend returns statements after which a table that cannot be replicated can be again.
func (d *drawing) mend(t *drawnTable) (all []string) {
	if t.gone {
		return d.again(t)
	}
	if t.unlogged {
		all = append(all, d.log(t)...)
	}
	if t.broken {
		i := slices.IndexFunc(t.columns, func(c drawnColumn) bool { return c.hidden && c.as != "" })
		all = append(all, fmt.Sprintf("ALTER TABLE %s RENAME %s TO %s", t.full(), t.columns[i].name, t.columns[i].as))
		t.rename(i, t.columns[i].as)
		t.broken = false
	}
	if t.unfit() != "" {
		t.identity, t.index = 'd', nil
		all = append(all, "ALTER TABLE "+t.full()+" REPLICA IDENTITY DEFAULT")
	}
	if t.unfit() != "" {
		t.primary, t.constraint = []string{t.id()}, d.name(t.config+"_key")
		all = append(all, fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s PRIMARY KEY (%s)", t.full(), t.constraint, t.id()))
	}
	return all
}
