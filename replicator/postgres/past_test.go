package postgres

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"rowshift/replicator"
	"rowshift/schema"
)

// TestMatchUnseen shows that a message describes the past of a table only in a transaction that
// the catalogue saw.
func TestMatchUnseen(t *testing.T) {
	c := person()
	was := person().table.Shape()
	was = append(was, schema.Shape{Attnum: 5, Name: "fax", Type: textOID, Typmod: -1})
	c.choice = schema.Choice{All: true}
	m := described()
	m.columns = append(m.columns[:1:1], m.columns[2], m.columns[3], relationColumn{name: "fax", oid: textOID, typmod: -1})
	seen := &replicator.Visibility{XMin: 10, XMax: 20, InProgress: []uint64{10, 15}}
	tests := []struct {
		seen *replicator.Visibility
		xid  uint32
		past bool
	}{{nil, 15, true}, {seen, 9, true}, {seen, 14, true}, {seen, 15, false}, {seen, 20, false}}
	for _, test := range tests {
		c.past = &replicator.Past{Shape: was, Until: 100, Seen: test.seen}
		if r := matching(c).match(m, written{commit: 99, xid: test.xid}); (r.misread == nil) != test.past {
			t.Errorf("transaction %d, seen %v: misread %v", test.xid, test.seen, r.misread)
		}
	}
}

// TestColumnOfAHungTransaction shows that the rows of a transaction that still waits for its
// standby are not read by what the table was before. Here it has put a column in the place of one
// of that name that is gone already, so that its rows look like earlier ones: their values of the
// new column would be left out, and the target never have them.
func TestColumnOfAHungTransaction(t *testing.T) {
	w := newWorld(t)
	other, hung := w.dial(), w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY, x text)`)
	w.choose(every("a")...)
	w.create()
	start := w.confirmed()
	f := w.follow(start)
	table := f.opened.Tables[0].Table
	f.Close()
	known := f.remembered()
	w.exec(other, `INSERT INTO a VALUES (1, 'old')`)
	w.exec(other, `ALTER TABLE a DROP COLUMN x`)
	done := make(chan error, 1)
	go func() {
		_, err := hung.Exec(t.Context(), `SET synchronous_commit = on; BEGIN; ALTER TABLE a ADD COLUMN x text; INSERT INTO a VALUES (2, 'new'); COMMIT`)
		done <- err
	}()
	w.until(other, `EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'SyncRep')`, hung.PgConn().PID())
	f = w.open(replicator.OpenRequest{After: start, Known: known})
	var misread error
	to := w.marked()
	err := f.until(func(c replicator.Change) bool {
		if c.Misread != nil {
			misread = c.Misread
		}
		return c.LSN >= to
	})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"insert a new(1)", "insert a"}, f.lines); d != "" {
		t.Error(d)
	}
	if err := alteredWith(misread, table.OID, `column "x" is new`); err != nil {
		t.Error(err)
	}
	w.until(other, `pg_cancel_backend($1)`, hung.PgConn().PID())
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestColumnInThePlaceOfAnother shows that rows are misread if a column that is gone, or the one
// that was added in its place and got another name since, may be what they name. The older row is
// misread as well: nothing in the log tells the two apart.
func TestColumnInThePlaceOfAnother(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY, x text); CREATE TABLE b (id int PRIMARY KEY, x int)`)
	w.choose(every("a", "b")...)
	w.create()
	start := w.confirmed()
	f := w.follow(start)
	f.Close()
	known := f.remembered()
	for _, statement := range []string{
		`INSERT INTO a VALUES (1, 'old')`, `ALTER TABLE a DROP COLUMN x`, `ALTER TABLE a ADD COLUMN x text`,
		`INSERT INTO a VALUES (2, 'new')`, `ALTER TABLE a RENAME COLUMN x TO y`,
		`INSERT INTO b VALUES (1, 1)`, `ALTER TABLE b DROP COLUMN x`, `ALTER TABLE b ADD COLUMN y text`, `INSERT INTO b VALUES (2, 'new')`,
	} {
		w.exec(other, statement)
	}
	f = w.open(replicator.OpenRequest{After: start, Known: known})
	if d := cmp.Diff([]string{"insert a", "insert a", "insert b new(1|<null>)", "insert b new(2|new)"}, f.read(w.marked())); d != "" {
		t.Error(d)
	}
}
