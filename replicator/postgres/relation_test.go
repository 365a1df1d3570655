package postgres

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rowshift/replicator"
	"rowshift/schema"
)

// OIDs of built-in types, and one of a domain.
// https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_type.dat
const (
	int4OID    = 23
	textOID    = 25
	varcharOID = 1043
	domainOID  = 20000
)

// person is a table of four columns of which three are chosen: id, name and grade.
func person() chosen {
	attribute := func(n int16, name string, t schema.Type) schema.Column {
		return schema.Column{Attribute: schema.Attribute{Attnum: n, Name: name, Type: t}}
	}
	return chosen{
		table: &schema.Table{
			OID: 900, Name: schema.Name{Schema: "public", Table: "person"}, Identity: schema.IdentityDefault,
			Columns: []schema.Column{
				attribute(1, "id", schema.Type{OID: int4OID, Base: int4OID, Typmod: -1}),
				attribute(3, "name", schema.Type{OID: varcharOID, Base: varcharOID, Typmod: 44}),
				attribute(4, "grade", schema.Type{OID: domainOID, Base: varcharOID, Typmod: 9}),
			},
			Key: []int{0},
		},
		choice: schema.Choice{Name: schema.Name{Schema: "public", Table: "person"}, Exclude: []string{"email"}},
	}
}

// described is the Relation message of person as PostgreSQL 14 sends it, with a column
// that is not chosen.
func described() relationMessage {
	return relationMessage{
		oid: 900, name: schema.Name{Schema: "public", Table: "person"}, identity: schema.IdentityDefault,
		columns: []relationColumn{
			{key: true, name: "id", oid: int4OID, typmod: -1},
			{name: "email", oid: textOID, typmod: -1},
			{name: "name", oid: varcharOID, typmod: 44},
			{name: "grade", oid: domainOID, typmod: -1},
		},
	}
}

func matching(c chosen) *matcher {
	return &matcher{tables: map[uint32]chosen{c.table.OID: c}}
}

func TestMatch(t *testing.T) {
	person := person()
	r := matching(person).match(described(), written{})
	want := &relation{table: person.table, columns: 4, take: []bool{true, false, true, true}, nulls: []int{0, 0, 0, 0, 0}, key: []int{0}}
	if d := cmp.Diff(want, r, cmp.AllowUnexported(relation{}), cmp.Comparer(func(a, b *schema.Table) bool { return a == b })); d != "" {
		t.Error(d)
	}
	if r := matching(person).match(relationMessage{oid: 901}, written{}); r != nil {
		t.Errorf("a relation that is not replicated: %v", r)
	}
}

// TestMatchChanges shows what is a change of shape and what is not.
func TestMatchChanges(t *testing.T) {
	tests := []struct {
		name  string
		alter func(*relationMessage, *chosen)
		found string // empty: no change
	}{
		{"equal", func(*relationMessage, *chosen) {}, ""},
		{"only the list", func(m *relationMessage, _ *chosen) { m.columns = append(m.columns[:1:1], m.columns[2:]...) }, ""},
		{"identity full", func(m *relationMessage, _ *chosen) {
			m.identity = schema.IdentityFull
			for i := range m.columns {
				m.columns[i].key = true
			}
		}, ""},
		{"an unchosen column dropped, another added", func(m *relationMessage, c *chosen) {
			m.columns[1].name = "phone"
			c.choice = schema.Choice{Columns: []string{"id", "name", "grade"}}
		}, ""},
		{"a chosen column added", func(m *relationMessage, _ *chosen) {
			m.columns = append(m.columns, relationColumn{name: "phone", oid: textOID, typmod: -1})
		}, `column "phone" is new`},
		{"a column added where all are chosen", func(m *relationMessage, c *chosen) {
			c.choice = schema.Choice{All: true}
		}, `column "email" is new`},
		{"a generated column where all are chosen", func(_ *relationMessage, c *chosen) {
			c.choice, c.made = schema.Choice{All: true}, []string{"email"}
		}, ""},
		{"a generated column where some are left out", func(_ *relationMessage, c *chosen) {
			c.choice, c.made = schema.Choice{Exclude: []string{"phone"}}, []string{"email"}
		}, ""},
		{"a column dropped", func(m *relationMessage, _ *chosen) { m.columns = m.columns[:3] }, `column "grade" is missing`},
		{"a column renamed", func(m *relationMessage, _ *chosen) { m.columns[2].name = "full_name" }, `column "full_name" is new, column "name" is missing`},
		{"another type", func(m *relationMessage, _ *chosen) { m.columns[0].oid = 20 }, `column "id" has the type with OID 20, which was 23`},
		{"another length", func(m *relationMessage, _ *chosen) { m.columns[2].typmod = 104 }, `column "name" has type modifier 104, which was 44`},
		{"another domain", func(m *relationMessage, _ *chosen) { m.columns[3].oid = 20001 }, `column "grade" has the type with OID 20001`},
		{"dropped and added again", func(m *relationMessage, _ *chosen) {
			m.columns = append(append(m.columns[:2:2], m.columns[3]), m.columns[2])
		}, `column "name" stands elsewhere`},
		{"a column twice", func(m *relationMessage, _ *chosen) { m.columns = append(m.columns, m.columns[2]) }, `column "name" comes twice`},
		{"a wider key", func(m *relationMessage, _ *chosen) { m.columns[2].key = true }, `column "name" joined or left the key`},
		{"a key wider by what is not chosen", func(m *relationMessage, _ *chosen) { m.columns[1].key = true }, `column "email" joined the key`},
		{"no key any more", func(m *relationMessage, _ *chosen) {
			m.identity, m.columns[0].key = schema.IdentityNothing, false
		}, `column "id" joined or left the key`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m, c := described(), person()
			test.alter(&m, &c)
			err := matching(c).match(m, written{}).misread
			switch {
			case test.found == "" && err != nil:
				t.Error(err)
			case test.found != "":
				if err := alteredWith(err, 900, "public.person", test.found); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestMatchEarlier shows which messages are taken for a table as it was before alterations
// that the catalogue has: name was called title, phone and note were added, and fax was
// dropped.
func TestMatchEarlier(t *testing.T) {
	now := person()
	now.choice = schema.Choice{All: true}
	text := schema.Type{OID: textOID, Base: textOID, Typmod: -1}
	now.table.Columns = append(now.table.Columns,
		schema.Column{Attribute: schema.Attribute{Attnum: 6, Name: "phone", Type: text}},
		schema.Column{Attribute: schema.Attribute{Attnum: 7, Name: "note", Type: text}})
	was := person().table.Shape()
	was[1].Name, was[1].Typmod = "title", 24
	was = append(was, schema.Shape{Attnum: 5, Name: "fax", Type: int4OID, Typmod: -1})
	now.past = &replicator.Past{Shape: was, Until: 100}
	column := func(name string, oid uint32, mod int32) relationColumn {
		return relationColumn{key: name == "id", name: name, oid: oid, typmod: mod}
	}
	id, title, name, grade, fax := column("id", int4OID, -1), column("title", varcharOID, 24), column("name", varcharOID, 44), column("grade", domainOID, -1), column("fax", int4OID, -1)
	phone, note := column("phone", textOID, -1), column("note", textOID, -1)
	tests := []struct {
		name    string
		columns []relationColumn
		at      replicator.LSN
		reads   string // what becomes of a row whose values are the columns' names; empty: it is unfit
	}{
		{"as it was", []relationColumn{id, title, grade, fax}, 99, "id|title|grade|<null>|<null>"},
		{"renamed", []relationColumn{id, name, grade, fax}, 99, "id|name|grade|<null>|<null>"},
		{"renamed, and still as short", []relationColumn{id, column("name", varcharOID, 24), grade, fax}, 99, "id|name|grade|<null>|<null>"},
		{"one added", []relationColumn{id, title, grade, fax, phone}, 99, "id|title|grade|phone|<null>"},
		{"the name of the one added last, without the one before, which may have had it", []relationColumn{id, name, grade, note}, 99, ""},
		{"as it is", []relationColumn{id, name, grade, phone, note}, 99, "id|name|grade|phone|note"},
		{"as it is, later", []relationColumn{id, name, grade, phone, note}, 100, "id|name|grade|phone|note"},
		{"as it was, later", []relationColumn{id, title, grade, fax}, 100, ""},
		{"by a name that was never known", []relationColumn{id, column("label", varcharOID, 24), grade, fax}, 99, ""},
		{"names swapped", []relationColumn{id, column("grade", domainOID, -1), column("title", varcharOID, 24), fax}, 99, ""},
		{"of a type that it never had", []relationColumn{id, column("title", textOID, -1), grade, fax}, 99, ""},
		{"without a column that it had", []relationColumn{id, grade, fax}, 99, ""},
		{"of the type of one that was added, which may have had its name", []relationColumn{id, title, grade, column("fax", varcharOID, 14)}, 99, ""},
		{"likewise, but what was added before that one stands behind it", []relationColumn{id, title, grade, column("fax", varcharOID, 14), phone}, 99, "id|title|grade|phone|<null>"},
		{"of a type that a domain may have taken the place of", []relationColumn{id, title, grade, column("fax", domainOID, -1)}, 99, ""},
		{"another key", []relationColumn{id, {key: true, name: "title", oid: varcharOID, typmod: 24}, grade, fax}, 99, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := described()
			m.columns = test.columns
			r := matching(now).match(m, written{commit: test.at})
			if r.misread != nil {
				if test.reads != "" || alteredWith(r.misread, 900) != nil {
					t.Error(r.misread)
				}
				return
			}
			var row replicator.Tuple
			for _, c := range test.columns {
				row = row.Append(replicator.Value{Kind: replicator.Text, Text: []byte(c.name)})
			}
			_, got := r.project(nil, row)
			if read := strings.Join(strung(got), "|"); read != test.reads {
				t.Errorf("reads %q", read)
			}
		})
	}
}

// TestMatchRenamed shows that a table is recognised by its OID, whatever its name.
func TestMatchRenamed(t *testing.T) {
	m := described()
	m.name.Table = "people"
	if r := matching(person()).match(m, written{}); r.misread != nil {
		t.Error(r.misread)
	}
}
