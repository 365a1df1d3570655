package e2e

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// drawing draws statements from a seed.
type drawing struct {
	rng    *rand.Rand
	tables []*drawnTable
	made   int // number of names made so far
}

// published stands for the publication's name in drawn statements.
const published = "rowshift_accounts"

// transaction is what runs together: one transaction, or a single statement that cannot
// be in one.
type transaction struct {
	statements []string
	alone      bool
	rolledBack bool
}

func (t transaction) sql() string {
	end := "COMMIT"
	if t.rolledBack {
		end = "ROLLBACK"
	}
	if t.alone {
		return t.statements[0]
	}
	return "BEGIN; " + strings.Join(t.statements, "; ") + "; " + end
}

// next draws a transaction. If the transaction is rolled back, next forgets what it would
// have made of the tables.
func (d *drawing) next() transaction {
	before := make([]*drawnTable, len(d.tables))
	for i, t := range d.tables {
		before[i] = t.clone()
	}
	tx := transaction{rolledBack: d.rng.IntN(12) == 0}
	switch n := d.rng.IntN(100); {
	case n < 4:
		return d.maintenance()
	case n < 45:
		d.add(&tx, false, 1+d.rng.IntN(3))
	case n < 80:
		d.add(&tx, true, 1)
	default:
		for range 2 + d.rng.IntN(4) {
			d.add(&tx, d.rng.IntN(2) == 0, 1)
		}
	}
	if tx.rolledBack {
		copy(d.tables, before)
	}
	return tx
}

// add adds n statements to a transaction, which change shapes or rows.
func (d *drawing) add(tx *transaction, shape bool, n int) {
	for range n {
		t := d.tables[d.rng.IntN(len(d.tables))]
		switch {
		case t.gone:
			tx.statements = append(tx.statements, d.again(t)...)
		case shape:
			tx.statements = append(tx.statements, d.alter(t)...)
		default:
			tx.statements = append(tx.statements, t.change(d.rng))
		}
	}
}

// maintenance draws a statement that cannot be in a transaction.
func (d *drawing) maintenance() transaction {
	t := d.tables[d.rng.IntN(len(d.tables))]
	if t.gone {
		return transaction{alone: true, statements: []string{"ANALYZE"}}
	}
	return transaction{alone: true, statements: []string{[]string{"VACUUM FULL ", "VACUUM FREEZE ", "REINDEX TABLE CONCURRENTLY "}[d.rng.IntN(3)] + t.full()}}
}

// name returns a new name.
func (d *drawing) name(prefix string) string {
	d.made++
	return fmt.Sprintf("%s%d", prefix, d.made)
}

// alter draws a change of a table's shape.
func (d *drawing) alter(t *drawnTable) []string {
	switch n := d.rng.IntN(100); {
	case n < 22:
		return d.addColumn(t)
	case n < 34:
		return d.dropColumn(t)
	case n < 44:
		return d.renameColumn(t)
	case n < 48:
		return d.swapColumns(t)
	case n < 62:
		return d.alterType(t)
	case n < 68:
		return d.alterNull(t)
	case n < 73:
		return d.alterPrimary(t)
	case n < 81:
		return d.alterIdentity(t)
	case n < 88:
		return d.move(t)
	case n < 92:
		return d.replace(t)
	case n < 97:
		return d.publish(t)
	case n < 98:
		return d.log(t)
	default:
		return d.swapTables(t)
	}
}

// addColumn draws an ADD COLUMN, sometimes with a name that an earlier column had.
func (d *drawing) addColumn(t *drawnTable) []string {
	c := drawnColumn{name: d.name("col"), kind: d.kind(), hidden: t.config == "r5"}
	if strings.HasPrefix(t.choice, "columns: all") && d.rng.IntN(3) == 0 {
		if name := t.names[d.rng.IntN(len(t.names))]; !t.has(name) {
			c.name = name
		}
	}
	c.was = []string{c.name}
	add := fmt.Sprintf("ALTER TABLE %s ADD %s %s", t.full(), c.name, c.kind.source)
	switch d.rng.IntN(5) {
	case 0:
		c.notNull = true
		add += " NOT NULL DEFAULT " + c.value(d.rng)
	case 1:
		add += " DEFAULT " + c.volatile()
	}
	t.columns = append(t.columns, c)
	t.seen(c)
	return []string{add}
}

// volatile returns a default that differs in each row.
func (c drawnColumn) volatile() string {
	switch c.kind.warehouse {
	case "whole", "decimal":
		return "(random() * 1000)::int"
	case "date", "timestamptz":
		return "clock_timestamp()"
	case "boolean":
		return "random() < 0.5"
	}
	if c.kind == jsonb {
		return "to_jsonb(random())"
	}
	return "substr(md5(random()::text), 1, 8)"
}

func (d *drawing) kind() kind {
	all := []kind{smallint, integer, bigint, numeric, text, jsonb, date, moment, boolean, varchar(10), varchar(25)}
	return all[d.rng.IntN(len(all))]
}

// any draws a column for which wanted returns true, and returns -1 if there is none.
func (d *drawing) any(t *drawnTable, wanted func(drawnColumn) bool) int {
	var of []int
	for i, c := range t.columns {
		if wanted(c) {
			of = append(of, i)
		}
	}
	if len(of) == 0 {
		return -1
	}
	return of[d.rng.IntN(len(of))]
}

// dropColumn draws a DROP COLUMN, and sometimes an ADD COLUMN with the same name.
// Dropping a listed column takes its table out of the publication.
func (d *drawing) dropColumn(t *drawnTable) []string {
	i := d.any(t, func(c drawnColumn) bool { return !c.kept && (!t.inKey(c.name) || d.rng.IntN(4) == 0) })
	if i < 0 {
		return d.addColumn(t)
	}
	c := t.columns[i]
	t.drop(i)
	drop := fmt.Sprintf("ALTER TABLE %s DROP %s CASCADE", t.full(), c.name)
	if d.rng.IntN(3) > 0 || c.notNull {
		return []string{drop}
	}
	if d.rng.IntN(2) == 0 {
		c.kind = d.kind()
	}
	c.was, c.role = []string{c.name}, ""
	t.columns = append(t.columns, c)
	t.seen(c)
	return []string{drop, fmt.Sprintf("ALTER TABLE %s ADD %s %s", t.full(), c.name, c.kind.source)}
}

// renameColumn draws a RENAME COLUMN, sometimes back to an earlier name.
func (d *drawing) renameColumn(t *drawnTable) []string {
	i := d.any(t, func(c drawnColumn) bool { return !t.young || c.as == "" || c.hidden })
	from, to := t.columns[i].name, d.name("col")
	if was := cmp.Or(t.columns[i].as, t.columns[i].was[0]); !t.has(was) && d.rng.IntN(2) == 0 {
		to = was
	}
	t.rename(i, to)
	if c := t.columns[i]; c.hidden && c.as != "" {
		t.broken = c.name != c.as
	}
	return []string{fmt.Sprintf("ALTER TABLE %s RENAME %s TO %s", t.full(), from, to)}
}

// swapColumns swaps the names of two columns.
func (d *drawing) swapColumns(t *drawnTable) []string {
	unnamed := func(c drawnColumn) bool { return !c.hidden && c.as == "" } // not named in the config
	i, j := d.any(t, unnamed), d.any(t, unnamed)
	if i < 0 || i == j {
		return d.renameColumn(t)
	}
	a, b, between := t.columns[i].name, t.columns[j].name, d.name("col")
	t.rename(i, between)
	t.rename(j, a)
	t.rename(i, b)
	rename := "ALTER TABLE " + t.full() + " RENAME "
	return []string{rename + a + " TO " + between, rename + b + " TO " + a, rename + between + " TO " + b}
}

// alterNull sets or drops a NOT NULL or a default.
func (d *drawing) alterNull(t *drawnTable) []string {
	i := d.any(t, func(c drawnColumn) bool { return c.role != "id" && c.role != "u" && !t.inKey(c.name) })
	if i < 0 {
		return d.addColumn(t)
	}
	c := &t.columns[i]
	alter := fmt.Sprintf("ALTER TABLE %s ALTER %s ", t.full(), c.name)
	switch {
	case c.notNull && c.role != "k" && c.role != "code":
		c.notNull = false
		return []string{alter + "DROP NOT NULL"}
	case c.notNull || t.unfit() != "" || d.rng.IntN(2) == 0:
		return []string{alter + "SET DEFAULT " + c.value(d.rng)}
	}
	c.notNull = true
	return []string{
		"LOCK TABLE " + t.full(),
		fmt.Sprintf("UPDATE %s SET %s = %s WHERE %[2]s IS NULL", t.full(), c.name, c.value(d.rng)),
		alter + "SET NOT NULL",
	}
}

// withoutPublication returns statements that PostgreSQL refuses for a listed column,
// between those that take the table out of the publication and put it back.
func (t *drawnTable) withoutPublication(statements ...string) []string {
	if !t.listed() {
		return statements
	}
	all := append([]string{"LOCK TABLE " + t.full(), outOfPublication(t.full())}, statements...)
	if t.unfit() != "" {
		return all
	}
	var names []string
	for _, c := range t.chosen() {
		names = append(names, c.name)
	}
	return append(all, fmt.Sprintf("ALTER PUBLICATION %s ADD TABLE %s (%s)", published, t.full(), strings.Join(names, ", ")))
}

// outOfPublication returns a statement that takes a table out of the publication if it is
// in it.
func outOfPublication(name string) string {
	return fmt.Sprintf("DO $$ BEGIN ALTER PUBLICATION %s DROP TABLE %s; EXCEPTION WHEN undefined_object THEN NULL; END $$", published, name)
}

// alterType changes a column's type, or its values by a new expression.
func (d *drawing) alterType(t *drawnTable) []string {
	i := d.any(t, func(c drawnColumn) bool { return c.role != "u" && c.role != "code" && c.role != "q" })
	c := &t.columns[i]
	to, using := d.retype(*c)
	if c.role == "id" {
		to, using = bigint, ""
	}
	c.kind = to
	t.seen(*c)
	var all []string
	if c.role != "id" { // the new type may not take the default
		all = append(all, fmt.Sprintf("ALTER TABLE %s ALTER %s DROP DEFAULT", t.full(), c.name))
	}
	all = append(all, fmt.Sprintf("ALTER TABLE %s ALTER %s TYPE %s", t.full(), c.name, to.source)+using)
	if c.role == "k" {
		all = append(all, fmt.Sprintf("ALTER TABLE %s ALTER %s SET DEFAULT 0", t.full(), c.name))
	}
	return t.withoutPublication(all...)
}

// retype draws another type for a column, and how to convert the column's values.
func (d *drawing) retype(c drawnColumn) (to kind, using string) {
	switch n := d.rng.IntN(4); {
	case c.kind.warehouse == "whole" && n == 3 && c.role != "k":
		return text, fmt.Sprintf(" USING %s || ' pieces'", c.name)
	case c.kind.warehouse == "whole":
		to = []kind{smallint, integer, bigint}[n%3]
		return to, fmt.Sprintf(" USING ((%s + 7) %% 10000)::%s", c.name, to.source)
	case c.kind == numeric || c.kind == numeric2:
		return numeric2, ""
	case c.kind.warehouse != "varchar" || c.kind == jsonb:
		return text, ""
	case c.kind == text && n == 0:
		return varchar(25), fmt.Sprintf(" USING left(%s, 25)", c.name)
	case c.kind == text:
		return text, fmt.Sprintf(" USING upper(%s)", c.name)
	case c.kind == varchar(10):
		return varchar(25), ""
	}
	return text, ""
}

// alterPrimary draws another primary key, or drops it.
func (d *drawing) alterPrimary(t *drawnTable) (all []string) {
	keys := [][]string{{t.id()}, {t.id()}}
	for _, name := range []string{"k", "code"} {
		if c := t.called(name); c != nil && c.notNull {
			keys = append(keys, []string{c.name, t.id()}, []string{t.id(), c.name})
		}
	}
	key := keys[d.rng.IntN(len(keys))]
	if t.primary != nil {
		all = append(all, fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s", t.full(), t.constraint))
		t.primary = nil
		if d.rng.IntN(6) == 0 {
			return all
		}
	}
	t.primary, t.constraint = slices.Clone(key), d.name(t.config+"_key")
	return append(all, fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s PRIMARY KEY (%s)", t.full(), t.constraint, strings.Join(key, ", ")))
}

// alterIdentity draws another replica identity.
func (d *drawing) alterIdentity(t *drawnTable) []string {
	alter := "ALTER TABLE " + t.full() + " REPLICA IDENTITY "
	n := d.rng.IntN(10)
	if n >= 7 {
		columns := []string{t.id()}
		if c := t.called("k"); c != nil && c.notNull && n > 7 {
			columns = append(columns, c.name)
		}
		name := d.name(t.config + "_index")
		t.identity, t.index = 'i', columns
		return []string{fmt.Sprintf("CREATE UNIQUE INDEX %s ON %s (%s)", name, t.full(), strings.Join(columns, ", ")), alter + "USING INDEX " + name}
	}
	t.index = nil
	switch {
	case n < 3:
		t.identity = 'f'
		return []string{alter + "FULL"}
	case n < 4:
		t.identity = 'n'
		return []string{alter + "NOTHING"}
	}
	t.identity = 'd'
	return []string{alter + "DEFAULT"}
}
