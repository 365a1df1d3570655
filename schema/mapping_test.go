package schema

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestMappingTable keeps the manual's table of types equal to the code.
func TestMappingTable(t *testing.T) {
	const golden = "testdata/mapping.md"
	var b strings.Builder
	b.WriteString("| PostgreSQL | Redshift | by choice, beside VARCHAR(n) | what is lost | what does not fit, and its rule |\n|---|---|---|---|---|\n")
	for _, f := range Families() {
		lost := f.Lost
		if lost == "" {
			lost = "nothing"
		}
		var rules []string
		for _, r := range f.mapping(Type{Typmod: numericOf(10, 2).Typmod}).Remedies {
			rules = append(rules, r.Kind+": "+string(r.Default))
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", f.Shown, f.Redshift, f.Choices, lost, strings.Join(rules, ", "))
	}
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || b.String() != string(want) {
		t.Errorf("%s differs from the families (%v); go test ./schema -update writes it:\n%s", golden, err, b.String())
	}
}

// typed is a type of PostgreSQL's own.
func typed(name string, category byte, typmod int32) Type {
	return Type{OID: 1000, Base: 1000, Typmod: typmod, Name: name, Category: category}
}

// numericOf is numeric(precision,scale).
func numericOf(precision, scale int32) Type {
	return typed("numeric", 'N', (precision<<16|scale&0x7ff)+4)
}

// crossing is a value and what becomes of it: the text that COPY reads or, after a question
// mark, the kind of its misfit.
type crossing struct {
	of    Type
	holds string // the Redshift type
	cases []string
}

// crosses checks crossings: each case is "value" for one that passes as it is, or
// "value => what becomes of it".
func crosses(t *testing.T, all []crossing) {
	t.Helper()
	for _, c := range all {
		m := MappingOf(c.of)
		if m.Type != c.holds {
			t.Errorf("%s(%d) is held by %s, want %s", c.of.Name, c.of.Typmod, m.Type, c.holds)
			continue
		}
		if m.Text != strings.HasPrefix(m.Type, "VARCHAR") {
			t.Errorf("%s is text: %v", m.Type, m.Text)
		}
		for _, line := range c.cases {
			value, want, differs := strings.Cut(line, " => ")
			if !differs {
				want = value
			}
			if got := becomes(t, m, value); got != want {
				t.Errorf("%s %q becomes %q, want %q", c.of.Name, shorten(value), shorten(got), shorten(want))
			}
		}
	}
}

// becomes returns the text that m writes for a value, or a question mark and the
// kind of its misfit.
func becomes(t *testing.T, m Mapping, value string) string {
	t.Helper()
	if m.Append == nil {
		return value
	}
	const before = "before,"
	got, err := m.Append([]byte(before), []byte(value))
	text, kept := strings.CutPrefix(string(got), before)
	if !kept {
		t.Errorf("%s %q: what was there before is gone", m.Type, shorten(value))
	}
	if err == nil {
		return text
	}
	var misfit *Misfit
	if !errors.As(err, &misfit) || misfit.Type != m.Type || misfit.Size != len(value) || text != "" {
		t.Errorf("%s %q: error %#v, text %q", m.Type, shorten(value), err, shorten(text))
		return ""
	}
	if len(value) > 8 && strings.Contains(err.Error(), value) {
		t.Errorf("%s: the error holds the value: %v", m.Type, err)
	}
	return "?" + misfit.Kind
}

// adjusting is a type, perhaps with a chosen one to hold it, and what rules make of its
// values. Each case is "rule value => text", with ∅ as the text for NULL.
type adjusting struct {
	of    Type
	as    string
	cases []string
}

// adjusts checks what rules make of values, and that there is a remedy for each.
func adjusts(t *testing.T, all []adjusting) {
	t.Helper()
	for _, a := range all {
		m := MappingOf(a.of)
		if a.as != "" {
			var err error
			if m, err = MappingAs(a.of, a.as); err != nil {
				t.Error(err)
				continue
			}
		}
		for _, line := range a.cases {
			rule, rest, _ := strings.Cut(line, " ")
			value, want, _ := strings.Cut(rest, " => ")
			c := Column{Mapping: m, Rules: map[string]Rule{}}
			for _, r := range m.Remedies {
				if c.Rules[r.Kind] = Rule(rule); !r.Admits(Rule(rule)) {
					c.Rules[r.Kind] = Fail
				}
			}
			got, adjustment, err := c.Write([]byte("before,"), []byte(value))
			text := strings.TrimPrefix(string(got), "before,")
			switch {
			case err != nil:
				text = "?" + err.Error()
			case adjustment == nil:
				text = "as it is"
			case adjustment.Rule == Null:
				text += "∅"
			}
			if text != want {
				t.Errorf("%s as %s: %s %q becomes %q, want %q", a.of.Name, m.Type, rule, shorten(value), shorten(text), shorten(want))
			}
			if m.Append == nil || err != nil || adjustment == nil || adjustment.Rule == Null {
				continue
			}
			if again, err := m.Append(nil, unwritten(a.of, m, text)); err != nil || string(again) != text {
				t.Errorf("%s as %s: %s makes %q of %q, which does not fit: %q, %v", a.of.Name, m.Type, rule, shorten(text), shorten(value), again, err)
			}
		}
	}
}

// unwritten returns the text of a value that is written as the given one.
func unwritten(of Type, m Mapping, text string) []byte {
	switch {
	case strings.HasPrefix(m.Type, "VARBYTE"):
		text = `\x` + text
	case m.Type == "TIMESTAMP" && of.Name == "timestamptz":
		text += "+00"
	}
	return []byte(text)
}

func shorten(s string) string {
	if len(s) > 80 {
		return fmt.Sprintf("%s... (%d bytes)", s[:80], len(s))
	}
	return s
}

func TestFamilyOfUserTypes(t *testing.T) {
	mine := func(name string, category byte) Type {
		return Type{OID: 20000, Base: 20000, Typmod: -1, Name: name, Category: category}
	}
	crosses(t, []crossing{
		{of: mine("uuid", 'U'), holds: "VARCHAR(65535)", cases: []string{"not a uuid, but a user's type of that name"}},
		{of: mine("int4", 'E'), holds: "VARCHAR(256)", cases: []string{"sad"}},
		{of: mine("geometry", 'U'), holds: "VARCHAR(65535)", cases: []string{"0101000020E6100000"}},
		{of: mine("citext", 'S'), holds: "VARCHAR(65535)", cases: []string{"Ä"}},
		{of: mine("hstore", 'U'), holds: "VARCHAR(65535)", cases: []string{`"a"=>NULL`}},
		{of: Type{OID: 20001, Base: 1700, Typmod: (5<<16 | 2) + 4, Name: "numeric", Category: 'N'}, holds: "DECIMAL(5,2)", cases: []string{"-999.99"}},
		{of: Type{OID: 20002, Base: 1043, Typmod: 14, Name: "varchar", Category: 'S'}, holds: "VARCHAR(40)", cases: []string{"0123456789"}},
	})
}

func TestMappingDoesNotAllocate(t *testing.T) {
	for _, c := range []struct {
		of    Type
		value string
	}{
		{numericOf(12, 2), "123456.78"}, {typed("float8", 'N', -1), "1.5e-300"}, {typed("text", 'S', -1), "Grüße"},
		{typed("bytea", 'U', -1), `\x0102`}, {typed("timestamptz", 'D', -1), "2026-11-23 10:00:00.123456+00"}, {typed("timetz", 'D', -1), "10:00:00+02"},
	} {
		m, dst, value := MappingOf(c.of), make([]byte, 0, 64), []byte(c.value)
		if n := testing.AllocsPerRun(100, func() {
			if _, err := m.Append(dst, value); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", c.of.Name, n)
		}
	}
}
