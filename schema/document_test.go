package schema

import (
	"strings"
	"testing"
)

func TestDocuments(t *testing.T) {
	crosses(t, []crossing{
		{of: typed("json", 'U', -1), holds: "VARCHAR(65535)", cases: []string{`{"a": "\u0000"}`, strings.Repeat("1", 65536) + " => ?too_long"}},
		{of: typed("jsonb", 'U', -1), holds: "VARCHAR(65535)", cases: []string{`"x"`}},
		{of: typed("xml", 'U', -1), holds: "VARCHAR(65535)", cases: []string{"<a>&amp;</a>"}},
	})
}
