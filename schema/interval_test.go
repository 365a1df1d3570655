package schema

import "testing"

func TestIntervals(t *testing.T) {
	crosses(t, []crossing{
		{of: typed("interval", 'T', -1), holds: "VARCHAR(128)", cases: []string{"P-178956970Y-8M-2147483648DT-2562047788H-54.775808S", "1 mon -1 days"}},
	})
}
