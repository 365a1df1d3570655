package main

import (
	"slices"
	"strings"
	"testing"

	"rowshift/schema"
)

func TestResyncNamesTablesOfTheConfig(t *testing.T) {
	choices := []schema.Choice{{Name: schema.Name{Schema: "public", Table: "person"}}, {Name: schema.Name{Schema: "Sales", Table: "Order Lines"}}}
	names, err := tablesNamed(choices, []string{"Sales.Order Lines", "public.person", "public.person"})
	if err != nil || !slices.Equal(names, []schema.Name{choices[1].Name, choices[0].Name}) {
		t.Errorf("%v, %v", names, err)
	}
	_, err = tablesNamed(choices, []string{"public.persons", "sales.order lines"})
	for _, words := range []string{"public.persons is not", "sales.order lines is not", "Sales.Order Lines"} {
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%v does not say %q", err, words)
		}
	}
	choices = []schema.Choice{{Name: schema.Name{Schema: "my.schema", Table: "person"}}}
	for _, text := range []string{`"my.schema".person`, "my.schema.person"} {
		if names, err := tablesNamed(choices, []string{text}); err != nil || len(names) != 1 {
			t.Errorf("%s is %v, %v", text, names, err)
		}
	}
}
