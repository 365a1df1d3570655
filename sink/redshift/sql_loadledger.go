package redshift

import (
	"fmt"

	"rowshift/replicator"
	"rowshift/schema"
)

const loadLedgerColumns = `"fold", "xid", "key", "column_name", "kind", "rule", "original_bytes", "lsn", "committed_at", "object"`

// insertEntries adds staged entries to a load's ledger. fold and xid are expressions for their
// fold and transaction.
func insertEntries(ledger, stage place, t *schema.Table, fold, xid string) string {
	return fmt.Sprintf(`INSERT INTO %s (%s) SELECT %s, %s, %s, "column_name", "kind", "rule", "original_bytes", "lsn", "committed_at", "object" FROM %s`,
		ledger, loadLedgerColumns, fold, xid, entryKey(t), stage)
}

// insertLoadEntries adds entries of the rows that a load's snapshot saw.
func insertLoadEntries(ledger, stage place, t *schema.Table) string {
	return insertEntries(ledger, stage, t, "0", "NULL")
}

// insertHeldEntries adds entries of held changes. The numbers of their folds go on from last.
func insertHeldEntries(ledger, stage place, t *schema.Table, last int64) string {
	return insertEntries(ledger, stage, t, fmt.Sprintf("%s + %d", quoted(foldColumn), last), quoted(xidColumn))
}

// insertFoldEntries adds entries of a fold that is applied to the load table directly.
func insertFoldEntries(ledger, stage place, t *schema.Table, fold int64) string {
	return insertEntries(ledger, stage, t, fmt.Sprint(fold), "NULL")
}

// insertUnfilledEntries adds entries for the rows of a fold that found no origin. where is the
// condition that is true for these.
func insertUnfilledEntries(ledger, of place, t *schema.Table, fold int64, at replicator.Written, where string) string {
	return fmt.Sprintf(`INSERT INTO %s (%s) SELECT %d, NULL, %s, NULL, %s, %s, NULL, %s, %s, NULL FROM %s WHERE %s`, ledger, loadLedgerColumns,
		fold, keyText(t), literal(replicator.Unfilled), literal(refusedRule),
		literal(at.LSN.String()), timestamp(at.Time), of, where)
}

// countRefused counts the rows that a load's ledger says are refused.
func countRefused(ledger place) string {
	return fmt.Sprintf(`SELECT COUNT(*) FROM %s WHERE "rule" = %s`, ledger, literal(refusedRule))
}

// countOfTransactions counts the entries that are of one transaction.
func countOfTransactions(ledger place) string {
	return fmt.Sprintf(`SELECT COUNT(*) FROM %s WHERE "xid" IS NOT NULL`, ledger)
}

// forgetRefused deletes the rows from a load's ledger that were refused before a fold, because
// the fold truncates the table.
func forgetRefused(ledger place, fold int64) string {
	return fmt.Sprintf(`DELETE FROM %s WHERE "rule" = %s AND "fold" < %d`, ledger, literal(refusedRule), fold)
}

// forgetRefusedOf deletes the rows with these keys that were refused before a fold, because the
// fold says something newer of them.
func forgetRefusedOf(ledger, keys place, fold int64) string {
	return fmt.Sprintf(`DELETE FROM %s USING %s AS s WHERE %s = %s AND %s < %d AND %s = s."key"`, ledger, keys,
		ledger.of("rule"), literal(refusedRule), ledger.of("fold"), fold, ledger.of("key"))
}

// joinAdjusted moves the adjustments of a load to the ledger.
func (m metadata) joinAdjusted(from place, t *schema.Table) string {
	return fmt.Sprintf(`INSERT INTO %s (%s) SELECT %s, "key", "column_name", "kind", "rule", "original_bytes", "lsn", "committed_at", GETDATE() FROM %s WHERE "rule" NOT IN (%s, %s)`,
		m.ledger(), ledgerColumns, who(t), from, literal(refusedRule), literal(liftedRule))
}

// joinRefused moves the rows that a load refused into quarantine, except those whose keys a
// later fold has refused or lifted.
func (m metadata) joinRefused(from place, t *schema.Table) string {
	return fmt.Sprintf(`INSERT INTO %s (%s) SELECT %s, e."key", e."kind", e."column_name", e."original_bytes", e."lsn", e."committed_at", e."object", GETDATE() FROM %s AS e `+
		`LEFT JOIN %s AS l ON l."key" = e."key" AND l."fold" > e."fold" AND l."rule" IN (%s, %s) WHERE e."rule" = %s AND l."key" IS NULL`,
		m.quarantine(), quarantineColumns, who(t), from, from, literal(refusedRule), literal(liftedRule), literal(refusedRule))
}
