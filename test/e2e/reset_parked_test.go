package e2e

import (
	"testing"

	"rowshift/test/harness"
)

// parkable adds a table that will lose its key, and one that will be renamed.
func parkable(s harness.Setup) harness.Setup {
	s.SQL = append(s.SQL,
		"CREATE TABLE spare (id int PRIMARY KEY)", "ALTER TABLE spare OWNER TO app_owner", "INSERT INTO spare VALUES (1), (2)",
		"CREATE TABLE note (id int PRIMARY KEY, v text)", "ALTER TABLE note OWNER TO app_owner", "INSERT INTO note SELECT i, 'v' || i FROM generate_series(1, 50) i")
	s.Config.Tables = append([]string{"public.spare: {columns: all}", "public.note: {columns: all}"}, harness.AccountTables...)
	return s
}

// parkAndRename has one table parked, and renames the other to a name that the config
// does not know. The latter has rows that the slot does not bring any more.
func parkAndRename(t *testing.T, w *harness.World) {
	t.Helper()
	execute(t, w, "ALTER TABLE spare DROP CONSTRAINT spare_pkey", "INSERT INTO spare VALUES (3)",
		"ALTER TABLE note RENAME TO remark", "UPDATE remark SET v = 'lost' WHERE id < 20", "DELETE FROM remark WHERE id > 40")
}

// parkedAndRenamed waits until the renamed table is equal, and the other one is parked
// with its earlier rows.
func parkedAndRenamed(t *testing.T, w *harness.World) {
	t.Helper()
	execute(t, w, "INSERT INTO remark VALUES (51, 'after')")
	w.MustBecomeEqual(t, harness.Pair{Name: "remark", Source: "SELECT id, v FROM remark", Target: "SELECT id, v FROM userdata.note"})
	parkedFor(t, w, "spare", "table_unfit")
	if n := warehouse(t, w, "SELECT COUNT(*) FROM userdata.spare"); n != "2" {
		t.Errorf("the parked table has %s rows", n)
	}
}
