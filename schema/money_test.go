package schema

import "testing"

func TestMoney(t *testing.T) {
	crosses(t, []crossing{
		{of: typed("money", 'N', -1), holds: "VARCHAR(64)", cases: []string{"-$92,233,720,368,547,758.08", "1.234,50 €"}},
	})
}
