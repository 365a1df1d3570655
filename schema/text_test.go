package schema

import (
	"errors"
	"strings"
	"testing"
)

func TestTexts(t *testing.T) {
	long := strings.Repeat("é", 32767)
	crosses(t, []crossing{
		{of: typed("text", 'S', -1), holds: "VARCHAR(65535)", cases: []string{"", " a ", `\N`, "\u00e9\U0001f600\ufdd0\ufeff", long + "x", long + "xx => ?too_long",
			"a\x00b => ?zero_byte", "\xff => ?not_utf8", "\xed\xa0\x80 => ?not_utf8", "\xf4\x90\x80\x80 => ?not_utf8"}},
		{of: typed("varchar", 'S', -1), holds: "VARCHAR(65535)", cases: []string{"x"}},
		{of: typed("varchar", 'S', 14), holds: "VARCHAR(40)", cases: []string{strings.Repeat("\U0001f600", 10), strings.Repeat("x", 41) + " => ?too_long"}},
		{of: typed("varchar", 'S', 16383+4), holds: "VARCHAR(65532)"},
		{of: typed("varchar", 'S', 16384+4), holds: "VARCHAR(65535)"},
		{of: typed("varchar", 'S', 10485760+4), holds: "VARCHAR(65535)", cases: []string{strings.Repeat("x", 65536) + " => ?too_long"}},
		{of: typed("bpchar", 'S', 7), holds: "VARCHAR(12)", cases: []string{"é  "}},
		{of: typed("bpchar", 'S', -1), holds: "VARCHAR(65535)"},
		{of: typed("name", 'S', -1), holds: "VARCHAR(256)", cases: []string{strings.Repeat("n", 63)}},
		{of: typed("char", 'Z', -1), holds: "VARCHAR(4)", cases: []string{"", "r", `\200`}},
	})
}

func TestTextsAreAdjusted(t *testing.T) {
	adjusts(t, []adjusting{
		{of: typed("text", 'S', -1), as: "varchar(5)", cases: []string{"truncate ééé => éé", "truncate 12345 => as it is", "truncate 123456 => 12345", "truncate a\x00bcdef => ?zero_byte for VARCHAR(5)",
			"null 123456 => ∅", "clamp a\xff\xfeb => a\uFFFDb", "clamp a\x00b => ab", "truncate aé\xff\x00é => ?zero_byte for VARCHAR(5)", "clamp abc\xff => ?too_long for VARCHAR(5)", "clamp 123456 => ?too_long for VARCHAR(5)"}},
		{of: typed("bpchar", 'S', 7), as: "VARCHAR(3)", cases: []string{"truncate é   => é "}},
		{of: typed("jsonb", 'U', -1), as: "VARCHAR(5)", cases: []string{`truncate {"a": 1} => {"a":`, `null {"a": 1} => ∅`}},
	})
}

// A text that is a misfit in several ways goes by the strictest of its rules. Only if all
// of them adjust is it what all of them together make of it.
func TestTextsOfSeveralMisfits(t *testing.T) {
	for _, c := range []struct {
		tooLong, notUTF8, zeroByte Rule
		value, want                string
	}{
		{Truncate, Clamp, Clamp, "a\x00b\xffcdef", "too_long truncate ab\uFFFD"},
		{Truncate, Quarantine, Clamp, "a\x00b\xffcdef", "?not_utf8 quarantine"},
		{Truncate, Clamp, Fail, "a\x00b\xffcdef", "?zero_byte fail"},
		{Quarantine, Null, Clamp, "a\x00b\xffcdef", "?too_long quarantine"},
		{Truncate, Null, Clamp, "a\x00b\xffcdef", "not_utf8 null "},
		{Null, Clamp, Clamp, "abc\xff", "too_long null "},
		{Truncate, Clamp, Clamp, "abc\xff", "not_utf8 clamp abc"},
		{Null, Clamp, Clamp, "ab\xff", "not_utf8 clamp ab\uFFFD"},
		{Fail, Clamp, Fail, "ab\xff", "not_utf8 clamp ab\uFFFD"},
	} {
		column := Column{Mapping: text(5, true), Rules: map[string]Rule{TooLong: c.tooLong, NotUTF8: c.notUTF8, ZeroByte: c.zeroByte}}
		written, adjusted, err := column.Write(nil, []byte(c.value))
		var got string
		if misfit, refused := errors.AsType[*Misfit](err); refused {
			got = "?" + misfit.Kind + " " + string(misfit.Rule)
		} else {
			got = adjusted.Kind + " " + string(adjusted.Rule) + " " + string(written)
		}
		if got != c.want {
			t.Errorf("%+v becomes %q", c, got)
		}
	}
}

// TestWhatEndsInNoBlank tells the types whose texts are the same if Redshift's = says so
// from those of which two texts may differ in blanks at their end.
func TestWhatEndsInNoBlank(t *testing.T) {
	for name, blankless := range map[string]bool{"uuid": true, "inet": true, "macaddr": true, "box": true, "text": false, "name": false, "tsvector": false, "money": false} {
		if m := MappingOf(typed(name, 'U', -1)); !m.Text || m.Blankless != blankless {
			t.Errorf("%s: text %v, blankless %v, want it %v", name, m.Text, m.Blankless, blankless)
		}
	}
}
