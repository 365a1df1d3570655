package schema

import "testing"

func TestLtrees(t *testing.T) {
	mine := Type{OID: 20000, Base: 20000, Typmod: -1, Name: "ltree", Category: 'U'}
	crosses(t, []crossing{{of: mine, holds: "VARCHAR(65535)", cases: []string{"Top.Science", ""}}})
}
