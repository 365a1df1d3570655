package schema

import (
	"errors"
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
			c := Column{Mapping: text(maxVarchar), Rules: map[string]Rule{TooLong: Truncate}}
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
		column := Column{Mapping: text(8), Rules: map[string]Rule{TooLong: c.rule}}
		got, adjusted, err := column.Write([]byte("dst"), long)
		if string(got) != c.want {
			t.Errorf("%s wrote %q, want %q", c.rule, got, c.want)
		}
		misfit, refused := errors.AsType[*Misfit](err)
		if (c.rule == Fail || c.rule == Quarantine) != refused || refused && misfit.Rule != c.rule || refused == (adjusted != nil) {
			t.Errorf("%s: %+v, %v", c.rule, adjusted, err)
		}
	}
	column := Column{Mapping: text(8)}
	if got, adjusted, err := column.Write(nil, long[:8]); string(got) != string(long[:8]) || adjusted != nil || err != nil {
		t.Errorf("a value that fits: %q, %+v, %v", got, adjusted, err)
	}
}
