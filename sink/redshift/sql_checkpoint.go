package redshift

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
)

// metadata names the tables of the metadata schema.
type metadata string

func (m metadata) fence() place      { return in(string(m), fenceTable) }
func (m metadata) checkpoint() place { return in(string(m), checkpointTable) }
func (m metadata) tableState() place { return in(string(m), stateTable) }
func (m metadata) freshness() place  { return in(string(m), freshnessView) }

// table returns a table of a load, by its name.
func (m metadata) table(name string) place { return in(string(m), name) }

// create returns the statements that make the metadata tables, except the ledger and the
// quarantine: createLedger makes these, and not wherever they are missing.
func (m metadata) create() []string {
	return []string{
		fmt.Sprintf(`CREATE TABLE IF NOT EXISTS %s ("id" INTEGER)`, m.fence()),
		fmt.Sprintf(`CREATE TABLE IF NOT EXISTS %s ("layout" INTEGER NOT NULL, "pipeline" VARCHAR(256) NOT NULL, "epoch" BIGINT NOT NULL, `+
			`"phase" VARCHAR(16) NOT NULL, "lsn" VARCHAR(17) NOT NULL, "committed_at" TIMESTAMP, "system" VARCHAR(32) NOT NULL, "timeline" BIGINT NOT NULL, `+
			`"database_name" VARCHAR(256) NOT NULL, "slot" VARCHAR(64) NOT NULL, "publication_oid" BIGINT NOT NULL, "publication_xmin" BIGINT NOT NULL, `+
			`"changed_at" TIMESTAMP, "written_by" VARCHAR(64))`, m.checkpoint()),
		fmt.Sprintf(`CREATE TABLE IF NOT EXISTS %s ("source_oid" BIGINT NOT NULL, "source_schema" VARCHAR(256) NOT NULL, "source_table" VARCHAR(256) NOT NULL, `+
			`"target" VARCHAR(256) NOT NULL, "state" VARCHAR(16) NOT NULL, "row_oid" BIGINT NOT NULL, "row_xmin" BIGINT NOT NULL, "detail" VARCHAR(65535))`, m.tableState()),
		m.createRequest(),
	}
}

// createFreshness makes the view that tells people how fresh each table is. It is bound late, as
// all views on tables that may be altered should be.
// https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_VIEW.html
func (m metadata) createFreshness() string {
	return fmt.Sprintf(`CREATE VIEW %s AS SELECT s."source_schema", s."source_table", s."target", s."state", c."committed_at", c."lsn", c."changed_at" `+
		`FROM %s AS s CROSS JOIN %s AS c WITH NO SCHEMA BINDING`, m.freshness(), m.tableState(), m.checkpoint())
}

func (m metadata) lock() string { return "LOCK " + string(m.fence()) }

// readLayout reads the layout, which is the one column that all layouts have.
func (m metadata) readLayout() string { return `SELECT "layout" FROM ` + string(m.checkpoint()) }

// readWriter reads which rowshift wrote the layout. All layouts from 2 on have that.
func (m metadata) readWriter() string { return `SELECT "written_by" FROM ` + string(m.checkpoint()) }

// raiseLayout notes that the tables are of the layout that this binary knows.
func (m metadata) raiseLayout(version string) string {
	return fmt.Sprintf(`UPDATE %s SET "layout" = %d, "written_by" = %s`, m.checkpoint(), newestLayout, literal(version))
}

// countFoldedCase counts checkpoints whose phase, which is in lower case, equals itself in upper
// case. There are some only in a database made with COLLATE CASE_INSENSITIVE.
// https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_DATABASE.html
func (m metadata) countFoldedCase() string {
	return fmt.Sprintf(`SELECT COUNT(*) FROM %s WHERE "phase" = UPPER("phase")`, m.checkpoint())
}

// readCheckpoint reads the one row, in the order in which scanCheckpoint takes it.
func (m metadata) readCheckpoint() string {
	return fmt.Sprintf(`SELECT "pipeline", "epoch", "phase", "lsn", "committed_at", "system", "timeline", "database_name", "slot", `+
		`"publication_oid", "publication_xmin" FROM %s`, m.checkpoint())
}

func (m metadata) readTables() string {
	return fmt.Sprintf(`SELECT "source_oid", "source_schema", "source_table", "target", "state", "row_oid", "row_xmin", "detail" FROM %s ORDER BY "source_oid"`, m.tableState())
}

// readNames reads what tables were called when their states were written.
func (m metadata) readNames() string {
	return fmt.Sprintf(`SELECT "source_oid", "source_schema", "source_table", "target" FROM %s`, m.tableState())
}

// position reads what a merge compares, and how many requests are open. Most merges find none,
// and are spared a query for them.
func (m metadata) position() string {
	return fmt.Sprintf(`SELECT "epoch", "lsn", (SELECT COUNT(*) FROM %s WHERE "state" = %s) FROM %s`, m.request(), literal(requested), m.checkpoint())
}

func (m metadata) readEpoch() string { return `SELECT "epoch" FROM ` + string(m.checkpoint()) }

// timestamp writes a time in UTC, NULL if it is zero.
func timestamp(t time.Time) string {
	if t.IsZero() {
		return "NULL"
	}
	return literal(t.UTC().Format(timeLayout))
}

func (m metadata) insertCheckpoint(c replicator.Checkpoint, version string) string {
	return fmt.Sprintf(`INSERT INTO %s ("layout", "pipeline", "epoch", "phase", "lsn", "committed_at", "system", "timeline", "database_name", "slot", `+
		`"publication_oid", "publication_xmin", "changed_at", "written_by") VALUES (%d, %s, %d, %s, %s, %s, %s, %d, %s, %s, %d, %d, GETDATE(), %s)`, m.checkpoint(),
		newestLayout, literal(c.Pipeline), c.Epoch, literal(string(c.Phase)), literal(c.LSN.String()), timestamp(c.Time), literal(c.System), c.Timeline,
		literal(c.Database), literal(c.Slot), c.Publication.OID, c.Publication.XMin, literal(version))
}

// moveCheckpoint overwrites the checkpoint that a merge expects. It changes one row, or none if
// the checkpoint is another.
func (m metadata) moveCheckpoint(c replicator.Checkpoint, expect replicator.LSN) string {
	return fmt.Sprintf(`UPDATE %s SET "phase" = %s, "lsn" = %s, "committed_at" = %s, "system" = %s, "timeline" = %d, "database_name" = %s, "slot" = %s, `+
		`"publication_oid" = %d, "publication_xmin" = %d, "changed_at" = GETDATE() WHERE "epoch" = %d AND "lsn" = %s`, m.checkpoint(),
		literal(string(c.Phase)), literal(c.LSN.String()), timestamp(c.Time), literal(c.System), c.Timeline, literal(c.Database), literal(c.Slot),
		c.Publication.OID, c.Publication.XMin, c.Epoch, literal(expect.String()))
}

func (m metadata) raiseEpoch() string {
	return fmt.Sprintf(`UPDATE %s SET "epoch" = "epoch" + 1, "changed_at" = GETDATE()`, m.checkpoint())
}

// insertTables writes tables' states, as stateRows returns them.
func (m metadata) insertTables(rows []string) string {
	return fmt.Sprintf(`INSERT INTO %s ("source_oid", "source_schema", "source_table", "target", "state", "row_oid", "row_xmin", "detail") VALUES %s`, m.tableState(),
		strings.Join(rows, ", "))
}

// stateRows writes the row of each table's state. detail writes the part that only the core
// reads.
func stateRows(tables []replicator.TableState, detail func(replicator.TableState) string) (rows []string) {
	for _, t := range tables {
		rows = append(rows, fmt.Sprintf("(%d, %s, %s, %s, %s, %d, %d, %s)", t.OID, literal(t.Name.Schema), literal(t.Name.Table), literal(t.Target),
			literal(string(t.State)), t.Row.OID, t.Row.XMin, literal(detail(t))))
	}
	return rows
}

// deleteTables deletes the states of the tables with these OIDs.
func (m metadata) deleteTables(oids []uint32) string {
	return fmt.Sprintf(`DELETE FROM %s WHERE "source_oid" IN (%s)`, m.tableState(),
		list(oids, func(_ int, oid uint32) string { return strconv.FormatUint(uint64(oid), 10) }))
}

// holders lists the other sessions of the same user that hold the fence in the mode of LOCK, and
// not those that read it. SVV_TRANSACTIONS shows everybody at least their own.
// https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_TRANSACTIONS.html
func (m metadata) holders() string {
	return fmt.Sprintf(`SELECT DISTINCT t.pid FROM svv_transactions AS t JOIN pg_class AS c ON c."oid" = t.relation JOIN pg_namespace AS n ON n."oid" = c.relnamespace `+
		`WHERE n.nspname = %s AND c.relname = %s AND t.granted AND t.lock_mode = 'AccessExclusiveLock' AND t.txn_owner = CURRENT_USER `+
		`AND t.pid <> pg_backend_pid()`, literal(schema.Fold(string(m))), literal(fenceTable))
}

// applicationOf reads the last name that a session gave itself. Only superusers, and users with
// the role sys:monitor, may read it.
// https://docs.aws.amazon.com/redshift/latest/dg/SYS_CONNECTION_LOG.html
func applicationOf(pid string) string {
	return "SELECT TRIM(application_name) FROM sys_connection_log WHERE session_id = " + pid + " AND TRIM(application_name) <> '' ORDER BY record_time DESC LIMIT 1"
}

func terminate(pid string) string { return "SELECT pg_terminate_backend(" + pid + ")" }
