package redshifttest_test

import (
	"strings"
	"testing"

	"rowshift/test/redshifttest"
)

//
func TestWideSuper(t *testing.T) {
	w := newCopyWorld(t, redshifttest.Options{})
	exec(t, w.dev, "CREATE TABLE t (id INT, doc SUPER)", "CREATE TABLE s (id INT, note SUPER)", "INSERT INTO s VALUES (1, JSON_PARSE('[1]')), (2, NULL)")
	half := strings.Repeat("x", 40000)
	exec(t, w.dev, w.put(t, `1,"[""`+half+`"",""`+half+`""]"`+"\n")+"default")
	exec(t, w.dev,
		"SELECT doc FROM t", "CREATE TABLE narrow AS SELECT id FROM t", "SELECT s.note, t.id FROM s JOIN t ON s.id = t.id",
		"SELECT id FROM t WHERE id IN (SELECT id FROM s)", "INSERT INTO s SELECT * FROM t WHERE id = 7",
		"BEGIN", "DELETE FROM t USING s WHERE t.id = s.id", "ROLLBACK")
	for _, statement := range []string{
		"SELECT * FROM t WHERE TRUE QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY id) = 1",
		"SELECT doc FROM t WHERE id IN (SELECT id FROM s)",
		"SELECT t.doc FROM t JOIN s ON t.id = s.id",
		"SELECT t.* FROM s, t WHERE t.id = s.id",
		"INSERT INTO s SELECT t.id, t.doc FROM t LEFT JOIN narrow AS n ON t.id = n.id",
		"UPDATE s SET note = t.doc FROM t WHERE s.id = t.id",
		"MERGE INTO s USING t ON s.id = t.id WHEN MATCHED THEN UPDATE SET note = t.doc WHEN NOT MATCHED THEN INSERT VALUES (t.id, t.doc)",
	} {
		_, err := w.dev.Exec(t.Context(), statement)
		if code(err) != "XX000" || !strings.Contains(err.Error(), "Invalid input (8001): String value exceeds the max size of 65535 bytes") {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

//
func TestNoSuperInOuterJoins(t *testing.T) {
	_, conn := connect(t, redshifttest.Options{})
	exec(t, conn, "CREATE TABLE t (id INT, doc SUPER)", "CREATE TABLE s (id INT)",
		"SELECT t.doc FROM t LEFT JOIN s ON t.id = s.id", "SELECT s.id, t.id FROM t RIGHT JOIN s ON t.id = s.id")
	for _, join := range []string{"RIGHT JOIN", "FULL OUTER JOIN", "FULL JOIN"} {
		if _, err := conn.Exec(t.Context(), "SELECT t.doc FROM t "+join+" s ON t.id = s.id"); code(err) != "0A000" || !strings.Contains(err.Error(), "in a RIGHT or FULL JOIN") {
			t.Errorf("%s: %v", join, err)
		}
	}
}
