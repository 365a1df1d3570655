package schema

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestCompare shows which changes of a table can be followed, and which make it uncertain
// what the warehouse holds of it.
func TestCompare(t *testing.T) {
	tests := []struct {
		name      string
		change    func(*Relation)
		uncertain string // words; empty: it is followed
		added     []string
		renamed   string
		dropped   []string
		longer    bool
	}{
		{name: "nothing", change: func(*Relation) {}},
		{name: "a default, written to the catalogue alone", change: func(r *Relation) { r.Attributes[1].XMin = 9 }},
		{name: "VACUUM FULL", change: func(r *Relation) { r.Heap.File = 9 }},
		{name: "added", change: func(r *Relation) { add(r, 5, "note", false) }, added: []string{"note"}},
		{name: "two added", change: func(r *Relation) { add(r, 5, "note", false); add(r, 6, "more", false) }, added: []string{"note", "more"}},
		{name: "added with a default", change: func(r *Relation) { add(r, 5, "note", true) }, uncertain: "default", added: []string{"note"}},
		{name: "added, and written anew", change: func(r *Relation) { add(r, 5, "note", false); r.Heap.File = 9 }, uncertain: "written anew", added: []string{"note"}},
		{name: "one of two added was dropped", change: func(r *Relation) { add(r, 6, "note", false); r.Heap.Dropped = []int16{5} }, uncertain: "dropped", added: []string{"note"}},
		{name: "chosen later", change: func(r *Relation) {
			r.Attributes = slices.Insert(r.Attributes, 1, Attribute{Attnum: 2, Name: "late", Type: textType})
		}, uncertain: "was not before", added: []string{"late"}},
		{name: "dropped", change: func(r *Relation) { drop(r, "v") }, dropped: []string{"v"}},
		{name: "dropped and added again", change: func(r *Relation) { drop(r, "v"); add(r, 5, "v", false) }, uncertain: "another one has its name", added: []string{"v"}, dropped: []string{"v"}},
		{name: "renamed", change: func(r *Relation) { r.Attributes[1].Name = "Label" }, renamed: "v label"},
		{name: "names swapped", change: func(r *Relation) { r.Attributes[1].Name, r.Attributes[2].Name = "u", "v" }, uncertain: "another one had or has such a name", renamed: "v u u v"},
		{name: "a longer varchar", change: func(r *Relation) { r.Attributes[2].Type.Typmod = 54 }, longer: true},
		{name: "text", change: func(r *Relation) { r.Attributes[2].Type = textType }, longer: true},
		{name: "a shorter varchar", change: func(r *Relation) { r.Attributes[2].Type.Typmod = 9 }, uncertain: "another type", longer: true},
		{name: "another type", change: func(r *Relation) {
			r.Attributes[1].Type = Type{OID: 20, Base: 20, Typmod: -1, Name: "int8"}
			r.Attributes[1].XMin, r.Heap.File = 9, 9
		}, uncertain: "written anew", longer: true},
		{name: "values written anew", change: func(r *Relation) { r.Attributes[1].XMin, r.Heap.File = 9, 9 }, uncertain: "written anew"},
		{name: "another key", change: func(r *Relation) { r.Primary, r.Replica = []int16{3}, []int16{3} }, uncertain: "key"},
		{name: "a key over more", change: func(r *Relation) { r.Primary, r.Replica = []int16{1, 3}, []int16{1, 3} }, uncertain: "key"},
	}
	resolved := func(change func(*Relation)) *Table {
		r := Relation{
			OID: 7, Name: Name{"public", "t"}, Kind: 'r', Persistence: 'p', Identity: IdentityDefault, Primary: []int16{1}, Replica: []int16{1},
			Heap: Heap{File: 1, Last: 4},
			Attributes: []Attribute{
				{Attnum: 1, Name: "id", Type: textType, NotNull: true, XMin: 1},
				{Attnum: 3, Name: "v", Type: textType, NotNull: true, XMin: 1},
				{Attnum: 4, Name: "u", Type: Type{OID: oidVarchar, Base: oidVarchar, Typmod: 14, Name: "varchar"}, XMin: 1},
			},
		}
		change(&r)
		table, err := Choice{Name: r.Name, All: true}.Resolve(r, 15)
		if err != nil {
			t.Fatal(err)
		}
		return table
	}
	was := resolved(func(*Relation) {})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			now := resolved(test.change)
			d := Compare(was.Shape(), was.Heap, now)
			if (d.Uncertain == "") != (test.uncertain == "") || !strings.Contains(d.Uncertain, test.uncertain) {
				t.Errorf("uncertain: %q", d.Uncertain)
			}
			var added, renamed, dropped []string
			for _, i := range d.Added {
				added = append(added, now.Columns[i].Name)
			}
			for _, r := range d.Renamed {
				renamed = append(renamed, r.From, r.To)
			}
			for _, s := range d.Dropped {
				dropped = append(dropped, s.Name)
			}
			if !slices.Equal(added, test.added) || strings.Join(renamed, " ") != test.renamed || !slices.Equal(dropped, test.dropped) || d.Longer != test.longer {
				t.Errorf("added %v, renamed %v, dropped %v, longer %v", added, renamed, dropped, d.Longer)
			}
			followed := len(test.added)+len(test.dropped) == 0 && test.renamed == "" && test.uncertain == "" && !test.longer
			if d.Empty() != followed {
				t.Errorf("empty: %v", d.Empty())
			}
		})
	}
}

func add(r *Relation, attnum int16, name string, missing bool) {
	r.Attributes = append(r.Attributes, Attribute{Attnum: attnum, Name: name, Type: textType, Missing: missing})
	r.Heap.Last = attnum
}

func drop(r *Relation, name string) {
	i := slices.IndexFunc(r.Attributes, func(a Attribute) bool { return a.Name == name })
	r.Heap.Dropped = append(r.Heap.Dropped, r.Attributes[i].Attnum)
	r.Attributes = slices.Delete(r.Attributes, i, i+1)
}

// TestCompareLooksAtAll shows that a difference in anything that is remembered of a column
// counts, except for the name by which the config knows it. The table was written anew,
// since without that an alteration of the column counts for nothing.
func TestCompareLooksAtAll(t *testing.T) {
	r := Relation{
		OID: 7, Name: Name{"public", "t"}, Kind: 'r', Persistence: 'p', Identity: IdentityDefault, Primary: []int16{1}, Replica: []int16{1},
		Heap:       Heap{File: 1, Last: 1},
		Attributes: []Attribute{{Attnum: 1, Name: "id", Type: Type{OID: 23, Base: 23, Typmod: -1, Name: "int4"}, NotNull: true, XMin: 1}},
	}
	table, err := Choice{Name: r.Name, All: true}.Resolve(r, 15)
	if err != nil {
		t.Fatal(err)
	}
	for field := range reflect.TypeFor[Shape]().Fields() {
		was := table.Shape()
		switch value := reflect.ValueOf(&was[0]).Elem().FieldByIndex(field.Index); {
		case value.CanInt():
			value.SetInt(value.Int() + 1)
		case value.CanUint():
			value.SetUint(value.Uint() + 1)
		default:
			value.SetString("other")
		}
		if same := Compare(was, Heap{File: 2, Last: 1}, table).Empty(); same != (field.Name == "Configured") {
			t.Errorf("%s: same %v", field.Name, same)
		}
	}
}

// TestFollow shows that names in the config are followed by attnum, and that a name means
// the column that has it now, if one does.
func TestFollow(t *testing.T) {
	r := Relation{
		OID: 7, Name: Name{"public", "t"}, Kind: 'r', Persistence: 'p', Identity: IdentityDefault, Primary: []int16{1}, Replica: []int16{1},
		Attributes: []Attribute{{Attnum: 1, Name: "id", Type: textType, NotNull: true}, {Attnum: 2, Name: "mail", Type: textType}, {Attnum: 3, Name: "n", Type: textType}},
	}
	c := Choice{Name: r.Name, Columns: []string{"id", "email", "n"}, Hash: []string{"email"}, HashKey: hashKey(t, strings.Repeat("k", MinHashKey)), SortKey: []string{"n"}}
	was := []Shape{{Attnum: 1, Name: "id"}, {Attnum: 2, Name: "email"}, {Attnum: 3, Name: "n"}}
	if _, err := c.Resolve(r, 15); err == nil {
		t.Error("a column that is not there is no fault")
	}
	table, err := c.Follow(was, r).Resolve(r, 15)
	if err != nil {
		t.Fatal(err)
	}
	column := table.Columns[1]
	if column.Name != "mail" || column.Configured != "email" || column.HashKey == nil || column.Target != "mail" {
		t.Errorf("followed to %+v", column)
	}
	if c.Columns[1] != "email" || c.Hash[0] != "email" {
		t.Errorf("the choice itself became %v", c)
	}
	again, err := c.Follow(table.Shape(), r).Resolve(r, 15)
	if err != nil || again.Columns[1].Configured != "email" {
		t.Errorf("not followed any more: %v", err)
	}
	r.Attributes[1].Name, r.Attributes[2].Name = "mail", "email"
	if got := fmt.Sprint(c.Follow(was, r).Columns); got != "[id email email]" {
		t.Errorf("a name that another column has now: %s", got)
	}
}
