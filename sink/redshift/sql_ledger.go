package redshift

import (
	"fmt"
	"strings"

	"rowshift/replicator"
	"rowshift/schema"
)

func (m metadata) ledger() place     { return in(string(m), ledgerTable) }
func (m metadata) quarantine() place { return in(string(m), quarantineTable) }

// createLedger makes the ledger and the quarantine, which account for what the targets do not
// have as the source has it: values that were adjusted, and rows that were refused. A row of the
// quarantine that was not lifted is one that the source has and the target lacks.
func (m metadata) createLedger() []string {
	const row = `"source_schema" VARCHAR(256) NOT NULL, "source_table" VARCHAR(256) NOT NULL, "target" VARCHAR(256) NOT NULL, "key" VARCHAR(65535) NOT NULL`
	const at = `"original_bytes" BIGINT, "lsn" VARCHAR(17) NOT NULL, "committed_at" TIMESTAMP`
	return []string{
		fmt.Sprintf(`CREATE TABLE IF NOT EXISTS %s (%s, "column_name" VARCHAR(256) NOT NULL, "kind" VARCHAR(32) NOT NULL, "rule" VARCHAR(16) NOT NULL, %s, "written_at" TIMESTAMP)`,
			m.ledger(), row, at),
		fmt.Sprintf(`CREATE TABLE IF NOT EXISTS %s (%s, "reason" VARCHAR(32) NOT NULL, "column_name" VARCHAR(256), %s, "object" VARCHAR(2048), "written_at" TIMESTAMP, "lifted_lsn" VARCHAR(17), "lifted_at" TIMESTAMP)`,
			m.quarantine(), row, at),
	}
}

// createLoadLedger makes the table where a load's entries wait until its table joins. Entries
// for rows of the snapshot are in fold 0, those for held changes in the folds of these.
func createLoadLedger(p place) string {
	return fmt.Sprintf(`CREATE TABLE IF NOT EXISTS %s ("fold" BIGINT NOT NULL, "xid" BIGINT, "key" VARCHAR(65535) NOT NULL, %s)`, p, entryColumns)
}

// entryColumns are the columns of an entry, without those that tell which row it is about.
const entryColumns = `"column_name" VARCHAR(256), "kind" VARCHAR(32), "rule" VARCHAR(16), "original_bytes" BIGINT, "lsn" VARCHAR(17), "committed_at" TIMESTAMP, "object" VARCHAR(2048)`

// The rules of entries that are not adjustments: a row that was refused, and a key that does not
// fit and is gone.
const (
	refusedRule = string(schema.Quarantine)
	liftedRule  = replicator.Lifted
)

// createEntries makes the staging table of entries. For held folds it has the fold and the
// transaction; then come the key's columns, and the key as text where they do not hold it.
func createEntries(stage place, t *schema.Table, held bool) string {
	var columns []string
	if held {
		columns = append(columns, quoted(foldColumn)+" BIGINT", quoted(xidColumn)+" BIGINT")
	}
	for _, k := range t.Key {
		columns = append(columns, quoted(valueColumn(k))+" "+t.Columns[k].Mapping.Type)
	}
	return fmt.Sprintf(`CREATE TEMP TABLE %s (%s, "given" VARCHAR(65535), %s)`, stage, strings.Join(columns, ", "), entryColumns)
}

// entriesColumns returns the columns of the files of entries, in their order.
func entriesColumns(t *schema.Table, held bool) []string {
	var names []string
	if held {
		names = append(names, foldColumn, xidColumn)
	}
	for _, k := range t.Key {
		names = append(names, valueColumn(k))
	}
	return append(names, "given", "column_name", "kind", "rule", "original_bytes", "lsn", "committed_at", "object")
}

// entryKey is an expression for the key of a staged entry as text.
func entryKey(t *schema.Table) string {
	return `COALESCE("given", ` + keyText(t) + ")"
}

// countEntries counts entries by kind and rule.
func countEntries(of place) string {
	return fmt.Sprintf(`SELECT "kind", "rule", COUNT(*) FROM %s GROUP BY "kind", "rule" ORDER BY "kind", "rule"`, of)
}

const (
	ledgerColumns     = `"source_schema", "source_table", "target", "key", "column_name", "kind", "rule", "original_bytes", "lsn", "committed_at", "written_at"`
	quarantineColumns = `"source_schema", "source_table", "target", "key", "reason", "column_name", "original_bytes", "lsn", "committed_at", "object", "written_at"`
)

// who returns the values that rows of ledger and quarantine begin with. A table that is renamed
// in the source keeps the name by which the config knows it. If the config then gets another
// name for it, the open rows get that too (renameOpen), and the others are history.
func who(t *schema.Table) string {
	return fmt.Sprintf("%s, %s, %s", literal(t.Configured.Schema), literal(t.Configured.Table), literal(t.Target))
}

// insertAdjusted writes staged adjustments to the ledger.
func (m metadata) insertAdjusted(stage place, t *schema.Table) string {
	return fmt.Sprintf(`INSERT INTO %s (%s) SELECT %s, %s, "column_name", "kind", "rule", "original_bytes", "lsn", "committed_at", GETDATE() FROM %s WHERE "rule" NOT IN (%s, %s)`,
		m.ledger(), ledgerColumns, who(t), entryKey(t), stage, literal(refusedRule), literal(liftedRule))
}

// insertRefused puts staged rows that were refused into quarantine.
func (m metadata) insertRefused(stage place, t *schema.Table) string {
	return fmt.Sprintf(`INSERT INTO %s (%s) SELECT %s, %s, "kind", "column_name", "original_bytes", "lsn", "committed_at", "object", GETDATE() FROM %s WHERE "rule" = %s`,
		m.quarantine(), quarantineColumns, who(t), entryKey(t), stage, literal(refusedRule))
}

// insertUnfilled puts the staged rows that found no origin into quarantine.
func (m metadata) insertUnfilled(stage place, f replicator.StagedFold, at replicator.Written) string {
	return fmt.Sprintf(`INSERT INTO %s (%s) SELECT %s, %s, %s, NULL, NULL, %s, %s, NULL, GETDATE() FROM %s WHERE %s`,
		m.quarantine(), quarantineColumns, who(f.Table), keyText(f.Table),
		literal(replicator.Unfilled), literal(at.LSN.String()), timestamp(at.Time), stage, anyOf(f.Unchanged))
}

// forgoUnfilled marks the keys of staged rows that found no origin as gone.
func forgoUnfilled(stage place, unchanged []int) string {
	return fmt.Sprintf("UPDATE %s SET %s = TRUE WHERE (%s)", stage, quoted(goneColumn), anyOf(unchanged))
}

// openOf is a condition that is true for the rows of a table's quarantine that are not lifted.
func (m metadata) openOf(n schema.Name) string {
	q := m.quarantine()
	return fmt.Sprintf(`%s = %s AND %s = %s AND %s IS NULL`, q.of("source_schema"), literal(n.Schema), q.of("source_table"), literal(n.Table), q.of("lifted_at"))
}

// liftAll lifts a table's quarantine, because its rows are all gone, or anew in the target.
func (m metadata) liftAll(n schema.Name, at replicator.LSN) string {
	return fmt.Sprintf(`UPDATE %s SET "lifted_lsn" = %s, "lifted_at" = GETDATE() WHERE %s`, m.quarantine(), literal(at.String()), m.openOf(n))
}

// renameOpen gives the rows of a target's quarantine that are not lifted another table's name.
// It goes by the target, because no two tables share one, while two tables may swap their names.
func (m metadata) renameOpen(target string, to schema.Name) string {
	return fmt.Sprintf(`UPDATE %s SET "source_schema" = %s, "source_table" = %s WHERE "target" = %s AND "lifted_at" IS NULL`,
		m.quarantine(), literal(to.Schema), literal(to.Table), literal(target))
}

// createKeys makes a temporary table of the keys of staged rows as text, because UPDATE and
// DELETE can join by columns only.
func createKeys(p, stage place, t *schema.Table) string {
	return fmt.Sprintf(`CREATE TEMP TABLE %s AS SELECT CAST(%s AS VARCHAR(65535)) AS "key" FROM %s`, p, keyText(t), stage)
}

// liftKeys lifts the quarantine of keys, because each has another row now, or none.
func (m metadata) liftKeys(keys place, t *schema.Table, at replicator.LSN) string {
	return m.lift(keys, t.Configured, at, `s."key"`)
}

// liftGiven does the same for staged entries whose keys do not fit.
func (m metadata) liftGiven(entries place, t *schema.Table, at replicator.LSN) string {
	return m.lift(entries, t.Configured, at, `s."given"`)
}

func (m metadata) lift(stage place, n schema.Name, at replicator.LSN, key string) string {
	return fmt.Sprintf(`UPDATE %s SET "lifted_lsn" = %s, "lifted_at" = GETDATE() FROM %s AS s WHERE %s AND %s = %s`,
		m.quarantine(), literal(at.String()), stage, m.openOf(n), m.quarantine().of("key"), key)
}

// countOpen counts the rows in quarantine by table.
func (m metadata) countOpen() string {
	return fmt.Sprintf(`SELECT "source_schema", "source_table", COUNT(*) FROM %s WHERE "lifted_at" IS NULL GROUP BY "source_schema", "source_table" ORDER BY "source_schema", "source_table"`, m.quarantine())
}

// keyText is an expression for the key of a staged row as text: a JSON array of the texts of its
// columns. A text longer than 1,024 bytes is replaced by "sha256:" and its SHA-256. Redshift
// writes this text wherever the columns hold the key, so that equal keys have equal texts.
func keyText(t *schema.Table) string {
	var parts []string
	for _, k := range t.Key {
		parts = append(parts, columnText(t.Columns[k].Mapping, quoted(valueColumn(k))))
	}
	return `'["' || ` + strings.Join(parts, ` || '", "' || `) + ` || '"]'`
}

// columnText is an expression for a column as text, as it stands between the quotes of JSON.
func columnText(m schema.Mapping, c string) string {
	kind, _, _ := strings.Cut(m.Type, "(")
	switch {
	case m.Text:
		return fmt.Sprintf(`CASE WHEN OCTET_LENGTH(%s) > %d THEN 'sha256:' || SHA2(%s, 256) ELSE %s END`, c, replicator.LongKey, c, inJSON(c))
	case kind == "BOOLEAN":
		return fmt.Sprintf(`CASE WHEN %s THEN 't' ELSE 'f' END`, c)
	case kind == "VARBYTE":
		return fmt.Sprintf(`CASE WHEN OCTET_LENGTH(%[1]s) > %[2]d THEN 'sha256:' || SHA2(TO_HEX(%[1]s), 256) ELSE TO_HEX(%[1]s) END`, c, replicator.LongKey)
	}
	return fmt.Sprintf(`CAST(%s AS VARCHAR(64))`, c)
}

// inJSON escapes what JSON does not allow between quotes, except for rare control characters.
func inJSON(c string) string {
	for _, pair := range [][2]string{{`\`, `\\`}, {`"`, `\"`}, {"\n", `\n`}, {"\r", `\r`}, {"\t", `\t`}} {
		c = fmt.Sprintf("REPLACE(%s, %s, %s)", c, literal(pair[0]), literal(pair[1]))
	}
	return c
}
