package schema

import "testing"

// TestOthers covers what no other family takes.
func TestOthers(t *testing.T) {
	crosses(t, []crossing{
		{of: typed("tsvector", 'U', -1), holds: "VARCHAR(65535)", cases: []string{`'a':1A 'it''s':2`}},
		{of: typed("pg_lsn", 'U', -1), holds: "VARCHAR(65535)", cases: []string{"16/B374D848"}},
		{of: typed("pg_snapshot", 'U', -1), holds: "VARCHAR(65535)", cases: []string{"10:20:10,14"}},
	})
}
