package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"rowshift/replicator"
	"rowshift/schema"
)

// newWorldIn returns a world whose database has that encoding.
func newWorldIn(t *testing.T, encoding string) *world {
	w := newWorld(t)
	name := w.config.Database + "_" + strings.ToLower(encoding)
	first := w.dial()
	w.exec(first, fmt.Sprintf("CREATE DATABASE %s TEMPLATE template0 ENCODING '%s' LOCALE 'C'", name, encoding))
	w.config.Database, w.program.Database = name, name
	t.Cleanup(func() {
		conn, err := pgx.Connect(context.Background(), shared.Server(t).DSN("postgres"))
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close(context.Background())
		_, err = conn.Exec(context.Background(), "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = '"+name+"'")
		if err == nil {
			_, err = conn.Exec(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)")
		}
		if err != nil {
			t.Error(err)
		}
	})
	return w
}

// TestTextThatIsNotUTF8 shows that text of a database in SQL_ASCII comes as it is stored,
// in a load and in a stream of either format. It is then a misfit of its value, and nothing
// worse.
func TestTextThatIsNotUTF8(t *testing.T) {
	for _, format := range []Format{Binary, Text} {
		t.Run(string(format), func(t *testing.T) {
			w := newWorldIn(t, "SQL_ASCII")
			other := w.dial()
			w.exec(other, `CREATE TABLE a (id int PRIMARY KEY, v text); INSERT INTO a VALUES (1, E'caf\xe9')`)
			w.options.Format = format
			w.choose(every("a")...)
			w.create()
			got, err := copied(t.Context(), w.take(must(w.Tables(t.Context()))...))
			if err != nil || !slices.Equal(got["a"], []string{"1|caf\xe9"}) {
				t.Errorf("loaded %q, %v", got["a"], err)
			}
			f := w.follow(w.confirmed())
			w.exec(other, `INSERT INTO a VALUES (2, E'th\xe9'), (3, 'tea')`)
			if got := f.read(w.marked()); !slices.Equal(got, []string{"insert a new(2|th\xe9)", "insert a new(3|tea)"}) || f.opened.Format != string(format) {
				t.Errorf("streamed %q as %s", got, f.opened.Format)
			}
		})
	}
}

// TestTextThatUTF8Lacks shows that a slot is not taken for lost because of a byte that
// stands for no character in the database's encoding: a load parks its table, a stream
// halts, and what either prints repairs it.
func TestTextThatUTF8Lacks(t *testing.T) {
	w := newWorldIn(t, "WIN1252")
	other := w.dial()
	w.exec(other, `SET client_encoding = 'SQL_ASCII'; CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE b (id int PRIMARY KEY)`)
	w.choose(every("a", "b")...)
	w.create()
	w.exec(other, `INSERT INTO a VALUES (1, E'\x81')`)
	for range stuckAfter {
		f := w.follow(w.confirmed())
		err := f.until(func(replicator.Change) bool { return false })
		if err := refusedWith(err, replicator.SourceUnfit, "22P05", "SET client_encoding = 'UTF8'", startOver); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(err.Error(), "0x81") {
			t.Errorf("it tells the value: %v", err)
		}
		f.Close()
	}
	_, err := copied(t.Context(), w.take(must(w.Tables(t.Context()))...))
	var unfit *replicator.Unfit
	if !errors.As(err, &unfit) || unfit.Name != (schema.Name{Schema: "public", Table: "a"}) || unfit.Why.Reason != replicator.TableUnfit || !strings.Contains(unfit.Why.Repair, `"public"."a"`) {
		t.Fatalf("the load: %v", err)
	}
	if _, err := w.dial().Exec(t.Context(), `SET client_encoding = 'UTF8'; SELECT * FROM "public"."a"`); codeOf(err) != untranslatable {
		t.Errorf("what is printed does not find it: %v", err)
	}
	w.exec(other, `UPDATE a SET v = 'x'`)
	if _, err := w.Create(t.Context(), replicator.CreateRequest{Resumed: true, Remake: true, Reset: true}); err != nil {
		t.Fatal(err)
	}
	if got, err := copied(t.Context(), w.take(must(w.Tables(t.Context()))...)); err != nil || !slices.Equal(got["a"], []string{"1|x"}) {
		t.Errorf("after the repair: %q, %v", got, err)
	}
	f := w.follow(w.confirmed())
	w.exec(other, `INSERT INTO b VALUES (1)`)
	if got := f.read(w.marked()); !slices.Equal(got, []string{"insert b new(1)"}) {
		t.Errorf("after the repair: %q", got)
	}
}
