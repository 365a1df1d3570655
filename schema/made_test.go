package schema

import (
	"encoding/json"
	"slices"
	"testing"
)

func TestMadeOnTheWay(t *testing.T) {
	k := hashKey(t, exampleKey)
	c := Choice{Columns: []string{"id", "Email", "seen"}, Hash: []string{"Email", "id"}, HashKey: k,
		Rename: map[string]string{"Email": "Email_Hash", "seen": "email"}, SortKey: []string{"seen"}, DistKey: "Email"}
	got, err := c.Resolve(person(), 15)
	if err != nil {
		t.Fatal(err)
	}
	var columns []string
	for _, column := range got.Columns {
		columns = append(columns, column.Target+" "+column.Mapping.Type)
	}
	if want := []string{"id VARCHAR(64)", "email_hash VARCHAR(64)", "email TIMESTAMPTZ"}; !slices.Equal(columns, want) {
		t.Errorf("columns %q, want %q", columns, want)
	}
	if got.DistKey != 1 || !slices.Equal(got.SortKey, []int{2}) || !slices.Equal(got.Key, []int{0}) {
		t.Errorf("keys %d %v %v", got.DistKey, got.SortKey, got.Key)
	}
	id, err := got.Columns[0].Mapping.Append(nil, []byte("7f0c1d1e-3f52-4c1b-9d0a-3c6a1f1b2c3d"))
	if err != nil || string(id) != "267a00303542e3847da04424a3c481a46d8ca4b1e28700ad759365990e92b591" {
		t.Errorf("a key of type uuid: %s, %v", id, err)
	}
}

// What a load remembers differs once other values, or other columns, would be written.
// Where nothing is made on the way, it is as it always was.
func TestShapeTellsWhatIsMade(t *testing.T) {
	shape := func(change func(*Choice)) []Shape {
		c := Choice{Columns: []string{"id", "Email"}}
		change(&c)
		got, err := c.Resolve(person(), 15)
		if err != nil {
			t.Fatal(err)
		}
		return got.Shape()
	}
	plain := shape(func(*Choice) {})
	text, err := json.Marshal(plain)
	if err != nil || string(text) != `[{"n":1,"name":"id","type":2950,"mod":-1,"key":1,"into":"VARCHAR(36)"},{"n":2,"name":"Email","type":25,"mod":-1,"into":"VARCHAR(65535)"}]` {
		t.Errorf("a plain shape is %s, %v", text, err)
	}
	hashed := func(key string) func(*Choice) {
		return func(c *Choice) { c.Hash, c.HashKey = []string{"Email"}, hashKey(t, key) }
	}
	renamed := func(to string) func(*Choice) {
		return func(c *Choice) { c.Rename = map[string]string{"Email": to} }
	}
	for _, same := range [][2][]Shape{
		{plain, shape(renamed("EMAIL"))}, // which is what it was called
		{shape(renamed("mail")), shape(renamed("Mail"))},
		{shape(hashed(exampleKey)), shape(hashed(exampleKey))},
	} {
		if !slices.Equal(same[0], same[1]) {
			t.Errorf("%v and %v differ", same[0], same[1])
		}
	}
	for _, other := range [][2][]Shape{
		{plain, shape(hashed(exampleKey))},
		{plain, shape(renamed("mail"))},
		{shape(renamed("e_mail")), shape(renamed("mail"))},
		{shape(hashed(exampleKey)), shape(hashed(exampleKey + "!"))},
	} {
		if slices.Equal(other[0], other[1]) {
			t.Errorf("%v does not tell the two apart", other[0])
		}
	}
}

func TestFaultsOfWhatIsMade(t *testing.T) {
	k := hashKey(t, exampleKey)
	for _, c := range []struct {
		name   string
		choice Choice
		want   []string
	}{
		{"hash of what is not chosen", Choice{Exclude: []string{"Email"}, Hash: []string{"Email"}, HashKey: k}, []string{`hash "Email" is not one of the chosen columns ... tables.public.person.hash`}},
		{"hash of what is not there", Choice{All: true, Hash: []string{"email"}, HashKey: k}, []string{`hash "email" is not one of the chosen columns ... hash`}},
		{"hash twice", Choice{All: true, Hash: []string{"id", "id"}, HashKey: k}, []string{`"id" is named twice ... hash`}},
		{"hash without a key", Choice{All: true, Hash: []string{"Email"}}, []string{"no key to hash them with ... hash_key in the config"}},
		{"rename of what is not chosen", Choice{Columns: []string{"id"}, Rename: map[string]string{"seen": "at"}}, []string{`rename "seen" is not one of the chosen columns ... rename`}},
		{"renamed to another's name", Choice{All: true, Rename: map[string]string{"seen": "EMAIL"}}, []string{`"Email" and "seen" are one name to Redshift: "email" ... rename`}},
		{"renamed to what Redshift has itself", Choice{All: true, Rename: map[string]string{"seen": "XMin"}}, []string{`"seen" has the name of one of Redshift's system columns ... rename`}},
		{"renamed to nothing", Choice{All: true, Rename: map[string]string{"seen": ""}}, []string{`"seen" is empty ... rename`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.choice.Resolve(person(), 15)
			if got != nil || err == nil {
				t.Fatalf("resolved to %v, %v", got, err)
			}
			expect(t, Faults(err), c.want)
		})
	}
}
