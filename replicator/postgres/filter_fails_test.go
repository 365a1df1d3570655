package postgres

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"rowshift/replicator"
	"rowshift/schema"
)

// TestFilterThatFails shows that a slot is not taken for lost because a condition fails on
// a row. A load parks its table, and a stream halts, whatever is then done to the row and
// to the publication. What either prints repairs it.
func TestFilterThatFails(t *testing.T) {
	w := newWorld(t)
	if w.major() < schema.ColumnListMajor {
		t.Skip("publications have no conditions before 15")
	}
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int, n int, PRIMARY KEY (id, n)); CREATE TABLE b (id int PRIMARY KEY)`)
	w.choose(append(every("b"), filtered("a", "100 / n > 5"))...)
	w.create()
	w.exec(other, `INSERT INTO a VALUES (1, 0)`)
	halts := func(after string) {
		t.Helper()
		for _, format := range []Format{Text, Binary, Binary} { // the first of the two is tried again as text
			w.options.Format = format
			f := w.follow(w.confirmed())
			err := f.until(func(replicator.Change) bool { return false })
			f.Close()
			if strings.Contains(err.Error(), "opened again as text") {
				continue
			}
			if err := refusedWith(err, replicator.SourceUnfit, "22012", "tables.public.a.where", "CASE WHEN", startOver); err != nil {
				t.Fatalf("%s, as %s: %v", after, format, err)
			}
		}
	}
	halts("with the row")
	w.options.Format = Text
	_, err := copied(t.Context(), w.take(must(w.Tables(t.Context()))...))
	var unfit *replicator.Unfit
	if !errors.As(err, &unfit) || unfit.Name.Table != "a" || unfit.Why.Reason != replicator.TableUnfit || !strings.Contains(unfit.Why.Repair, "tables.public.a.where") {
		t.Fatalf("the load: %v", err)
	}
	w.exec(other, `UPDATE a SET n = 50`)
	halts("with the row corrected")
	w.exec(other, `ALTER PUBLICATION rowshift DROP TABLE a`)
	w.exec(other, `INSERT INTO a VALUES (2, 0)`)
	w.options.Choices[1].Where = "CASE WHEN n <> 0 THEN 100 / n > 5 ELSE false END"
	halts("with another condition")
	if _, err := w.Create(t.Context(), replicator.CreateRequest{Resumed: true, Remake: true, Reset: true}); err != nil {
		t.Fatal(err)
	}
	if got, err := copied(t.Context(), w.take(must(w.Tables(t.Context()))...)); err != nil || len(got["a"]) > 0 {
		t.Errorf("after the repair: %q, %v", got, err)
	}
	f := w.follow(w.confirmed())
	w.exec(other, `UPDATE a SET n = 10 WHERE n = 0; DELETE FROM a WHERE n = 50; INSERT INTO b VALUES (1)`)
	if got := f.read(w.marked()); !slices.Equal(got, []string{"insert a new(2|10)", "insert b new(1)"}) {
		t.Errorf("after the repair: %q", got)
	}
}
