package schema

import "testing"

func TestUUIDs(t *testing.T) {
	crosses(t, []crossing{
		{of: typed("uuid", 'U', -1), holds: "VARCHAR(36)", cases: []string{"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}},
	})
}
