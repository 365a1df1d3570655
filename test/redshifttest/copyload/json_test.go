package copyload_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rowshift/test/redshifttest/copyload"
)

func jsonColumns() []copyload.Column {
	return []copyload.Column{
		ofType("id", copyload.Type{Kind: copyload.Integer}),
		ofType("name", copyload.Type{Kind: copyload.Varchar, Length: 100}),
		ofType("doc", copyload.Type{Kind: copyload.Super}),
	}
}

//
func TestJSON(t *testing.T) {
	for name, c := range map[string]struct {
		spec copyload.Spec
		text string
		want string
	}{
		"by name":         {copyload.Spec{}, `{"id":1,"name":"x","doc":{"a":[1,"}"]}}` + "\n" + `{"doc":"s","id":"2","extra":{"id":9}}`, "1\tx\t{\"a\":[1,\"}\"]}\n2\t" + null + "\t\"s\"\n"},
		"on many lines":   {copyload.Spec{}, " {\n \"id\" : 1 ,\n\t\"name\" : \"a\\n\\u00e9\\\\\"\n} {\"id\":2}\n\n", "1\ta\\né\\\\\t" + null + "\n2\t" + null + "\t" + null + "\n"},
		"nulls":           {copyload.Spec{}, `{"id":null,"name":"\\N","doc":null}`, null + "\t" + `\\N` + "\t" + null + "\n"},
		"no such case":    {copyload.Spec{}, `{"ID":1,"Name":"x"}`, strings.Repeat(null+"\t", 2) + null + "\n"},
		"any case":        {copyload.Spec{JSONMode: copyload.JSONAutoIgnoreCase}, `{"ID":1,"naMe":"x"}`, "1\tx\t" + null + "\n"},
		"empty":           {copyload.Spec{EmptyAsNull: true}, `{"id":"","name":""}{}`, strings.Repeat(strings.Repeat(null+"\t", 2)+null+"\n", 2)},
		"nested in text":  {copyload.Spec{}, `{"name":{"a":[1, 2]},"id":3}`, "3\t{\"a\":[1, 2]}\t" + null + "\n"},
		"escaped name":    {copyload.Spec{}, `{"n\u0061me":"x","na\"me":"y"}`, null + "\tx\t" + null + "\n"},
		"the last counts": {copyload.Spec{}, `{"id":1,"id":2}`, "2\t" + null + "\t" + null + "\n"},
		"true":            {copyload.Spec{}, `{"name":true,"id":-1}`, "-1\ttrue\t" + null + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			c.spec.Format, c.spec.Columns = copyload.JSON, jsonColumns()
			out, result, err := loadText(t, c.spec, c.text)
			if err != nil {
				t.Fatal(err, result.Errors)
			}
			if diff := cmp.Diff(c.want, out); diff != "" {
				t.Error(diff)
			}
		})
	}
	spec := copyload.Spec{Format: copyload.JSON, JSONMode: copyload.JSONNoShred, Columns: jsonColumns()[2:]}
	if out, _, err := loadText(t, spec, `{"a":1}{"b":"\n"}`); out != "{\"a\":1}\n{\"b\":\"\\\\n\"}\n" || err != nil {
		t.Errorf("'noshred' wrote %q; %v", out, err)
	}
}

//
func TestJSONRefusals(t *testing.T) {
	spec := copyload.Spec{Format: copyload.JSON, Columns: jsonColumns()}
	for text, want := range map[string]copyload.LoadError{
		`{"id":1}` + "\n" + `{"id":"x"}`: {LineNumber: 2, Code: 1207, Column: "id"},
		`{"id":1.5}`:                     {LineNumber: 1, Code: 1207, Column: "id"},
		`{"id":1,}`:                      {LineNumber: 1, Code: 1216},
		`{"id":1`:                        {LineNumber: 1, Code: 1216},
		`[{"id":1}]`:                     {LineNumber: 1, Code: 1216},
		`{"id":1},{"id":2}`:              {LineNumber: 1, Code: 1216},
		"{\"name\":\"\xff\"}":            {LineNumber: 1, Code: 1220, Column: "name"},
		`{"name":"\u0000"}`:              {LineNumber: 1, Code: 1218, Column: "name"},
		`{"doc":"\u0000"}`:               {LineNumber: 1, Code: 1224, Column: "doc"},
		"{\"name\":\"" + strings.Repeat("x", 4<<20) + "\"}\n": {LineNumber: 1, Code: 1216},
	} {
		got := refusal(t, spec, text)
		if got.LineNumber != want.LineNumber || got.Code != want.Code || got.Column != want.Column {
			t.Errorf("%.40q: %d in line %d, column %q: %s", text, got.Code, got.LineNumber, got.Column, got.Reason)
		}
	}
	spec.Columns[1].NotNull = true
	if got := refusal(t, spec, `{"id":1}`); got.Code != 1213 || got.Column != "name" {
		t.Errorf("a key that is missing: %+v", got)
	}
	spec.Columns[1].NotNull = false
	spec.MaxError = 3
	out, result, err := loadText(t, spec, "{\"id\":1}\nnot an object {\n{\"id\":x}\n{\"id\":2}\n")
	if err != nil || result.Rows != 2 || len(result.Errors) != 2 || result.Errors[1].LineNumber != 3 {
		t.Errorf("wrote %q; %+v; %v", out, result.Errors, err)
	}
}
