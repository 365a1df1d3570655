package redshift

import (
	"fmt"

	"rowshift/schema"
)

// listOpen lists up to limit rows in quarantine, in the order in which scanRefused takes them:
// of table n or, if n is empty, of all tables.
func (m metadata) listOpen(n schema.Name, limit int) string {
	of := ""
	if n != (schema.Name{}) {
		of = fmt.Sprintf(` AND "source_schema" = %s AND "source_table" = %s`, literal(n.Schema), literal(n.Table))
	}
	return fmt.Sprintf(`SELECT "source_schema", "source_table", "key", "reason", "column_name", "original_bytes", "lsn", "committed_at", "object", "written_at" FROM %s `+
		`WHERE "lifted_at" IS NULL%s ORDER BY "source_schema", "source_table", "written_at", "key" LIMIT %d`, m.quarantine(), of, limit)
}

// keptObjects lists the objects that hold refused rows, as the quarantine or a load's ledger
// names them.
func keptObjects(of place) string {
	return fmt.Sprintf(`SELECT DISTINCT "object" FROM %s WHERE "object" IS NOT NULL ORDER BY "object"`, of)
}

// dropQuarantine deletes a table's entries; if keys are given, only theirs.
func (m metadata) dropQuarantine(n schema.Name, keys []string) string {
	s := fmt.Sprintf(`DELETE FROM %s WHERE "source_schema" = %s AND "source_table" = %s`, m.quarantine(), literal(n.Schema), literal(n.Table))
	if len(keys) > 0 {
		s += fmt.Sprintf(` AND "key" IN (%s)`, list(keys, func(_ int, key string) string { return literal(key) }))
	}
	return s
}
