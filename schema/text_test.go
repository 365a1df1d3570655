package schema

import (
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
