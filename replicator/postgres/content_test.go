package postgres

import (
	"strings"
	"testing"

	"rowshift/schema"
)

// TestAlteredTypes shows that it becomes uncertain what the target holds if the values of a
// type get another text, though no row is written, wherever in a column's type that type
// is. A label that is added does not do this, but is known from then on.
func TestAlteredTypes(t *testing.T) {
	const altered = "were altered"
	for _, c := range []struct {
		column, alter, uncertain string
	}{
		{"mood", `ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'`, altered},
		{"mood[]", `ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'`, altered},
		{"feeling", `ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'`, altered},
		{"feeling[]", `ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'`, altered},
		{"moods", `ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'`, altered},
		{"moods_many", `ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'`, altered},
		{"pair[]", `ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'`, altered},
		{"mood", `ALTER TYPE mood RENAME VALUE 'sad' TO 'x'; ALTER TYPE mood RENAME VALUE 'happy' TO 'sad'; ALTER TYPE mood RENAME VALUE 'x' TO 'happy'`, altered},
		{"mood", `ALTER TYPE mood ADD VALUE 'blue' BEFORE 'sad'`, ""},
		{"pair", `ALTER TYPE mood ADD VALUE 'blue'`, ""},
		{"mood", `ALTER TYPE mood RENAME TO temper`, ""},
		{"mood", `ALTER TYPE other RENAME VALUE 'sad' TO 'blue'`, ""},
		{"pair", `ALTER TYPE pair ADD ATTRIBUTE more int`, altered},
		{"pair", `ALTER TYPE pair DROP ATTRIBUTE n`, altered},
		{"pair[]", `ALTER TYPE pair DROP ATTRIBUTE n`, altered},
		{"pair", `ALTER TYPE pair RENAME ATTRIBUTE n TO m`, ""},
		{"int", `ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'`, ""},
	} {
		w := newWorld(t)
		other := w.dial()
		w.exec(other, `CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE TYPE other AS ENUM ('sad'); CREATE DOMAIN feeling AS mood; CREATE TYPE pair AS (n int, m2 mood);
			CREATE TYPE moods AS RANGE (subtype = mood, multirange_type_name = moods_many)`)
		w.exec(other, `CREATE TABLE a (id int PRIMARY KEY, v `+c.column+`)`)
		was := w.table("a")
		s, err := serverOf(t.Context(), w.ours())
		if err != nil {
			t.Fatal(err)
		}
		look := func() string {
			p, err := fingerprint(t.Context(), other, s)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		before := look()
		w.exec(other, c.alter)
		if look() == before {
			t.Errorf("%s: the watcher sees no difference", c.alter)
		}
		w.options.Choices = nil
		is := w.table("a")
		d := schema.Compare(was.Shape(), was.Heap, is)
		if (d.Uncertain == "") != (c.uncertain == "") || !strings.Contains(d.Uncertain, c.uncertain) || d.Empty() != (c.uncertain == "") {
			t.Errorf("%s of %s: %+v", c.alter, c.column, d)
		}
		shape := was.Shape()
		for i := range shape {
			shape[i].Content = ""
		}
		if d := schema.Compare(shape, was.Heap, is); !d.Empty() {
			t.Errorf("%s of %s, known by an older rowshift: %+v", c.alter, c.column, d)
		}
		if d := schema.Compare(is.Shape(), is.Heap, is); !d.Empty() {
			t.Errorf("%s of %s, once known: %+v", c.alter, c.column, d)
		}
	}
}
