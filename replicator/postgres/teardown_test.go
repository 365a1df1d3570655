package postgres

import (
	"slices"
	"strings"
	"testing"
)

// TestTeardownLeavesAStrangersPublication shows that a publication which publishes what the
// config does not name is reported and left, and that the slot is dropped in spite of it.
func TestTeardownLeavesAStrangersPublication(t *testing.T) {
	for name, test := range map[string]struct {
		alter, says string
		left        int
	}{
		"ours":         {`SELECT 1`, "", 0},
		"other tables": {`ALTER PUBLICATION rowshift ADD TABLE b`, "-- publication \"rowshift\" publishes what the config does not name (public.b)", 1},
		"all tables":   {`DROP PUBLICATION rowshift; CREATE PUBLICATION rowshift FOR ALL TABLES`, "-- publication \"rowshift\" publishes all tables", 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			other := w.dial()
			w.exec(other, `CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)`)
			w.choose(every("a")...)
			w.create()
			w.exec(other, test.alter)
			says := func(s string) bool { return test.says != "" && strings.HasPrefix(s, test.says) }
			for _, apply := range []bool{false, true} {
				statements, err := w.Teardown(t.Context(), apply)
				if err != nil || len(statements) != 2 || slices.ContainsFunc(statements, says) != (test.says != "") {
					t.Errorf("%q, %v", statements, err)
				}
			}
			w.until(other, `NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = current_database()) AND (SELECT count(*) FROM pg_publication) = $1`, test.left)
		})
	}
}
