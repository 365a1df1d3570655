package redshift

import (
	"fmt"
	"slices"
	"strings"

	"rowshift/replicator"
	"rowshift/schema"
)

// place is a table of the warehouse, as SQL names it.
type place string

// in returns a table of a schema.
func in(schema, table string) place { return place(quoted(schema) + "." + quoted(table)) }

// temporary returns a temporary table. It has no schema, so if it does not exist, Redshift looks
// for its name along the search path: therefore no target has such a name.
func temporary(name string) place { return place(quoted(temporaryPrefix + name)) }

const temporaryPrefix = "rowshift_tmp_"

// of returns a column of the table.
func (p place) of(column string) string { return string(p) + "." + quoted(column) }

// The columns of a staging table are named by position, so that no name of the
// source can clash: values, origin key, flags of unchanged columns, and whether the
// key is gone.
func valueColumn(i int) string     { return fmt.Sprintf("c%d", i+1) }
func originColumn(i int) string    { return fmt.Sprintf("o%d", i+1) }
func unchangedColumn(i int) string { return fmt.Sprintf("u%d", i+1) }

const goneColumn = "gone"

// createStage makes the staging table of a fold.
func createStage(stage place, f replicator.StagedFold) string {
	return fmt.Sprintf("CREATE TEMP TABLE %s (%s) %s",
		stage, strings.Join(defineStage(f), ", "), spread(f.Table, valueColumn))
}

// defineStage returns the columns of a fold's staging table, with their types.
func defineStage(f replicator.StagedFold) []string {
	t := f.Table
	columns := []string{}
	for i, c := range t.Columns {
		columns = append(columns, quoted(valueColumn(i))+" "+c.Mapping.Type)
	}
	if len(f.Unchanged) > 0 {
		for i, k := range t.Key {
			columns = append(columns, quoted(originColumn(i))+" "+t.Columns[k].Mapping.Type)
		}
		for _, u := range f.Unchanged {
			columns = append(columns, quoted(unchangedColumn(u))+" BOOLEAN")
		}
	}
	return append(columns, quoted(goneColumn)+" BOOLEAN")
}

// stageColumns returns the columns of a fold's files, in their order.
func stageColumns(f replicator.StagedFold) []string {
	var names []string
	for i := range f.Table.Columns {
		names = append(names, valueColumn(i))
	}
	if len(f.Unchanged) > 0 {
		for i := range f.Table.Key {
			names = append(names, originColumn(i))
		}
		for _, u := range f.Unchanged {
			names = append(names, unchangedColumn(u))
		}
	}
	return append(names, goneColumn)
}

// copyFiles loads files into a table. None of its options alters a value.
// https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html
func copyFiles(into place, columns []string, f replicator.Files, role, region string) string {
	s := fmt.Sprintf("COPY %s (%s) FROM %s IAM_ROLE %s FORMAT AS CSV %s MANIFEST NULL AS %s DATEFORMAT 'auto' TIMEFORMAT 'auto' COMPUPDATE OFF STATUPDATE OFF",
		into, list(columns, func(_ int, c string) string { return quoted(c) }), literal(f.Manifest), literal(role), f.Compression, literal(f.Null))
	if region != "" {
		s += " REGION " + literal(region)
	}
	return s
}

// Aliases of the table that a DELETE compares its target with. The target is there by its own
// name, which may be any but these.
const (
	asStaged = "rowshift_staged"
	asLoaded = "rowshift_loaded"
	asGone   = "rowshift_gone"
)

const copied = "SELECT pg_last_copy_count()"

// same compares two columns of one type; texts are compared by their length as well.
func same(text bool, a, b string) string {
	if !text {
		return a + " = " + b
	}
	return fmt.Sprintf("%s = %s AND OCTET_LENGTH(%s) = OCTET_LENGTH(%s)", a, b, a, b)
}

// sameKey compares the key columns of two tables. a and b name a table's column, given its place
// in the key and in the table.
func sameKey(t *schema.Table, a, b func(i, column int) string) string {
	return matchKey(t, func(m schema.Mapping) bool { return m.Text }, a, b)
}

// sameStagedKey is sameKey for tables that hold only what the mappings of the key's columns
// wrote. There no value of a type without blanks ends in one, so lengths of such values are not
// compared.
func sameStagedKey(t *schema.Table, a, b func(i, column int) string) string {
	return matchKey(t, func(m schema.Mapping) bool { return m.Text && !m.Blankless }, a, b)
}

// matchKey compares key columns; those for which text is true are compared by length as well.
func matchKey(t *schema.Table, text func(schema.Mapping) bool, a, b func(i, column int) string) string {
	var conditions []string
	for i, k := range t.Key {
		conditions = append(conditions, same(text(t.Columns[k].Mapping), a(i, k), b(i, k)))
	}
	return strings.Join(conditions, " AND ")
}

// fill sets the values that staged rows leave unchanged to those of the row with their origin
// key, and clears the flags of these rows. Rows that find no origin keep their flags.
func fill(stage, target place, f replicator.StagedFold) string {
	t := f.Table
	var sets, flags []string
	for _, u := range f.Unchanged {
		c, flag := quoted(valueColumn(u)), stage.of(unchangedColumn(u))
		flags = append(flags, flag)
		sets = append(sets, fmt.Sprintf("%s = CASE WHEN %s THEN t.%s ELSE %s END", c, flag, quoted(t.Columns[u].Target), stage.of(valueColumn(u))))
	}
	for _, u := range f.Unchanged {
		sets = append(sets, quoted(unchangedColumn(u))+" = FALSE")
	}
	where := sameStagedKey(t,
		func(i, _ int) string { return stage.of(originColumn(i)) },
		func(_, k int) string { return "t." + quoted(t.Columns[k].Target) })
	return fmt.Sprintf("UPDATE %s SET %s FROM %s AS t WHERE (%s) AND %s", stage, strings.Join(sets, ", "), target, strings.Join(flags, " OR "), where)
}

// unfilled counts the staged rows that found no origin, after fill.
func unfilled(stage place, f replicator.StagedFold) string {
	return fmt.Sprintf("SELECT COUNT(*) FROM %s WHERE %s", stage, anyOf(f.Unchanged))
}

// deleteAll empties a table. TRUNCATE would commit.
// https://docs.aws.amazon.com/redshift/latest/dg/r_TRUNCATE.html
func deleteAll(from place) string { return "DELETE FROM " + string(from) }

// deleteKeys deletes the rows of all staged keys.
func deleteKeys(target, stage place, t *schema.Table) string {
	return fmt.Sprintf("DELETE FROM %s USING %s AS %s WHERE %s", target, stage, asStaged, sameStagedKey(t,
		aliased(string(target), t), func(_, k int) string { return asStaged + "." + quoted(valueColumn(k)) }))
}

// insertStaged inserts the staged rows that are not gone.
func insertStaged(target, stage place, t *schema.Table) string {
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s WHERE NOT %s", target, targets(t),
		list(t.Columns, func(i int, _ schema.Column) string { return quoted(valueColumn(i)) }), stage, quoted(goneColumn))
}

// targets lists the columns of a target.
func targets(t *schema.Table) string {
	return list(t.Columns, func(_ int, c schema.Column) string { return quoted(c.Target) })
}

// createGone makes the temporary table for keys of the target that go. It has the target's types:
// a target stays wide when its column's mapping becomes narrower, and its keys would not fit, or
// would be rounded.
func createGone(gone, target place, t *schema.Table) string {
	return fmt.Sprintf("CREATE TEMP TABLE %s AS SELECT %s FROM %s WHERE FALSE", gone, list(t.Key, func(i, k int) string {
		return quoted(t.Columns[k].Target) + " AS " + quoted(valueColumn(i))
	}), target)
}

// aliased returns a function that names the key columns of a table by an alias, or by its own name.
func aliased(alias string, t *schema.Table) func(i, k int) string {
	return func(_, k int) string { return alias + "." + quoted(t.Columns[k].Target) }
}

// deleteDifferent deletes the target's rows that the load table has with other values. Redshift
// has no IS DISTINCT FROM. If a column is of a type that cannot be compared, it deletes every
// row that the load table has.
func deleteDifferent(target, load place, t *schema.Table) string {
	all := fmt.Sprintf("DELETE FROM %s USING %s AS %s WHERE %s", target, load, asLoaded, sameKey(t, aliased(string(target), t), aliased(asLoaded, t)))
	var differ []string
	for i, c := range t.Columns {
		if slices.Contains(t.Key, i) {
			continue
		}
		if schema.WithoutEquality(c.Mapping.Type) {
			return all
		}
		differ = append(differ, distinct(c.Mapping.Text, target.of(c.Target), asLoaded+"."+quoted(c.Target)))
	}
	if len(differ) == 0 {
		return "" // nothing but the key
	}
	return fmt.Sprintf("%s AND (%s)", all, strings.Join(differ, " OR "))
}

// distinct is a condition that is true if two columns of one type differ. NULLs do not, and
// texts do if their lengths do.
func distinct(text bool, a, b string) string {
	s := a + " <> " + b
	if text {
		s += fmt.Sprintf(" OR OCTET_LENGTH(%s) <> OCTET_LENGTH(%s)", a, b)
	}
	return s + fmt.Sprintf(" OR (%s IS NULL AND %s IS NOT NULL) OR (%s IS NOT NULL AND %s IS NULL)", a, b, a, b)
}

// findGone collects the keys of the target that the load table lacks.
func findGone(gone, target, load place, t *schema.Table) string {
	k := t.Columns[t.Key[0]].Target
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s AS t LEFT JOIN %s AS l ON %s WHERE l.%s IS NULL", gone,
		list(t.Key, func(i, _ int) string { return quoted(valueColumn(i)) }),
		list(t.Key, func(_, k int) string { return "t." + quoted(t.Columns[k].Target) }),
		target, load, sameKey(t, aliased("t", t), aliased("l", t)), quoted(k))
}

// deleteGone deletes the collected keys.
func deleteGone(target, gone place, t *schema.Table) string {
	return fmt.Sprintf("DELETE FROM %s USING %s AS %s WHERE %s", target, gone, asGone, sameKey(t,
		aliased(string(target), t), func(i, _ int) string { return asGone + "." + quoted(valueColumn(i)) }))
}

// insertLacking inserts the load table's rows that the target lacks.
func insertLacking(target, load place, t *schema.Table) string {
	k := t.Columns[t.Key[0]].Target
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s AS l LEFT JOIN %s AS t ON %s WHERE t.%s IS NULL", target, targets(t),
		list(t.Columns, func(_ int, c schema.Column) string { return "l." + quoted(c.Target) }),
		load, target, sameKey(t, aliased("l", t), aliased("t", t)), quoted(k))
}

// insertLoaded inserts all rows of the load table.
func insertLoaded(target, load place, t *schema.Table) string {
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s", target, targets(t), targets(t), load)
}

// countRows counts the rows of a table.
func countRows(of place) string { return "SELECT COUNT(*) FROM " + string(of) }

// surplus counts how many rows more a target has than the load table.
func surplus(target, load place) string {
	return fmt.Sprintf("SELECT (SELECT COUNT(*) FROM %s) - (SELECT COUNT(*) FROM %s)", target, load)
}

// deleteKeyless deletes the target's rows that have no key.
func deleteKeyless(target place, t *schema.Table) string {
	return fmt.Sprintf("DELETE FROM %s WHERE %s", target,
		strings.Join(keyColumns(t, func(c string, _ bool) string { return c + " IS NULL" }), " OR "))
}

// findTwice collects the keys that the target has more than one row of.
func findTwice(gone, target place, t *schema.Table) string {
	apart := keyColumns(t, func(c string, text bool) string {
		if text {
			return c + ", OCTET_LENGTH(" + c + ")"
		}
		return c
	})
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM %s GROUP BY %s HAVING COUNT(*) > 1", gone,
		list(t.Key, func(i, _ int) string { return quoted(valueColumn(i)) }),
		list(t.Key, func(_, k int) string { return quoted(t.Columns[k].Target) }), target, strings.Join(apart, ", "))
}

// keyColumns returns what write returns for each column of the key, given its name and whether
// it is text.
func keyColumns(t *schema.Table, write func(column string, text bool) string) (all []string) {
	for _, k := range t.Key {
		all = append(all, write(quoted(t.Columns[k].Target), t.Columns[k].Mapping.Text))
	}
	return all
}

// drop drops tables, if they are there.
func drop(tables ...place) string {
	return "DROP TABLE IF EXISTS " + list(tables, func(_ int, p place) string { return string(p) })
}
