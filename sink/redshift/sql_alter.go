package redshift

import (
	"fmt"
	"slices"
	"strings"

	"rowshift/schema"
)

// addColumn adds one column, as one statement of Redshift can.
// https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html
func addColumn(p place, name, kind string) string {
	return fmt.Sprintf("ALTER TABLE %s ADD COLUMN %s %s", p, quoted(name), kind)
}

func renameColumn(p place, from, to string) string {
	return fmt.Sprintf("ALTER TABLE %s RENAME COLUMN %s TO %s", p, quoted(from), quoted(to))
}

func dropColumn(p place, name string) string {
	return fmt.Sprintf("ALTER TABLE %s DROP COLUMN %s", p, quoted(name))
}

// lengthenColumn gives a VARCHAR another length. It cannot be run in a transaction.
func lengthenColumn(p place, name, kind string) string {
	return fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s TYPE %s", p, quoted(name), kind)
}

func alterDistKey(p place, name string) string { return toDistKey(p) + quoted(name) }

func alterSortKey(p place, names []string) string {
	return fmt.Sprintf("%s(%s)", toSortKey(p), quotedAll(names))
}

// spreadEvenly and unsort do away with such keys.
func spreadEvenly(p place) string { return fmt.Sprintf("ALTER TABLE %s ALTER DISTSTYLE EVEN", p) }
func unsort(p place) string       { return fmt.Sprintf("ALTER TABLE %s ALTER SORTKEY NONE", p) }

// quotedAll writes names of columns.
func quotedAll(names []string) string {
	return list(names, func(_ int, name string) string { return quoted(name) })
}

func toDistKey(p place) string { return fmt.Sprintf("ALTER TABLE %s ALTER DISTKEY ", p) }
func toSortKey(p place) string { return fmt.Sprintf("ALTER TABLE %s ALTER COMPOUND SORTKEY ", p) }

// movesRows tells the statements on a table that write all its rows anew.
func movesRows(p place, sql string) bool {
	return strings.HasPrefix(sql, toDistKey(p)) || strings.HasPrefix(sql, toSortKey(p))
}

// copyColumn gives a column what another one has.
func copyColumn(p place, to, from string) string {
	return fmt.Sprintf("UPDATE %s SET %s = %s", p, quoted(to), quoted(from))
}

// emptyColumn makes a column NULL in all rows.
func emptyColumn(p place, name string) string {
	return fmt.Sprintf("UPDATE %s SET %s = NULL WHERE %[2]s IS NOT NULL", p, quoted(name))
}

// copyDifferent gives a column what another one has, where it has not: tried again, it
// writes nothing twice.
func copyDifferent(p place, to string, from schema.Column) string {
	return fmt.Sprintf("%s WHERE %s", copyColumn(p, to, from.Target), distinct(from.Mapping.Text, quoted(to), quoted(from.Target)))
}

// wide is the name of the column that takes the place of one of too narrow a type. It is
// not one that the table has for another.
func wide(t *schema.Table, name string) string {
	return spare(name, "__wide", func(to string) bool {
		return slices.ContainsFunc(t.Columns, func(c schema.Column) bool { return c.Target == to })
	})
}

// widenColumn puts a column of a wider type in the place of one: Redshift changes the
// type of none but a VARCHAR, and of none that its rows are spread or sorted by
// (github.com/estuary/connectors issue 4893), which it does not drop either. It may be run
// again from the start as long as the last transaction is not committed; left is the type of
// the wide column, by the name to, that is there, empty if none is. One that is too narrow
// itself by now is done away with.
func widenColumn(p place, by rowKeys, c schema.Column, to, left string) []alteration {
	var statements []string
	if left != "" && !holds(left, c.Mapping.Type) {
		statements = append(moveKeys(p, by, to, c.Target), dropColumn(p, to))
		by, left = by.renamed(to, c.Target), ""
	}
	if left == "" {
		statements = append(statements, addColumn(p, to, c.Mapping.Type))
	}
	statements = append(statements, copyDifferent(p, to, c))
	statements = append(statements, moveKeys(p, by, c.Target, to)...)
	return append(alone(statements...), alteration{statements: []string{dropColumn(p, c.Target), renameColumn(p, to, c.Target)}})
}

// moveKeys has the rows spread and sorted by another column, as far as they are by one.
func moveKeys(p place, by rowKeys, from, to string) (statements []string) {
	if by.dist == from {
		statements = append(statements, alterDistKey(p, to))
	}
	if slices.Contains(by.sort, from) {
		statements = append(statements, alterSortKey(p, by.renamed(from, to).sort))
	}
	return statements
}

// shown writes statements for people to run.
func shown(statements []string) string { return strings.Join(statements, "; ") + ";" }
