package schema

import (
	"strings"
	"testing"
)

func TestBytes(t *testing.T) {
	most := strings.Repeat("0f", maxVarbyte)
	crosses(t, []crossing{{of: typed("bytea", 'U', -1), holds: "VARBYTE(1024000)", cases: []string{
		`\x00 => 00`, `\xdeadbeef => deadbeef`, `\x` + most + " => " + most, `\x` + most + "00 => ?too_long",
		`\x => ?empty`, ` => ?malformed`, `\x0 => ?malformed`, `\xzz => ?malformed`, `\001abc => ?malformed`,
	}}})
}

func TestBytesAreAdjusted(t *testing.T) {
	adjusts(t, []adjusting{{of: typed("bytea", 'U', -1), as: "varbinary(2)", cases: []string{
		`truncate \x010203 => 0102`, `truncate \x0102 => as it is`, `null \x010203 => ∅`, `null \x => ∅`, `truncate \x => ?empty for VARBYTE(2)`,
	}}})
}
