package redshift

import (
	"fmt"
	"slices"
	"strings"

	"rowshift/schema"
)

// addColumn adds one column: one statement of Redshift cannot add more.
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

// spreadEvenly and unsort remove the DISTKEY and the SORTKEY.
func spreadEvenly(p place) string { return fmt.Sprintf("ALTER TABLE %s ALTER DISTSTYLE EVEN", p) }
func unsort(p place) string       { return fmt.Sprintf("ALTER TABLE %s ALTER SORTKEY NONE", p) }

// quotedAll joins quoted names of columns.
func quotedAll(names []string) string {
	return list(names, func(_ int, name string) string { return quoted(name) })
}

func toDistKey(p place) string { return fmt.Sprintf("ALTER TABLE %s ALTER DISTKEY ", p) }
func toSortKey(p place) string { return fmt.Sprintf("ALTER TABLE %s ALTER COMPOUND SORTKEY ", p) }

// movesRows reports whether a statement on a table writes all its rows anew.
func movesRows(p place, sql string) bool {
	return strings.HasPrefix(sql, toDistKey(p)) || strings.HasPrefix(sql, toSortKey(p))
}

// copyColumn sets a column to the value of another, in all rows.
func copyColumn(p place, to, from string) string {
	return fmt.Sprintf("UPDATE %s SET %s = %s", p, quoted(to), quoted(from))
}

// copyDifferent is copyColumn for only those rows in which the two differ, so that a second try
// writes no row twice.
func copyDifferent(p place, to string, from schema.Column) string {
	return fmt.Sprintf("%s WHERE %s", copyColumn(p, to, from.Target), distinct(from.Mapping.Text, quoted(to), quoted(from.Target)))
}

// emptyColumn makes a column NULL in all rows.
func emptyColumn(p place, name string) string {
	return fmt.Sprintf("UPDATE %s SET %s = NULL WHERE %[2]s IS NOT NULL", p, quoted(name))
}

// blockerOf finds the session that has a lock on a table and whose transaction is the oldest of
// such, with its user and for how many seconds the transaction has been open. AWS says of
// SVV_TRANSACTIONS both that regular users see only their own data in it, and that all its rows are
// visible to all users. So where it shows nobody to a loader that is no superuser, others may
// still have the table.
// https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_TRANSACTIONS.html
// https://docs.aws.amazon.com/redshift/latest/dg/c_visibility-of-data.html
// https://repost.aws/knowledge-center/prevent-locks-blocking-queries-redshift
func blockerOf(schemaName, table string) string {
	return fmt.Sprintf(`SELECT t.pid, t.txn_owner, DATEDIFF(second, t.txn_start, GETDATE()) FROM svv_transactions AS t `+
		`JOIN pg_class AS c ON c."oid" = t.relation JOIN pg_namespace AS n ON n."oid" = c.relnamespace `+
		`WHERE n.nspname = %s AND c.relname = %s AND t.granted AND t.pid <> pg_backend_pid() ORDER BY t.txn_start LIMIT 1`,
		literal(schema.Fold(schemaName)), literal(schema.Fold(table)))
}

// wide returns a name for the column that takes the place of one whose type is too narrow. No
// column of the table has that name.
func wide(t *schema.Table, name string) string {
	return spare(name, "__wide", func(to string) bool {
		return slices.ContainsFunc(t.Columns, func(c schema.Column) bool { return c.Target == to })
	})
}

// widenColumn puts a column of a wider type in the place of one. Redshift changes the type only
// of a VARCHAR, not if it has one of some encodings, and not if the rows are spread or sorted by
// it (github.com/estuary/connectors issue 4893). Nor does it drop a column that they are spread or
// sorted by. The alterations may be run again from the start until the last transaction has
// committed. An earlier try may have left a wide column, whose name is to: left is its type, empty
// if there is none. If that is too narrow by now, it is dropped first. If Redshift refuses to drop
// the column, the wide one is dropped, unless the rows are spread or sorted by it by now.
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
	end := alteration{statements: []string{dropColumn(p, c.Target), renameColumn(p, to, c.Target)}}
	if !by.has(c.Target) && !by.has(to) {
		end.undo = dropColumn(p, to)
	}
	return append(alone(statements...), end)
}

// moveKeys returns the statements that have rows spread and sorted by the column to instead of
// from, as far as they are by from.
func moveKeys(p place, by rowKeys, from, to string) (statements []string) {
	if by.dist == from {
		statements = append(statements, alterDistKey(p, to))
	}
	if slices.Contains(by.sort, from) {
		statements = append(statements, alterSortKey(p, by.renamed(from, to).sort))
	}
	return statements
}

// shown joins statements for people to run.
func shown(statements []string) string { return strings.Join(statements, "; ") + ";" }
