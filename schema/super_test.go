package schema

import (
	"strings"
	"testing"
)

// supers checks what a SUPER gets of values: "value => JSON" or, after a question mark, the
// kind of the misfit.
func supers(t *testing.T, of Type, cases ...string) {
	t.Helper()
	m, err := MappingAs(of, "super")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range cases {
		value, want, _ := strings.Cut(line, " => ")
		if got := becomes(t, m, value); got != want {
			t.Errorf("%s %q becomes %q, want %q", of.Name, shorten(value), shorten(got), shorten(want))
		}
	}
}

func TestDocumentsAsSuper(t *testing.T) {
	supers(t, typed("json", 'U', -1),
		`{"a": [1, null, {"a": true}], "b": {"a": "x"}} => {"a": [1, null, {"a": true}], "b": {"a": "x"}}`, `"x" => "x"`,
		`{"a": 1, "b": {}, "a": 2} => ?same_name`, `[{"k": {"a": 1, "\u0061": 2}}] => ?same_name`, `["a", "a"] => ["a", "a"]`,
		`{"a": "a", "b": "a"} => {"a": "a", "b": "a"}`, `{"a": "\u0000"} => ?zero_byte`, `{"\u0000": 1} => ?zero_byte`,
		"9223372036854775807 => 9223372036854775807", "9223372036854775808 => ?inexact", "0.123456789012345 => 0.123456789012345", "0.1234567890123456 => ?inexact", "1e400 => ?out_of_range", "[0.12345678901234567890, -1e309] => ?out_of_range", "1e-400 => ?inexact", "0.0 => 0.0",
		strings.Repeat("[", 1001)+strings.Repeat("]", 1001)+" => ?too_deep", `"`+strings.Repeat("x", 65534)+`" => ?too_long`, "{ => ?malformed", "\"\xff\" => ?malformed")
	adjusts(t, []adjusting{{of: typed("json", 'U', -1), as: "SUPER", cases: []string{`null {"a":1,"a":2} => ∅`, `quarantine {"a":1,"a":2} => ?same_name for SUPER`}}})
	m, _ := MappingAs(typed("jsonb", 'U', -1), "SUPER")
	c := Column{Mapping: m, Rules: map[string]Rule{Inexact: Clamp}}
	if got, adjusted, err := c.Write(nil, []byte("[0.12345678901234567890]")); string(got) != "[0.12345678901234567890]" || adjusted == nil || err != nil {
		t.Errorf("a number of many digits: %s, %+v, %v", got, adjusted, err)
	}
}
