package postgres

import (
	"slices"
	"testing"

	"rowshift/schema"
)

// TestGeneratedColumnsOfADBA shows that a publication which sends generated columns that
// nobody chose is read like one that does not send them.
func TestGeneratedColumnsOfADBA(t *testing.T) {
	w := newWorld(t)
	if w.major() < schema.GeneratedMajor {
		t.Skip("publications send no generated columns before 18")
	}
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED, v text)`)
	w.exec(other, `CREATE PUBLICATION rowshift FOR TABLE ONLY a WITH (publish_generated_columns = stored)`)
	w.choose(every("a")...)
	w.named(false)
	w.exec(other, createSlot(w.options.Slot))
	f := w.follow(w.confirmed())
	w.exec(other, `INSERT INTO a VALUES (1, DEFAULT, 'x')`)
	if got := f.read(w.marked()); !slices.Equal(got, []string{"insert a new(1|x)"}) {
		t.Errorf("%q", got)
	}
}
