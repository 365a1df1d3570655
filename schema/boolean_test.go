package schema

import "testing"

func TestBooleans(t *testing.T) {
	crosses(t, []crossing{
		{of: typed("bool", 'B', -1), holds: "BOOLEAN", cases: []string{"t", "f"}},
	})
}
