package schema

import (
	"strings"
	"testing"
)

func TestBits(t *testing.T) {
	crosses(t, []crossing{
		{of: typed("bit", 'V', 3), holds: "VARCHAR(3)", cases: []string{"101"}},
		{of: typed("varbit", 'V', -1), holds: "VARCHAR(65535)", cases: []string{"", strings.Repeat("1", 65536) + " => ?too_long"}},
		{of: typed("varbit", 'V', 100000), holds: "VARCHAR(65535)", cases: []string{strings.Repeat("1", 65536) + " => ?too_long"}},
	})
}
