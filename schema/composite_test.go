package schema

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

var addressType = Type{OID: 20000, Base: 20000, Typmod: -1, Name: "address", Category: 'C'}

func TestCompositesAsSuper(t *testing.T) {
	supers(t, addressType, `(1,"a ""b"", c",) => ["1","a \"b\", c",null]`, "(,,) => [null,null,null]", "() => []", `("") => [""]`, `("a\\b") => ["a\\b"]`, `("(x,y)",z) => ["(x,y)","z"]`,
		"(1 => ?malformed", "1) => ?malformed", "(1)x => ?malformed", `("a => ?malformed`, `("a"x) => ?malformed`)
}

// FuzzComposite proves that fields come back out of the JSON.
func FuzzComposite(f *testing.F) {
	for _, v := range []string{"", "a", `"`, `\`, "(", ")", ",", "(1,)", `("a""b",c)`} {
		f.Add(v, v)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		quoting := strings.NewReplacer(`\`, `\\`, `"`, `""`)
		text := `("` + quoting.Replace(a) + `",,"` + quoting.Replace(b) + `")`
		out, ok := appendComposite(addressType, nil, []byte(text))
		var got []*string
		if err := json.Unmarshal(out, &got); !ok || err != nil || len(got) != 3 || got[1] != nil {
			t.Fatalf("%q becomes %q: %v", text, out, err)
		}
		if utf8.ValidString(a) && utf8.ValidString(b) && (*got[0] != a || *got[2] != b) {
			t.Fatalf("%q becomes %q", text, out)
		}
		if out, ok := appendComposite(addressType, nil, []byte(a)); ok && !json.Valid(out) {
			t.Fatalf("%q becomes %q", a, out)
		}
	})
}

func TestComposites(t *testing.T) {
	crosses(t, []crossing{
		{of: typed("address", 'C', -1), holds: "VARCHAR(65535)", cases: []string{`(1,"a ""b""",)`, "(,,)"}},
	})
}
