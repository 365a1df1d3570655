package schema

import (
	"slices"
	"strings"
	"testing"
)

// person is a table with a key of one column and one column of each kind that a
// choice may meet.
func person() Relation {
	return Relation{
		OID: 7, Name: Name{"public", "person"}, Kind: 'r', Persistence: 'p', Identity: IdentityDefault,
		Attributes: []Attribute{
			{Attnum: 1, Name: "id", Type: uuidType, NotNull: true},
			{Attnum: 2, Name: "Email", Type: textType, Toastable: true},
			{Attnum: 4, Name: "seen", Type: Type{OID: 1184, Base: 1184, Typmod: -1, Name: "timestamptz", Category: 'D'}},
			{Attnum: 5, Name: "initials", Type: textType, Generated: true, Toastable: true},
		},
		Primary: []int16{1}, Replica: []int16{1},
	}
}

var (
	uuidType  = Type{OID: 2950, Base: 2950, Typmod: -1, Name: "uuid", Category: 'U'}
	textType  = Type{OID: 25, Base: 25, Typmod: -1, Name: "text", Category: 'S'}
	byteaType = Type{OID: 17, Base: 17, Typmod: -1, Name: "bytea", Category: 'U'}
	intType   = Type{OID: 23, Base: 23, Typmod: -1, Name: "int4", Category: 'N'}
)

func TestResolve(t *testing.T) {
	for _, c := range []struct {
		name    string
		alter   func(*Relation)
		choice  Choice
		major   int
		columns string // source names
		targets string
		key     []int
		listed  bool
		dist    int
		sort    []int
	}{
		{name: "named", choice: Choice{Columns: []string{"seen", "id"}}, major: 15,
			columns: "id seen", targets: "id seen", key: []int{0}, listed: true, sort: []int{0}},
		{name: "excluded", choice: Choice{Exclude: []string{"seen"}}, major: 15,
			columns: "id Email", targets: "id email", key: []int{0}, listed: true, sort: []int{0}},
		{name: "none excluded", choice: Choice{Exclude: []string{}}, major: 16,
			columns: "id Email seen", targets: "id email seen", key: []int{0}, listed: true, sort: []int{0}},
		{name: "all", choice: Choice{All: true}, major: 18,
			columns: "id Email seen", targets: "id email seen", key: []int{0}, sort: []int{0}},
		{name: "generated, on a server that publishes it", choice: Choice{Columns: []string{"id", "initials"}}, major: 18,
			columns: "id initials", targets: "id initials", key: []int{0}, listed: true, sort: []int{0}},
		{name: "no column lists, but all are named", choice: Choice{Columns: []string{"id", "Email", "seen"}}, major: 14,
			columns: "id Email seen", targets: "id email seen", key: []int{0}, sort: []int{0}},
		{name: "no column lists, but allowed", choice: Choice{Columns: []string{"id"}, UnlistedOnWire: true}, major: 14,
			columns: "id", targets: "id", key: []int{0}, sort: []int{0}},
		{name: "full, but allowed", alter: func(r *Relation) { r.Identity, r.Replica = IdentityFull, nil },
			choice: Choice{Exclude: []string{"Email"}, UnlistedOnWire: true}, major: 17,
			columns: "id seen", targets: "id seen", key: []int{0}, sort: []int{0}},
		{name: "keys of the config", choice: Choice{All: true, DistKey: "Email", SortKey: []string{"seen", "id"}}, major: 15,
			columns: "id Email seen", targets: "id email seen", key: []int{0}, dist: 1, sort: []int{2, 0}},
		{name: "an index of two columns in its own order", alter: func(r *Relation) {
			r.Identity, r.Replica, r.Primary = IdentityIndex, []int16{4, 2}, nil
			r.Attributes[1].NotNull, r.Attributes[2].NotNull = true, true
		}, choice: Choice{Columns: []string{"Email", "seen"}}, major: 15,
			columns: "Email seen", targets: "email seen", key: []int{1, 0}, listed: true, dist: 1, sort: []int{1}},
		{name: "a key of bytea", alter: func(r *Relation) { r.Attributes[0].Type = byteaType }, choice: Choice{All: true}, major: 15,
			columns: "id Email seen", targets: "id email seen", key: []int{0}, dist: -1},
		{name: "a key of bytea and another", alter: func(r *Relation) {
			r.Attributes[0].Type, r.Primary = byteaType, []int16{1, 4}
			r.Attributes[2].NotNull = true
		}, choice: Choice{All: true}, major: 15,
			columns: "id Email seen", targets: "id email seen", key: []int{0, 2}, dist: 2, sort: []int{2}},
		{name: "a key of bytea, and keys of the config", alter: func(r *Relation) { r.Attributes[0].Type = byteaType },
			choice: Choice{All: true, DistKey: "Email", SortKey: []string{"seen"}}, major: 15,
			columns: "id Email seen", targets: "id email seen", key: []int{0}, dist: 1, sort: []int{2}},
		{name: "a key of bytea that is hashed", alter: func(r *Relation) { r.Attributes[0].Type = byteaType },
			choice: Choice{All: true, Hash: []string{"id"}, HashKey: hashKey(t, strings.Repeat("k", MinHashKey))}, major: 15,
			columns: "id Email seen", targets: "id email seen", key: []int{0}, sort: []int{0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := person()
			if c.alter != nil {
				c.alter(&r)
			}
			got, err := c.choice.Resolve(r, c.major)
			if err != nil {
				t.Fatal(err)
			}
			var columns, targets []string
			for _, column := range got.Columns {
				columns, targets = append(columns, column.Name), append(targets, column.Target)
			}
			if s := strings.Join(columns, " "); s != c.columns {
				t.Errorf("columns %q, want %q", s, c.columns)
			}
			if s := strings.Join(targets, " "); s != c.targets {
				t.Errorf("targets %q, want %q", s, c.targets)
			}
			if !slices.Equal(got.Key, c.key) || got.Listed != c.listed || got.DistKey != c.dist || !slices.Equal(got.SortKey, c.sort) {
				t.Errorf("key %v listed %v dist %d sort %v, want %v %v %d %v", got.Key, got.Listed, got.DistKey, got.SortKey, c.key, c.listed, c.dist, c.sort)
			}
			if got.OID != 7 || got.Name != r.Name || got.Identity != r.Identity || got.Target != "person" {
				t.Errorf("table %+v", got)
			}
		})
	}
}

func TestTargetIsFolded(t *testing.T) {
	r := person()
	r.Name.Table = "Person"
	for _, c := range []struct{ target, want string }{{"", "person"}, {"People_2", "people_2"}} {
		got, err := Choice{All: true, Target: c.target}.Resolve(r, 15)
		if err != nil || got.Target != c.want {
			t.Errorf("target %q: %v, %v", c.target, got, err)
		}
	}
}

// TestTogether shows that tables which would share a target are told apart by the names
// that the config has for them, whatever they are called now.
func TestTogether(t *testing.T) {
	a := &Table{Name: Name{"a", "person"}, Configured: Name{"a", "person"}, Target: "person"}
	b := &Table{Name: Name{"b", "human"}, Configured: Name{"b", "Person"}, Target: "person"}
	if err := Together([]*Table{a, {Name: Name{"a", "plan"}, Target: "plan"}}); err != nil {
		t.Error(err)
	}
	faults := Faults(Together([]*Table{a, b}))
	if len(faults) != 1 || faults[0].Table != b.Configured || !strings.Contains(faults[0].Found, "a.person") || !strings.Contains(faults[0].Repair, "tables.b.Person") {
		t.Errorf("faults %v", faults)
	}
}
