package postgres

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rowshift/replicator"
	"rowshift/schema"
)

// TestUnfitOfAnotherList shows that log from before a column was chosen can be read past.
// Its rows are unfit, those from after the publication was altered have the column, and the
// table's new row in the publication says that it has to be loaded again.
func TestUnfitOfAnotherList(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY, v text, w int); CREATE TABLE b (id int PRIMARY KEY)`)
	choice := func(columns ...string) []schema.Choice {
		return append(every("b"), schema.Choice{Name: schema.Name{Schema: "public", Table: "a"}, Columns: columns, UnlistedOnWire: true})
	}
	w.choose(choice("id", "v")...)
	w.create()
	start := w.confirmed()
	before := w.follow(start)
	before.Close()
	w.exec(other, `INSERT INTO a VALUES (1, 'x', 1); UPDATE a SET v = 'y'; DELETE FROM a; TRUNCATE a; INSERT INTO b VALUES (1)`)
	w.options.Choices = choice("id", "v", "w")
	f := w.follow(start)
	w.exec(other, `INSERT INTO a VALUES (2, 'x', 2)`)
	unfit, to := map[replicator.Op]int{}, w.marked()
	err := f.until(func(c replicator.Change) bool {
		if c.Misread != nil {
			unfit[c.Op]++
			if err := alteredWith(c.Misread, c.Table.OID, `column "w" is missing`); err != nil {
				t.Error(err)
			}
		}
		return c.LSN >= to
	})
	if err != nil {
		t.Fatal(err)
	}
	if w.major() < schema.ColumnListMajor { // there all columns are always sent
		return
	}
	each := map[replicator.Op]int{replicator.Insert: 1, replicator.Update: 1, replicator.Delete: 1, replicator.Truncate: 1}
	if d := cmp.Diff(each, unfit); d != "" {
		t.Error(d)
	}
	if last := f.lines[len(f.lines)-1]; last != "insert a new(2|x|2)" || len(f.lines) != 6 {
		t.Errorf("received %q", f.lines)
	}
	for i, p := range f.opened.Tables {
		if same := p.Row == before.opened.Tables[i].Row; same != (p.Table.Name.Table == "b") {
			t.Errorf("the row of %v went from %v to %v", p.Table.Name, before.opened.Tables[i].Row, p.Row)
		}
	}
}

// TestRenamedTable shows that the rows of a table are its own whatever its name is, and
// that a table which is remembered is found by its OID once the catalogue is read again.
func TestRenamedTable(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY)`)
	w.choose(every("a")...)
	w.create()
	start := w.confirmed()
	f := w.follow(start)
	w.exec(other, `INSERT INTO a VALUES (1)`)
	f.read(w.marked())
	known := w.knows(replicator.TableState{OID: f.opened.Tables[0].Table.OID, Name: schema.Name{Schema: "public", Table: "a"}})
	w.exec(other, `ALTER TABLE a RENAME TO z`)
	w.exec(other, `CREATE SCHEMA s; ALTER TABLE z SET SCHEMA s`)
	w.exec(other, `INSERT INTO s.z VALUES (2)`)
	if d := cmp.Diff([]string{"insert a new(2)"}, f.read(w.marked())); d != "" {
		t.Error(d)
	}
	f.Close()
	source, opened, err := w.Open(t.Context(), replicator.OpenRequest{After: start, Known: func(context.Context) (replicator.Known, error) { return known, nil }})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	if len(opened.Tables) != 1 || len(opened.Unfit) != 0 {
		t.Fatalf("opened with %v, unfit %v", opened.Tables, opened.Unfit)
	}
	table := opened.Tables[0].Table
	if table.Name.String() != "s.z" || table.Configured.String() != "public.a" || table.Target != "a" {
		t.Errorf("%v, known as %v, goes to %s", table.Name, table.Configured, table.Target)
	}
}

// TestResetBesideAnUnfitTable shows that a table which cannot go on keeps a pipeline from
// beginning, but does not prevent a reset: it is parked, and the others are loaded again.
func TestResetBesideAnUnfitTable(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)`)
	w.choose(every("a", "b")...)
	w.create()
	w.exec(other, `ALTER TABLE a DROP CONSTRAINT a_pkey`)
	_, err := w.Create(t.Context(), replicator.CreateRequest{Resumed: true})
	if err := refusedWith(err, replicator.TableUnfit, "public.a"); err != nil {
		t.Error(err)
	}
	if _, err := w.Create(t.Context(), replicator.CreateRequest{Resumed: true, Reset: true}); err != nil {
		t.Fatal(err)
	}
	f := w.follow(w.confirmed())
	defer f.Close()
	if o := f.opened; len(o.Tables) != 1 || len(o.Unfit) != 1 || o.Unfit[0].Name.Table != "a" {
		t.Errorf("opened with %v, unfit %v", o.Tables, o.Unfit)
	}
}
