package postgres

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rowshift/replicator"
	"rowshift/schema"
)

// filtered chooses the rows of a table of the schema public.
func filtered(name, where string) schema.Choice {
	return schema.Choice{Name: schema.Name{Schema: "public", Table: name}, All: true, Where: where}
}

// TestFilter shows that a publication uses the condition, whoever wrote it and in whatever
// way, that a row appears and disappears when an update brings it into the condition or
// takes it out, and that a snapshot reads by the same condition.
func TestFilter(t *testing.T) {
	w := newWorld(t)
	if w.major() < schema.ColumnListMajor {
		t.Skip("publications have no conditions before 15")
	}
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY, region text, doc text); ALTER TABLE a REPLICA IDENTITY FULL; ALTER TABLE a ALTER doc SET STORAGE EXTERNAL;
		CREATE TABLE k (id int, "Of" text, n int, PRIMARY KEY (id, "Of"));
		CREATE TABLE p (id int PRIMARY KEY, n int) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10); CREATE TABLE p2 PARTITION OF p DEFAULT;
		INSERT INTO a SELECT i, CASE WHEN i % 2 = 0 THEN 'eu' ELSE 'us' END, repeat('d', 3000) FROM generate_series(1, 6) i; INSERT INTO a VALUES (7, NULL);
		INSERT INTO p VALUES (1, 1), (4, 1), (11, 1), (14, 1)`)
	w.choose(filtered("a", "region IN ('eu', 'uk') -- of ours"), filtered("k", `"Of" <> 'x'`), filtered("p", "id > 2 AND id <> 11"))
	last := &w.options.Choices[2] // with a list of columns as well
	last.All, last.Columns = false, []string{"id", "n"}
	w.create()
	s := w.take(must(w.Tables(t.Context()))...)
	got, err := copied(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(got["p"])
	if d := cmp.Diff([]string{"14|1", "4|1"}, got["p"]); d != "" || len(got["a"]) != 3 {
		t.Errorf("%d rows of a; of p: %s", len(got["a"]), d)
	}
	s.Close()
	f := w.follow(w.confirmed())
	w.exec(other, "UPDATE a SET region = 'uk' WHERE id <= 2; UPDATE a SET region = NULL WHERE id = 4; DELETE FROM a WHERE id IN (5, 6); INSERT INTO a VALUES (8, 'us')")
	w.exec(other, `INSERT INTO k VALUES (1, 'x', 1), (2, 'y', 1); UPDATE k SET n = 2; UPDATE k SET "Of" = 'z'; INSERT INTO p VALUES (2, 2), (3, 2); UPDATE p SET id = id + 20 WHERE n = 2`)
	lines := f.read(w.marked())
	for i, l := range lines {
		lines[i] = short(l)
	}
	want := []string{
		"insert a new(1|uk|d)", "update a key(2) old(2|eu|d) new(2|uk|<unchanged>)", "delete a key(4) old(4|eu|d)", "delete a key(6) old(6|eu|d)",
		"insert k new(2|y|1)", "update k new(2|y|2)", "insert k new(1|z|2)", "update k key(2|y) new(2|z|2)",
		"insert p new(3|2)", "insert p new(22|2)", "delete p key(3)", "insert p new(23|2)",
	}
	if d := cmp.Diff(want, lines); d != "" {
		t.Error(d)
	}
	f.Close()
	if statements, _, err := w.Plan(t.Context()); err != nil || len(statements) > 0 {
		t.Errorf("left to do: %q, %v", statements, err)
	}
	w.options.Choices[1].Where = `("Of"   != 'x'::text)` // the same to the server
	if statements, _, err := w.Plan(t.Context()); err != nil || len(statements) > 0 {
		t.Errorf("of a condition that is written otherwise is due: %q, %v", statements, err)
	}
	w.options.Choices[1].Where = `"Of" <> 'y'`
	want = []string{"BEGIN", `ALTER PUBLICATION "rowshift" DROP TABLE ONLY "public"."k"`, `ALTER PUBLICATION "rowshift" ADD TABLE ONLY "public"."k" WHERE ("Of" <> 'y')`, "COMMIT"}
	if statements, _, err := w.Plan(t.Context()); err != nil || !slices.Equal(statements, want) {
		t.Errorf("of another condition is due: %q, %v", statements, err)
	}
}

// TestFilterRefused shows that what cannot be a condition on the table's rows is reported
// before anything is done, and that a condition which can be one never makes the owner's
// statements fail.
func TestFilterRefused(t *testing.T) {
	w := newWorld(t)
	if w.major() < schema.ColumnListMajor {
		t.Skip("publications have no conditions before 15")
	}
	other := w.dial()
	w.exec(other, `CREATE TABLE a (id int PRIMARY KEY, n int)`)
	w.exec(other, `CREATE TABLE d (id int, d date, PRIMARY KEY (id, d)); CREATE TABLE z (id int PRIMARY KEY)`)
	for where, words := range map[string][]string{
		"n > 1":                       {`column "n", which is not in the replica identity`},
		"id >":                        {"syntax error", "tables.public.a.where"},
		"nosuch = 1":                  {`"nosuch" does not exist`},
		"id IN (SELECT 1)":            {"subquery"},
		"id":                          {"boolean"},
		"true); DROP TABLE a; SELECT": {"syntax error"},
	} {
		w.options.Choices = []schema.Choice{filtered("a", where)}
		_, err := w.Tables(t.Context())
		if err := refusedWith(err, replicator.TableUnfit, words...); err != nil {
			t.Errorf("%s: %v", where, err)
		}
	}
	w.options.Choices = nil
	w.choose(filtered("a", "id = 'eu'"), filtered("d", "d < '2024-02-30'"), every("z")[0]) // only the last goes on
	tables, faults, err := w.fit(t.Context(), other, must(serverOf(t.Context(), other)))
	for _, words := range [][]string{{`"eu"`, "22P02", "tables.public.a.where"}, {`"2024-02-30"`, "22008", "tables.public.d.where"}} {
		if err := refusedWith(unfitTables(faults), replicator.TableUnfit, words...); err != nil {
			t.Error(err)
		}
	}
	if err != nil || len(tables) != 1 || tables[0].Name.Table != "z" {
		t.Errorf("%v beside constants that are none: %v", tables, err)
	}
	w.exec(other, `CREATE TABLE b (id int, region varchar(10), PRIMARY KEY (id, region))`)
	w.options.Choices = []schema.Choice{filtered("b", "region IN ('eu', 'uk')")} // which casts an array
	w.named(true)
	_, err = w.Create(t.Context(), replicator.CreateRequest{})
	if err := refusedWith(err, replicator.PublicationDiffers, "invalid publication WHERE expression", "built-in", "tables.public.b.where"); err != nil {
		t.Error(err)
	}
	w.options.Choices = []schema.Choice{filtered("b", "region::text IN ('eu', 'uk')")}
	w.create()
	w.exec(other, `INSERT INTO b VALUES (1, 'eu'); UPDATE b SET id = 2; DELETE FROM b; UPDATE a SET n = 1`)
}

// TestFilterOfAlikeTables shows that a condition which was read once is applied to each
// table's own columns, and reported by the table's own name: for another table with the
// same columns, and for the same table after its column was dropped and added again.
func TestFilterOfAlikeTables(t *testing.T) {
	w := newWorld(t)
	if w.major() < schema.ColumnListMajor {
		t.Skip("publications have no conditions before 15")
	}
	other := w.dial()
	w.exec(other, `CREATE TABLE f (id int PRIMARY KEY, gone int, org int, v int); ALTER TABLE f DROP gone, REPLICA IDENTITY FULL; CREATE TABLE g (id int PRIMARY KEY, org int, v int)`)
	w.options.Choices = []schema.Choice{filtered("f", "v > 1"), filtered("g", "v > 1")}
	err := second(w.Tables(t.Context()))
	if err := refusedWith(err, replicator.TableUnfit, `public.g: has a where that looks at column "v"`); err != nil {
		t.Error(err)
	}
	w.options.Choices = w.options.Choices[:1]
	if _, err := w.Tables(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.exec(other, `ALTER TABLE f DROP v, ADD v int, REPLICA IDENTITY DEFAULT`)
	err = second(w.Tables(t.Context()))
	if err := refusedWith(err, replicator.TableUnfit, `public.f: has a where that looks at column "v"`); err != nil {
		t.Error(err)
	}
	w.options.Choices = []schema.Choice{filtered("f", "nosuch"), filtered("g", "nosuch")}
	tx := must(other.Begin(t.Context())) // where the server is asked only once
	_, faults, err := w.fit(t.Context(), tx, must(serverOf(t.Context(), tx)))
	if err != nil {
		t.Fatal(err)
	}
	if err := refusedWith(unfitTables(faults), replicator.TableUnfit, "correct tables.public.f.where", "correct tables.public.g.where"); err != nil {
		t.Error(err)
	}
}

// TestFilterRights shows which right a role lacks to have a condition read, and that the
// condition is read once the right is granted.
func TestFilterRights(t *testing.T) {
	w := newWorld(t)
	if w.major() < schema.ColumnListMajor {
		t.Skip("publications have no conditions before 15")
	}
	other := w.dial()
	w.exec(other, `CREATE TABLE b (id int PRIMARY KEY)`)
	role := fmt.Sprintf("reader_%d", time.Now().UnixNano())
	w.exec(other, fmt.Sprintf(`CREATE ROLE %s LOGIN PASSWORD 'x'; REVOKE TEMPORARY ON DATABASE %s FROM PUBLIC`, role, w.config.Database))
	owner := w.program
	w.program = owner.Copy()
	w.program.User, w.program.Password = role, "x"
	w.options.Choices = []schema.Choice{filtered("b", "id > 7")}
	w.exec(other, `CREATE SCHEMA "of Types"; CREATE TYPE "of Types".mood AS ENUM ('ok'); CREATE TYPE "of Types".own AS ENUM ('ok'); REVOKE USAGE ON TYPE "of Types".own FROM PUBLIC`)
	w.exec(other, `CREATE TABLE m (id int PRIMARY KEY, mood "of Types".mood)`)
	w.exec(other, `CREATE TABLE o (id int PRIMARY KEY, own "of Types".own[]); ALTER TABLE o REPLICA IDENTITY FULL`)
	for _, lacks := range []struct{ table, grant, other string }{
		{"b", "GRANT TEMPORARY ON DATABASE " + w.config.Database, "SCHEMA"},
		{"m", `GRANT USAGE ON SCHEMA "of Types"`, "TEMPORARY ON"},
		{"o", `GRANT USAGE ON TYPE "of Types".own`, "SCHEMA"},
	} {
		w.options.Choices = []schema.Choice{filtered(lacks.table, "id > 7")}
		err := second(w.Tables(t.Context()))
		if err := refusedWith(err, replicator.TableUnfit, "temporary table", "permission denied", lacks.grant+" TO "+role); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(err.Error(), "GRANT "+lacks.other) {
			t.Errorf("without need: %v", err)
		}
		w.exec(other, lacks.grant+" TO "+role)
		if _, err := w.Tables(t.Context()); err != nil {
			t.Errorf("granted: %v", err)
		}
	}
	w.program = owner
	w.exec(other, "DROP OWNED BY "+role+"; DROP ROLE "+role)
}

// second returns the error of a call that returns two values.
func second[T any](_ T, err error) error { return err }

// must panics if a call that cannot fail does.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// short writes each d of a long run once.
func short(line string) string {
	return string(slices.CompactFunc([]rune(line), func(a, b rune) bool { return a == 'd' && b == 'd' }))
}
