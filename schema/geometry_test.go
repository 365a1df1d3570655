package schema

import (
	"strings"
	"testing"
)

func TestGeometries(t *testing.T) {
	crosses(t, []crossing{
		{of: typed("point", 'G', -1), holds: "VARCHAR(256)", cases: []string{"(-1.7976931348623157e+308,NaN)"}},
		{of: typed("polygon", 'G', -1), holds: "VARCHAR(65535)", cases: []string{"((0,0),(1,1))", strings.Repeat("1", 65536) + " => ?too_long"}},
	})
}

// A geometry of PostGIS crosses as it prints itself, and the same text goes into a
// GEOMETRY.
func TestPostGIS(t *testing.T) {
	mine := Type{OID: 20000, Base: 20000, Typmod: -1, Name: "geometry", Category: 'U'}
	crosses(t, []crossing{{of: mine, holds: "VARCHAR(65535)", cases: []string{"0101000020E6100000"}}})
	m, err := MappingAs(mine, "geometry")
	if err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]string{"0101000020E6100000": "0101000020E6100000", "POINT(1 2)": "?malformed", "": "?malformed", "010": "?malformed", strings.Repeat("00", maxGeometry+1): "?too_long"} {
		if got := becomes(t, m, value); got != want {
			t.Errorf("%s becomes %s, want %s", shorten(value), shorten(got), want)
		}
	}
}
