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
