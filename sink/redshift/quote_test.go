package redshift

import (
	"strings"
	"testing"
	"unicode/utf8"

	"rowshift/schema"
)

// unquote reads one token, a name or a literal, as Redshift does, and returns what
// follows it.
func unquote(token string, quote byte, escapes bool) (value, rest string, ok bool) {
	if token == "" || token[0] != quote {
		return "", token, false
	}
	var b strings.Builder
	for i := 1; i < len(token); i++ {
		switch {
		case escapes && token[i] == '\\' && i+1 < len(token):
			i++
			b.WriteByte(token[i])
		case token[i] != quote:
			b.WriteByte(token[i])
		case i+1 < len(token) && token[i+1] == quote:
			i++
			b.WriteByte(quote)
		default:
			return b.String(), token[i+1:], true
		}
	}
	return "", "", false
}

func FuzzQuoted(f *testing.F) {
	for _, s := range []string{"id", "Order", `a"b`, `""`, `\"`, "é", "a;b--", strings.Repeat("x", schema.MaxName)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if name == "" || len(name) > schema.MaxName || strings.Contains(name, "\x00") || !utf8.ValidString(name) {
			t.Skip()
		}
		got, rest, ok := unquote(quoted(name), '"', false)
		if !ok || rest != "" || got != schema.Fold(name) {
			t.Errorf("%q is quoted as %s: %q, then %q", name, quoted(name), got, rest)
		}
	})
}

// A spare name is a possible name, and is not taken.
func TestSpareNames(t *testing.T) {
	long := strings.Repeat("x", schema.MaxName-2)
	for _, test := range []struct{ name, want string }{
		{"a", "a_old"}, {"b", "b_old_old"}, {long, long[:schema.MaxName-4] + "_old"}, {long[1:] + "é", long[:schema.MaxName-4] + "_old"}, {strings.Repeat("é", schema.MaxName/2), strings.Repeat("é", 61) + "_old"},
	} {
		if got := spare(test.name, "_old", func(name string) bool { return name == "b_old" }); got != test.want || quoted(got) == "" {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

func FuzzLiteral(f *testing.F) {
	for _, s := range []string{"", "it's", `\`, `\'`, `'\`, `\\'`, `'; DROP TABLE x; --`, "a\nb", `\N`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		want := strings.ReplaceAll(value, "\x00", "")
		got, rest, ok := unquote(literal(value), '\'', true)
		if !ok || rest != "" || got != want {
			t.Errorf("%q is written as %s: %q, then %q", value, literal(value), got, rest)
		}
	})
}

func TestLiteral(t *testing.T) {
	for value, want := range map[string]string{"it's": `'it''s'`, `a\b`: `'a\\b'`, `\'`: `'\\'''`, "a\x00b": "'ab'"} {
		if got := literal(value); got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
}

func TestNamesThatCannotBe(t *testing.T) {
	for _, name := range []string{"", strings.Repeat("x", schema.MaxName+1), "a\x00"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q is taken for a name", name)
				}
			}()
			quoted(name)
		}()
	}
}

func BenchmarkQuoted(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_ = quoted("Company_Person")
	}
}

func BenchmarkLiteral(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_ = literal(`s3://acme-rowshift/accounts/0000000000000001/it's\manifest`)
	}
}
