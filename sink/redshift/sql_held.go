package redshift

import (
	"fmt"
	"strconv"
	"strings"

	"rowshift/replicator"
	"rowshift/schema"
)

// The first columns of a held table, and of the staging table for what is added to it: the fold,
// the transaction if the fold is of one only, and whether all earlier rows are gone. The columns
// of a fold's staging table follow, with a flag for every column that may be left unchanged.
const (
	foldColumn      = "fold"
	xidColumn       = "xid"
	truncatedColumn = "truncated"
)

// heldFold returns a fold with the columns that all folds in a held table have.
func heldFold(t *schema.Table) replicator.StagedFold {
	return replicator.StagedFold{Table: t, Unchanged: t.Toastable()}
}

// heldColumns returns the columns of a held table, in the order of the files.
func heldColumns(t *schema.Table) []string {
	return append([]string{foldColumn, xidColumn, truncatedColumn}, stageColumns(heldFold(t))...)
}

// defineHeld writes the columns of a held table with their types.
func defineHeld(t *schema.Table) string {
	return fmt.Sprintf("(%s BIGINT, %s BIGINT, %s BOOLEAN, %s) %s", quoted(foldColumn), quoted(xidColumn), quoted(truncatedColumn),
		strings.Join(defineStage(heldFold(t)), ", "), spread(t, valueColumn))
}

// createHeld makes a held table.
func createHeld(held place, t *schema.Table) string {
	return fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s %s COMPOUND SORTKEY (%s)", held, defineHeld(t), quoted(foldColumn))
}

// createHeldStage makes the staging table for what is added to a held table.
func createHeldStage(stage place, t *schema.Table) string {
	return fmt.Sprintf("CREATE TEMP TABLE %s %s", stage, defineHeld(t))
}

// lastHeld reads the highest number of a fold that is held or has an entry in the load's ledger.
// The ledger counts because a fold that was applied is no longer in the held table.
func lastHeld(held, ledger place) string {
	fold := quoted(foldColumn)
	return fmt.Sprintf("SELECT COALESCE(MAX(%[1]s), 0) FROM (SELECT %[1]s FROM %[2]s UNION ALL SELECT %[1]s FROM %[3]s) AS f", fold, held, ledger)
}

// insertHeld adds staged folds to a held table. Their numbers go on from last.
func insertHeld(held, stage place, t *schema.Table, last int64) string {
	columns := list(heldColumns(t), func(_ int, c string) string { return quoted(c) })
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT %s + %d%s FROM %s", held, columns, quoted(foldColumn), last,
		strings.TrimPrefix(columns, quoted(foldColumn)), stage)
}

// firstHeld reads of each of the first folds of a held table its number, rows and transaction,
// whether it truncates, and whether some row leaves a column unchanged.
func firstHeld(held place, t *schema.Table, limit int) string {
	unchanged := "0"
	if flags := t.Toastable(); len(flags) > 0 {
		unchanged = fmt.Sprintf("MAX(CASE WHEN %s THEN 1 ELSE 0 END)", anyOf(flags))
	}
	return fmt.Sprintf("SELECT %[1]s, COUNT(*), MAX(%[2]s), MAX(CASE WHEN %[3]s THEN 1 ELSE 0 END), %[4]s FROM %[5]s GROUP BY %[1]s ORDER BY %[1]s LIMIT %[6]d",
		quoted(foldColumn), quoted(xidColumn), quoted(truncatedColumn), unchanged, held, limit)
}

// anyOf is a condition that is true for rows that leave one of the columns unchanged.
func anyOf(unchanged []int) string {
	var flags []string
	for _, u := range unchanged {
		flags = append(flags, quoted(unchangedColumn(u)))
	}
	return strings.Join(flags, " OR ")
}

// deleteSeen deletes the folds of transactions that a snapshot saw. The stream has ids of 32
// bits. An id is below xmax if it is at most half a turn below it; of these, the snapshot saw
// the transactions that were not in progress. replicator.Visibility.Sees does the same.
func deleteSeen(held place, v replicator.Visibility) string {
	const half = 1 << 31
	xmax := int64(uint32(v.XMax))
	x := quoted(xidColumn)
	below := fmt.Sprintf("%s >= %d AND %s < %d", x, xmax-half, x, xmax)
	if xmax < half {
		below = fmt.Sprintf("(%s < %d OR %s >= %d)", x, xmax, x, xmax+half)
	}
	running := list(v.InProgress, func(_ int, wide uint64) string { return strconv.FormatUint(uint64(uint32(wide)), 10) })
	if running != "" {
		below += fmt.Sprintf(" AND %s NOT IN (%s)", x, running)
	}
	return fmt.Sprintf("DELETE FROM %s WHERE %s", held, below)
}

// forgetTransactions notes that all folds which are left in a held table are to be applied.
func forgetTransactions(held place) string {
	x := quoted(xidColumn)
	return fmt.Sprintf("UPDATE %s SET %s = NULL WHERE %s IS NOT NULL", held, x, x)
}

// ofFold restricts a statement on the rows of a held table to those of one fold.
func ofFold(statement string, held place, fold int64) string {
	return fmt.Sprintf("%s AND %s = %d", statement, held.of(foldColumn), fold)
}

// ofAliased does the same where the held table has the alias asStaged.
func ofAliased(statement string, fold int64) string {
	return fmt.Sprintf("%s AND %s.%s = %d", statement, asStaged, quoted(foldColumn), fold)
}

// unfilledHeld counts the rows of a fold that found no origin.
func unfilledHeld(held place, t *schema.Table, fold int64) string {
	return fmt.Sprintf("SELECT COUNT(*) FROM %s WHERE %s = %d AND (%s)", held, quoted(foldColumn), fold, anyOf(t.Toastable()))
}

// deleteHeld takes the folds up to last out of a held table.
func deleteHeld(held place, last int64) string {
	return fmt.Sprintf("DELETE FROM %s WHERE %s <= %d", held, quoted(foldColumn), last)
}
