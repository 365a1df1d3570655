package schema

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestArraysAsSuper(t *testing.T) {
	supers(t, typed("_int4", 'A', -1), "{} => []", "{1,NULL,-3} => [1,null,-3]", "[0:1][3:3]={{1},{NULL}} => [[1],[null]]", "{1 => ?malformed", "{1}} => ?malformed", "1 => ?malformed", "[0:1] => ?malformed", "{,} => ?malformed", "{{{{{{{1}}}}}}} => ?malformed")
	supers(t, typed("_text", 'A', -1), `{a b,"a,b",NULL,"NULL","q\"\\","",é} => ["a b","a,b",null,"NULL","q\"\\","","é"]`, "{\"a\nb\"} => [\"a\\u000ab\"]", `{"a => ?malformed`, `{a"b"} => ?malformed`, `{a\b} => ?malformed`)
	supers(t, typed("_bool", 'A', -1), "{t,f,NULL} => [true,false,null]")
	supers(t, typed("_numeric", 'A', -1), `{1.50,NaN} => [1.50,"NaN"]`)
	supers(t, typed("_jsonb", 'A', -1), `{"{\"a\": 1}"} => [{"a": 1}]`)
	supers(t, typed("_box", 'A', -1), `{(1,1),(0,0);(2,2),(1,1)} => ["(1,1),(0,0)","(2,2),(1,1)"]`)
	supers(t, Type{OID: 20000, Base: 20000, Typmod: -1, Name: "_mood", Category: 'A'}, `{"so so",sad} => ["so so","sad"]`)
}

// FuzzArray proves that an array of texts comes back out of the JSON, and that what
// claims to be an array makes JSON or is refused.
func FuzzArray(f *testing.F) {
	for _, v := range []string{"", "a", `"`, `\`, "NULL", "{", "}", ",", "{1,NULL}", `[0:1]={"a",b}`, "é\n", "{{1},{2}}"} {
		f.Add(v, v)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		quoting := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
		text := `{"` + quoting.Replace(a) + `",NULL,"` + quoting.Replace(b) + `"}`
		out, ok := appendArray(typed("_text", 'A', -1), nil, []byte(text))
		var got []*string
		if err := json.Unmarshal(out, &got); !ok || err != nil || len(got) != 3 || got[1] != nil {
			t.Fatalf("%q becomes %q: %v", text, out, err)
		}
		if utf8.ValidString(a) && utf8.ValidString(b) && (*got[0] != a || *got[2] != b) {
			t.Fatalf("%q becomes %q", text, out)
		}
		if out, ok := appendArray(typed("_int4", 'A', -1), nil, []byte(a)); ok && !json.Valid(out) {
			t.Fatalf("%q becomes %q", a, out)
		}
	})
}

func TestArrays(t *testing.T) {
	crosses(t, []crossing{
		{of: typed("_text", 'A', -1), holds: "VARCHAR(65535)", cases: []string{`[0:1]={"a,b",NULL}`, "{}", strings.Repeat("1", 65536) + " => ?too_long"}},
		{of: typed("_numeric", 'A', (5<<16|2)+4), holds: "VARCHAR(65535)", cases: []string{"{1.00,NULL,NaN}"}},
	})
}
