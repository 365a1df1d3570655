package postgres

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"rowshift/replicator"
	"rowshift/schema"
)

// TestUnfitOfAnotherList shows that the log from before a column was chosen can be read
// past: its rows are unfit, those from behind the change of the publication have the
// column, and the table's row in the publication says that it has to be loaded again.
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
		if c.Unfit != nil {
			unfit[c.Op]++
			if err := refusedWith(c.Unfit, replicator.ShapeChanged, `column "w" is missing`); err != nil {
				t.Error(err)
			}
		}
		return c.LSN >= to
	})
	if err != nil {
		t.Fatal(err)
	}
	if w.major() < columnListMajor { // there all columns are sent, ever
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

// TestUnfitByName shows that rows of a table which goes by another name are not taken
// for those of the one that was chosen: the catalogue has to be read again, and tells.
func TestUnfitByName(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY)`)
	w.choose(every("a")...)
	w.create()
	start := w.confirmed()
	f := w.follow(start)
	w.exec(other, `INSERT INTO a VALUES (1)`)
	f.read(w.marked())
	w.exec(other, `ALTER TABLE a RENAME TO z`)
	w.exec(other, `TRUNCATE z`)
	w.exec(other, `INSERT INTO z VALUES (1)`)
	unfit, to := 0, w.marked()
	err := f.until(func(c replicator.Change) bool {
		if c.Unfit != nil && !replicator.Final(c.Unfit) {
			unfit++
		}
		return c.LSN >= to
	})
	if err != nil || unfit != 2 {
		t.Errorf("%d are unfit, %v", unfit, err)
	}
	f.Close()
	_, _, err = w.Open(t.Context(), replicator.OpenRequest{After: start})
	if err := refusedWith(err, replicator.TableUnfit, "public.a"); err != nil {
		t.Error(err)
	}
	w.options.Choices = every("z") // as the config follows
	again := w.follow(start)
	err = again.until(func(c replicator.Change) bool {
		if replicator.Final(c.Unfit) {
			t.Error(c.Unfit)
		}
		return c.LSN >= to
	})
	if err != nil {
		t.Error(err)
	}
}
