package schema

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

var hstoreType = Type{OID: 20000, Base: 20000, Typmod: -1, Name: "hstore", Category: 'U'}

func TestHstoresAsSuper(t *testing.T) {
	m, err := MappingAs(hstoreType, "SUPER")
	if err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]string{``: `{}`, `"a"=>"1", "b"=>NULL`: `{"a":"1","b":null}`, `"q\"\\"=>""`: `{"q\"\\":""}`, `"a"=>1`: "?malformed", `"a"`: "?malformed", `a=>"1"`: "?malformed", `"a"=>"1","b"=>"2"`: "?malformed", `"a"=>"1`: "?malformed"} {
		if got := becomes(t, m, value); got != want {
			t.Errorf("%s becomes %s, want %s", value, got, want)
		}
	}
}

// FuzzHstore proves that a pair comes back out of the JSON.
func FuzzHstore(f *testing.F) {
	for _, v := range []string{"", "a", `"`, `\`, "=>", ", ", `"a"=>"b"`, "NULL"} {
		f.Add(v, v)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		quoting := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
		text := `"` + quoting.Replace(a) + `"=>"` + quoting.Replace(b) + `"`
		out, ok := appendHstore(hstoreType, nil, []byte(text))
		var got map[string]string
		if err := json.Unmarshal(out, &got); !ok || err != nil || len(got) != 1 {
			t.Fatalf("%q becomes %q: %v", text, out, err)
		}
		if utf8.ValidString(a) && utf8.ValidString(b) && got[a] != b {
			t.Fatalf("%q becomes %q", text, out)
		}
		if out, ok := appendHstore(hstoreType, nil, []byte(a)); ok && !json.Valid(out) {
			t.Fatalf("%q becomes %q", a, out)
		}
	})
}

func TestHstores(t *testing.T) {
	crosses(t, []crossing{
		{of: hstoreType, holds: "VARCHAR(65535)", cases: []string{`"a"=>NULL`, ""}},
	})
}
