package schema

import "testing"

func TestEnums(t *testing.T) {
	crosses(t, []crossing{
		{of: typed("mood", 'E', -1), holds: "VARCHAR(256)", cases: []string{"sehr glücklich"}},
	})
}
