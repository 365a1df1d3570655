package schema

import (
	"strings"
	"testing"
)

// TestPlainFamilies covers the families whose text crosses as it is.
func TestPlainFamilies(t *testing.T) {
	tooLong := strings.Repeat("1", 65536) + " => ?too_long"
	crosses(t, []crossing{
		{of: typed("bool", 'B', -1), holds: "BOOLEAN", cases: []string{"t", "f"}},
		{of: typed("uuid", 'U', -1), holds: "VARCHAR(36)", cases: []string{"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}},
		{of: typed("money", 'N', -1), holds: "VARCHAR(64)", cases: []string{"-$92,233,720,368,547,758.08", "1.234,50 €"}},
		{of: typed("json", 'U', -1), holds: "VARCHAR(65535)", cases: []string{`{"a": "\u0000"}`, tooLong}},
		{of: typed("jsonb", 'U', -1), holds: "VARCHAR(65535)", cases: []string{`"x"`}},
		{of: typed("xml", 'U', -1), holds: "VARCHAR(65535)", cases: []string{"<a>&amp;</a>"}},
		{of: typed("bit", 'V', 3), holds: "VARCHAR(3)", cases: []string{"101"}},
		{of: typed("varbit", 'V', -1), holds: "VARCHAR(65535)", cases: []string{"", tooLong}},
		{of: typed("varbit", 'V', 100000), holds: "VARCHAR(65535)", cases: []string{tooLong}},
		{of: typed("inet", 'I', -1), holds: "VARCHAR(64)", cases: []string{"::ffff:255.255.255.255/128"}},
		{of: typed("macaddr", 'U', -1), holds: "VARCHAR(17)", cases: []string{"08:00:2b:01:02:03"}},
		{of: typed("macaddr8", 'U', -1), holds: "VARCHAR(23)", cases: []string{"08:00:2b:01:02:03:04:05"}},
		{of: typed("point", 'G', -1), holds: "VARCHAR(256)", cases: []string{"(-1.7976931348623157e+308,NaN)"}},
		{of: typed("polygon", 'G', -1), holds: "VARCHAR(65535)", cases: []string{"((0,0),(1,1))", tooLong}},
		{of: typed("_text", 'A', -1), holds: "VARCHAR(65535)", cases: []string{`[0:1]={"a,b",NULL}`, "{}", tooLong}},
		{of: typed("_numeric", 'A', (5<<16|2)+4), holds: "VARCHAR(65535)", cases: []string{"{1.00,NULL,NaN}"}},
		{of: typed("mood", 'E', -1), holds: "VARCHAR(256)", cases: []string{"sehr glücklich"}},
		{of: typed("address", 'C', -1), holds: "VARCHAR(65535)", cases: []string{`(1,"a ""b""",)`, "(,,)"}},
		{of: typed("int4range", 'R', -1), holds: "VARCHAR(65535)", cases: []string{"[1,10)", "empty"}},
		{of: typed("int4multirange", 'R', -1), holds: "VARCHAR(65535)", cases: []string{"{[1,3),[5,)}"}},
		{of: typed("tsvector", 'U', -1), holds: "VARCHAR(65535)", cases: []string{`'a':1A 'it''s':2`}},
		{of: typed("pg_lsn", 'U', -1), holds: "VARCHAR(65535)", cases: []string{"16/B374D848"}},
		{of: typed("pg_snapshot", 'U', -1), holds: "VARCHAR(65535)", cases: []string{"10:20:10,14"}},
	})
}
