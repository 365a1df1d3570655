package postgres

import (
	"fmt"
	"slices"
	"testing"

	"rowshift/replicator"
	"rowshift/schema"
)

// knows returns what a checkpoint of the world's database knows of tables.
func (w *world) knows(tables ...replicator.TableState) replicator.Known {
	w.t.Helper()
	system, err := w.system(w.t.Context(), "")
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := serverOf(w.t.Context(), w.ours())
	if err != nil {
		w.t.Fatal(err)
	}
	return replicator.Known{System: system, Database: s.database, Tables: tables}
}

// TestAnotherDatabase shows that tables and columns are followed by their numbers only in
// the database that the numbers are known from. In another cluster or database, a table or
// a column that the config does not name may have the number of one that it names: it is
// neither published nor read.
func TestAnotherDatabase(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `CREATE TABLE secret (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY, secret int)`)
	secret, b := w.table("secret").OID, w.table("b").OID
	w.named(true)
	w.options.Choices = nil
	name := func(table string) schema.Name { return schema.Name{Schema: "public", Table: table} }
	w.choose(schema.Choice{Name: name("a"), All: true}, schema.Choice{Name: name("b"), Columns: []string{"id", "v"}})
	known := w.knows(
		replicator.TableState{OID: secret, Name: name("a"), Target: "a", State: replicator.Live},
		replicator.TableState{OID: b, Name: name("b"), Target: "b", State: replicator.Live, Shape: []schema.Shape{{Attnum: 1, Name: "id"}, {Attnum: 2, Name: "v"}}},
	)
	w.exec(other, `CREATE PUBLICATION `+w.options.Publication+` WITH (publish_via_partition_root = true)`)
	for _, test := range []struct {
		what, system, database string
		want                   []string
	}{
		{"another cluster", "7", known.Database, nil},
		{"another database", known.System, "other", nil},
		{"the same", known.System, known.Database, []string{"b [id secret]", "secret [id]"}}, // a was renamed, and the column v
	} {
		remembered := replicator.Known{System: test.system, Database: test.database, Tables: known.Tables}
		w.Remember(remembered)
		_, seen, err := w.Plan(t.Context())
		if err != nil || seen.System != known.System || seen.Database != known.Database {
			t.Errorf("%s: it is %s of %s, %v", test.what, seen.Database, seen.System, err)
		}
		var planned []string
		for _, p := range seen.Tables {
			var columns []string
			for _, c := range p.Table.Columns {
				columns = append(columns, c.Name)
			}
			planned = append(planned, fmt.Sprint(p.Table.Name.Table, " ", columns))
		}
		slices.Sort(planned)
		if !slices.Equal(planned, test.want) {
			t.Errorf("%s: to be published are %v", test.what, planned)
		}
		if _, err := w.Create(t.Context(), replicator.CreateRequest{Resumed: true, Reset: true, Known: remembered}); err != nil {
			t.Errorf("%s: %v", test.what, err)
		}
		if got := w.rows(other, `SELECT tablename FROM pg_publication_tables ORDER BY 1`); len(got) != len(test.want) {
			t.Errorf("%s: published are %v", test.what, got)
		}
	}
}

// TestWhoMayNotReplicate shows that a daemon whose role has lost the right to replicate
// halts with what repairs that, even if it finds out when it asks which source this is.
func TestWhoMayNotReplicate(t *testing.T) {
	w := newWorld(t)
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY); CREATE ROLE "`+w.role()+`" LOGIN REPLICATION; ALTER TABLE a OWNER TO "`+w.role()+`"`)
	oid := w.table("a").OID
	w.options.Choices = nil
	w.choose(every("a")...)
	w.named(true)
	known := w.knows(replicator.TableState{OID: oid, Name: schema.Name{Schema: "public", Table: "a"}, Target: "a", State: replicator.Live})
	w.exec(other, `ALTER ROLE "`+w.role()+`" NOREPLICATION`)
	w.program.User = w.role()
	_, err := w.Create(t.Context(), replicator.CreateRequest{Resumed: true, Reset: true, Look: true, Known: known})
	if err := refusedWith(err, replicator.SourceUnfit, w.role(), "REPLICATION"); err != nil {
		t.Error(err)
	}
	w.options.Create = false
	_, _, err = w.Open(t.Context(), replicator.OpenRequest{After: 1, Judge: func(replicator.Opened) error { return nil }})
	if err := refusedWith(err, replicator.SlotMissing); err != nil {
		t.Errorf("whose source it is cannot be asked: %v", err)
	}
}
