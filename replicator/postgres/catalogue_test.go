package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"rowshift/replicator"
	"rowshift/schema"
)

// TestRelations shows what is read of a table: its identity, its keys, and each
// column's type below all domains.
func TestRelations(t *testing.T) {
	tests := []struct {
		name, make       string
		identity         schema.Identity
		primary, replica []int16
	}{
		{"a primary key", `CREATE TABLE a (x int, id int, PRIMARY KEY (id, x))`, 'd', []int16{2, 1}, []int16{2, 1}},
		{"one that includes more", `CREATE TABLE a (id int, x int, PRIMARY KEY (id) INCLUDE (x))`, 'd', []int16{1}, []int16{1}},
		{"a deferrable one", `CREATE TABLE a (id int PRIMARY KEY DEFERRABLE)`, 'd', nil, nil},
		{"none", `CREATE TABLE a (id int UNIQUE NOT NULL)`, 'd', nil, nil},
		{"an index", `CREATE TABLE a (id int PRIMARY KEY, k int NOT NULL, l int NOT NULL); CREATE UNIQUE INDEX i ON a (l, k) INCLUDE (id); ALTER TABLE a REPLICA IDENTITY USING INDEX i`, 'i', []int16{1}, []int16{3, 2}},
		{"an index that is gone", `CREATE TABLE a (id int PRIMARY KEY, k int NOT NULL); CREATE UNIQUE INDEX i ON a (k); ALTER TABLE a REPLICA IDENTITY USING INDEX i; DROP INDEX i`, 'i', []int16{1}, nil},
		{"full", `CREATE TABLE a (id int PRIMARY KEY); ALTER TABLE a REPLICA IDENTITY FULL`, 'f', []int16{1}, []int16{1}},
		{"nothing", `CREATE TABLE a (id int PRIMARY KEY); ALTER TABLE a REPLICA IDENTITY NOTHING`, 'n', []int16{1}, []int16{1}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			conn := w.dial()
			w.exec(conn, test.make)
			all, err := readRelations(t.Context(), conn, every("a", "b"), nil)
			if err != nil || len(all.all) != 1 {
				t.Fatalf("%v, %v", all, err)
			}
			r := all.all[0]
			if r.Identity != test.identity || r.Kind != 'r' || r.Persistence != 'p' || fmt.Sprint(r.Primary, r.Replica) != fmt.Sprint(test.primary, test.replica) {
				t.Errorf("got %c%c, identity %c, primary %v, replica %v", r.Kind, r.Persistence, r.Identity, r.Primary, r.Replica)
			}
		})
	}
}

// TestRelationsAreLookedUp shows that the server does not scan a list of all keys for each
// table.
func TestRelationsAreLookedUp(t *testing.T) {
	w := newWorld(t)
	conn := w.dial()
	for _, line := range w.rows(conn, "EXPLAIN "+strings.NewReplacer("$1", "'{public}'", "$2", "'{a}'", "$3", "'{1}'").Replace(relationsQuery)) {
		if strings.Contains(line, "CTE") {
			t.Errorf("the plan has %q", line)
		}
	}
}

func TestAttributes(t *testing.T) {
	w := newWorld(t)
	conn := w.dial()
	w.exec(conn, `
		CREATE DOMAIN price AS numeric(10,2) NOT NULL; CREATE DOMAIN net AS price; CREATE DOMAIN tags AS text[]; CREATE TYPE mood AS ENUM ('ok'); CREATE TYPE pair AS (x int);
		CREATE TABLE a (id bigint PRIMARY KEY, gone int, v varchar(40) NOT NULL, n net, l tags, m mood, p pair, g int GENERATED ALWAYS AS (id * 2) STORED, big text);
		ALTER TABLE a DROP gone; ALTER TABLE a ALTER big SET STORAGE PLAIN`)
	all, err := readRelations(t.Context(), conn, every("a"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range all.all[0].Attributes {
		got = append(got, fmt.Sprintf("%d %s %s/%c mod %d domain %v notnull %v generated %v toast %v",
			a.Attnum, a.Name, a.Type.Name, a.Type.Category, a.Type.Typmod, a.Type.Base != a.Type.OID, a.NotNull, a.Generated, a.Toastable))
	}
	want := []string{
		"1 id int8/N mod -1 domain false notnull true generated false toast false",
		"3 v varchar/S mod 44 domain false notnull true generated false toast true",
		"4 n numeric/N mod 655366 domain true notnull false generated false toast true",
		"5 l _text/A mod -1 domain true notnull false generated false toast true",
		"6 m mood/E mod -1 domain false notnull false generated false toast false",
		"7 p pair/C mod -1 domain false notnull false generated false toast true",
		"8 g int4/N mod -1 domain false notnull false generated true toast false",
		"9 big text/S mod -1 domain false notnull false generated false toast true",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestAgain shows that a table which was altered, or dropped and made anew, since it was
// read is not taken for the same table, nor is one whose partitions came or went.
func TestAgain(t *testing.T) {
	for alter, same := range map[string]bool{
		`SELECT 1`: true, `ALTER TABLE a ALTER v SET STATISTICS 3`: true,
		`ALTER TABLE a ADD w int`: false, `ALTER TABLE a RENAME v TO w`: false, `ALTER TABLE a ALTER v TYPE varchar(9)`: false,
		`ALTER TABLE a DROP v; ALTER TABLE a ADD v text`: false, `DROP TABLE a; CREATE TABLE a (id int PRIMARY KEY, v text)`: false,
		`ALTER TABLE a DROP CONSTRAINT a_pkey, ADD PRIMARY KEY (v)`: false,
		`INSERT INTO p VALUES (1, 'v'); ANALYZE p`:                  true, `CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2)`: false, `TRUNCATE p1`: false,
		`CREATE TABLE p2 (LIKE p INCLUDING ALL); ALTER TABLE p ATTACH PARTITION p2 FOR VALUES IN (2)`: false, `ALTER TABLE p DETACH PARTITION p1`: false,
	} {
		w := newWorld(t)
		conn := w.dial()
		w.exec(conn, `CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE p (id int PRIMARY KEY, v text) PARTITION BY LIST (id); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)`)
		before := tables(w.table("a"), w.table("p"))
		w.exec(conn, alter)
		_, err := w.resolveAgain(t.Context(), conn, before)
		if _, altered := errors.AsType[*replicator.Altered](err); altered == same || err != nil && !altered {
			t.Errorf("%s: %v", alter, err)
		}
	}
}

// TestKeyThatIsNotValidated shows that a table whose key may be NULL in older rows is not
// replicated, and that it is once the constraint is validated, as the repair does.
func TestKeyThatIsNotValidated(t *testing.T) {
	w := newWorld(t)
	if w.major() < 18 {
		t.Skip("before 18 no NOT NULL can be left unvalidated")
	}
	other := w.dial()
	w.exec(other, `CREATE TABLE a (k int); CREATE UNIQUE INDEX i ON a (k); INSERT INTO a VALUES (1), (NULL)`)
	w.exec(other, `ALTER TABLE a ADD CONSTRAINT nn NOT NULL k NOT VALID; ALTER TABLE a REPLICA IDENTITY USING INDEX i; CREATE TABLE b (id int PRIMARY KEY)`)
	w.choose(every("b")...)
	w.create()
	w.choose(every("a")...)
	_, err := w.Tables(t.Context())
	if err := refusedWith(err, replicator.TableUnfit, `public.a: key column "k" can be NULL`, `ALTER COLUMN "k" SET NOT NULL`); err != nil {
		t.Fatal(err)
	}
	for _, validate := range []string{`ALTER TABLE a ALTER COLUMN k SET NOT NULL`, `ALTER TABLE a VALIDATE CONSTRAINT nn`} {
		f := w.watched(w.confirmed())
		w.exec(other, `BEGIN; DELETE FROM a WHERE k IS NULL; `+validate+`; COMMIT`)
		err := f.until(func(replicator.Change) bool { return false })
		if err := alteredWith(err, 0, "what keeps tables from being replicated is something else"); err != nil {
			t.Errorf("%s: %v", validate, err)
		}
		f.Close()
		again := w.follow(w.confirmed())
		if parked, tables := len(f.opened.Unfit), len(again.opened.Tables); parked != 1 || tables != 2 {
			t.Errorf("%s: %d parked before, and %d tables after", validate, parked, tables)
		}
		again.Close()
		w.exec(other, `ALTER TABLE a REPLICA IDENTITY NOTHING; ALTER TABLE a DROP CONSTRAINT nn; INSERT INTO a VALUES (NULL); ALTER TABLE a ADD CONSTRAINT nn NOT NULL k NOT VALID; ALTER TABLE a REPLICA IDENTITY USING INDEX i`)
	}
}

// TestFollowedByOID shows that a column is followed under another name only in the table
// that had it. If another table was made in its place, following it there might let another
// column leave the database.
func TestFollowedByOID(t *testing.T) {
	name := schema.Name{Schema: "public", Table: "a"}
	choice := schema.Choice{Name: name, Columns: []string{"id", "v"}}
	attribute := func(n int16, name string) schema.Attribute {
		return schema.Attribute{Attnum: n, Name: name, NotNull: n == 1, Type: schema.Type{OID: 23, Base: 23, Typmod: -1, Name: "int4", Category: 'N'}}
	}
	is := schema.Relation{OID: 7, Name: name, Kind: 'r', Persistence: 'p', Identity: schema.IdentityDefault, Primary: []int16{1}, Replica: []int16{1},
		Attributes: []schema.Attribute{attribute(1, "id"), attribute(2, "other")}}
	for oid, want := range map[uint32]int{7: 1, 6: 0} {
		known := map[schema.Name]replicator.TableState{name: {OID: oid, Name: name, Shape: []schema.Shape{{Attnum: 1, Name: "id"}, {Attnum: 2, Name: "v"}}}}
		tables, err := resolve(newRelations([]schema.Relation{is}), []schema.Choice{choice}, known, schema.ColumnListMajor)
		if len(tables) != want || (err == nil) != (want == 1) {
			t.Errorf("known as OID %d: %d tables, %v", oid, len(tables), err)
		}
	}
}

// TestRenamedBesideAnother shows that a table which goes by another name in the source now is
// left out, under the name that the config has for it, if another one has its target, or if
// its changes come as those of another.
func TestRenamedBesideAnother(t *testing.T) {
	called := func(oid uint32, name string) schema.Relation {
		return schema.Relation{OID: oid, Name: schema.Name{Schema: "public", Table: name}, Kind: 'r', Persistence: 'p', Identity: schema.IdentityDefault, Primary: []int16{1}, Replica: []int16{1},
			Attributes: []schema.Attribute{{Attnum: 1, Name: "id", NotNull: true, Type: schema.Type{OID: 23, Base: 23, Typmod: -1, Name: "int4", Category: 'N'}}}}
	}
	root, first, renamed := called(6, "root"), called(7, "first"), called(8, "renamed")
	root.Kind, root.Parts = 'p', []schema.Part{{OID: 8, Name: renamed.Name, Kind: 'r', Persistence: 'p', Identity: schema.IdentityDefault, Key: []string{"id"}}}
	known := map[schema.Name]replicator.TableState{{Schema: "public", Table: "second"}: {OID: 8, Name: schema.Name{Schema: "public", Table: "second"}}}
	for _, other := range []schema.Relation{first, root} {
		choices := every(other.Name.Table, "second")
		choices[0].Target, choices[1].Target = "one", map[byte]string{'r': "one", 'p': "two"}[other.Kind]
		tables, err := resolve(newRelations([]schema.Relation{other, renamed}), choices, known, schema.ColumnListMajor)
		faults := schema.Faults(err)
		if len(tables) != 1 || tables[0].OID != other.OID || len(faults) != 1 || faults[0].Table.Table != "second" || !strings.Contains(faults[0].Repair, "tables.public.second") {
			t.Errorf("beside %v: %d tables, %v", other.Name, len(tables), err)
		}
	}
}

// TestReadAtOnce shows that a table which is altered while the catalogue is read is read as
// it was before. If a table was rewritten between two queries, its old file would be
// remembered with its new columns, and nothing would tell that its rows are others.
func TestReadAtOnce(t *testing.T) {
	for _, alter := range []string{`ALTER TABLE a ALTER v TYPE int USING v + 1`, `ALTER TABLE a ADD w bigint NOT NULL DEFAULT (random() * 9)`} {
		w := newWorld(t)
		other := w.dial()
		w.exec(other, `CREATE TABLE a (id int PRIMARY KEY, v int)`)
		before := w.table("a")
		config := w.config.Copy()
		config.Tracer = between{query: attributesQuery, do: func() { w.exec(other, alter) }}
		conn := w.dialAs(config)
		w.Remember(replicator.Known{})
		read, _, err := w.fit(t.Context(), conn, server{})
		if err != nil {
			t.Fatal(err)
		}
		after, _, err := w.fit(t.Context(), other, server{})
		if err != nil {
			t.Fatal(err)
		}
		if d := schema.Compare(before.Shape(), before.Heap, read[0]); !d.Empty() {
			t.Errorf("%s: read in its middle, the table is %+v", alter, d)
		}
		if d := schema.Compare(read[0].Shape(), read[0].Heap, after[0]); d.Uncertain == "" {
			t.Errorf("%s: what was read is no different from what it led to", alter)
		}
	}
}

// between does something before a query is sent.
type between struct {
	query string
	do    func()
}

// TraceQueryStart implements pgx.QueryTracer.
func (b between) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	if q.SQL == b.query {
		b.do()
	}
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (b between) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
