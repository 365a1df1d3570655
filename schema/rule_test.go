package schema

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestTextIsCutBetweenCharacters puts each character's width against each place of
// the cut.
func TestTextIsCutBetweenCharacters(t *testing.T) {
	for _, r := range []string{"x", "é", "€", "😀", "e\u0301"} {
		for before := range 8 {
			value := strings.Repeat("a", maxVarchar-before) + strings.Repeat(r, 8)
			c := Column{Mapping: text(maxVarchar, true), Rules: map[string]Rule{TooLong: Truncate}}
			got, adjusted, err := c.Write([]byte("dst"), []byte(value))
			if err != nil || adjusted == nil || *adjusted != (Adjustment{TooLong, Truncate, len(value)}) {
				t.Fatalf("%q: %+v, %v", r, adjusted, err)
			}
			cut, kept := strings.CutPrefix(string(got), "dst")
			if !kept || !strings.HasPrefix(value, cut) || !utf8.ValidString(cut) {
				t.Errorf("%q %d bytes before the end: what is left is no beginning of the text", r, before)
			}
			next, _ := utf8.DecodeRuneInString(value[len(cut):])
			if len(cut) > maxVarchar || len(cut)+utf8.RuneLen(next) <= maxVarchar {
				t.Errorf("%q %d bytes before the end: %d bytes are left", r, before, len(cut))
			}
		}
	}
}

func TestWriteFollowsTheRule(t *testing.T) {
	long := []byte(strings.Repeat("y", 9))
	for _, c := range []struct {
		rule Rule
		want string
	}{{Truncate, "dstyyyyyyyy"}, {Null, "dst"}, {Fail, "dst"}, {Quarantine, "dst"}} {
		column := Column{Mapping: text(8, true), Rules: map[string]Rule{TooLong: c.rule}}
		got, adjusted, err := column.Write([]byte("dst"), long)
		if string(got) != c.want {
			t.Errorf("%s wrote %q, want %q", c.rule, got, c.want)
		}
		misfit, refused := errors.AsType[*Misfit](err)
		if (c.rule == Fail || c.rule == Quarantine) != refused || refused && misfit.Rule != c.rule || refused == (adjusted != nil) {
			t.Errorf("%s: %+v, %v", c.rule, adjusted, err)
		}
	}
	column := Column{Mapping: text(8, true)}
	if got, adjusted, err := column.Write(nil, long[:8]); string(got) != string(long[:8]) || adjusted != nil || err != nil {
		t.Errorf("a value that fits: %q, %+v, %v", got, adjusted, err)
	}
}

// TestRulesOfColumns resolves a choice with rules, for one kind or for all, and shows what
// a key makes of them.
func TestRulesOfColumns(t *testing.T) {
	r := person()
	r.Primary, r.Attributes[1].NotNull = []int16{2}, true
	table, err := Choice{All: true, Types: map[string]string{"seen": "TIMESTAMP"}, Rules: map[string]map[string]Rule{
		"Email": {AnyMisfit: Quarantine},
		"seen":  {AnyMisfit: Clamp, Infinite: Fail},
	}}.Resolve(r, 15)
	if err != nil {
		t.Fatal(err)
	}
	email, seen := table.Columns[1], table.Columns[2]
	if seen.Mapping.Type != "TIMESTAMP" || table.Shape()[2].Stored != "TIMESTAMP" || table.Shape()[1].Stored != "" {
		t.Errorf("held by %s, remembered as %+v", seen.Mapping.Type, table.Shape())
	}
	for _, c := range []struct {
		of   Column
		kind string
		want Rule
	}{{email, TooLong, Quarantine}, {email, ZeroByte, Quarantine}, {seen, BeforeEra, Clamp}, {seen, OutOfRange, Clamp}, {seen, Infinite, Fail}, {seen, Malformed, Quarantine}} {
		if got := c.of.RuleOf(c.kind); got != c.want {
			t.Errorf("%s of %s is %s, want %s", c.kind, c.of.Name, got, c.want)
		}
	}
}

// TestRulesOfTheirOwn resolves a choice that names no rules. If the key does not fit, the
// row is kept out.
func TestRulesOfTheirOwn(t *testing.T) {
	r := person()
	r.Primary, r.Attributes[1].NotNull = []int16{2}, true
	table, err := Choice{All: true}.Resolve(r, 15)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range table.Columns {
		for _, m := range c.Mapping.Remedies {
			want := m.Default
			if i == table.Key[0] {
				want = Quarantine
			}
			if got := c.RuleOf(m.Kind); got != want {
				t.Errorf("%s of %s is %s, want %s", m.Kind, c.Name, got, want)
			}
		}
	}
}

// TestEveryMisfitHasARemedy writes the seeds of the fuzz tests to every type, and expects a
// rule for each kind of misfit that comes up.
func TestEveryMisfitHasARemedy(t *testing.T) {
	for _, of := range fuzzed {
		m := MappingOf(of)
		for _, value := range append(hostile, strings.Repeat("x", maxVarchar+1), "[1,2)") {
			_, err := m.Append(nil, []byte(value))
			if misfit, is := errors.AsType[*Misfit](err); is && !slices.ContainsFunc(m.Remedies, func(r Remedy) bool { return r.Kind == misfit.Kind }) {
				t.Errorf("%s: %q is a misfit, %s, that no rule is for", of.Name, shorten(value), misfit.Kind)
			}
		}
	}
	for _, of := range fuzzed {
		for _, r := range MappingOf(of).Remedies {
			if !slices.Contains(Misfits, r.Kind) || !r.Admits(r.Default) || r.Default == Fail {
				t.Errorf("%s: %+v", of.Name, r)
			}
		}
	}
}
