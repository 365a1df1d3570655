package schema

import "testing"

func TestRanges(t *testing.T) {
	crosses(t, []crossing{
		{of: typed("int4range", 'R', -1), holds: "VARCHAR(65535)", cases: []string{"[1,10)", "empty"}},
		{of: typed("int4multirange", 'R', -1), holds: "VARCHAR(65535)", cases: []string{"{[1,3),[5,)}"}},
	})
}
