package schema

import (
	"strings"
	"testing"
)

func TestIntegers(t *testing.T) {
	crosses(t, []crossing{
		{of: typed("int2", 'N', -1), holds: "SMALLINT", cases: []string{"-32768", "32767"}},
		{of: typed("int4", 'N', -1), holds: "INTEGER", cases: []string{"-2147483648"}},
		{of: typed("int8", 'N', -1), holds: "BIGINT", cases: []string{"-9223372036854775808"}},
		{of: typed("oid", 'N', -1), holds: "BIGINT", cases: []string{"4294967295"}},
		{of: typed("xid8", 'U', -1), holds: "DECIMAL(20,0)", cases: []string{"18446744073709551615"}},
	})
}

func TestDecimals(t *testing.T) {
	nines := strings.Repeat("9", 38)
	crosses(t, []crossing{
		{of: numericOf(5, 2), holds: "DECIMAL(5,2)", cases: []string{"0.00", "-999.99", "12", "NaN => ?nan", "Infinity => ?infinity",
			"-Infinity => ?infinity", "1000.00 => ?out_of_range", "0.001 => ?out_of_range", "0.010", "007.5", " => ?malformed", "- => ?malformed", ". => ?malformed", "1e3 => ?malformed", "1.2.3 => ?malformed"}},
		{of: numericOf(38, 0), holds: "DECIMAL(38,0)", cases: []string{nines, "-" + nines, "1" + strings.Repeat("0", 38) + " => ?out_of_range"}},
		{of: numericOf(38, 37), holds: "DECIMAL(38,37)"},
		{of: numericOf(19, 4), holds: "DECIMAL(20,4)", cases: []string{"999999999999999.9999"}},
		{of: numericOf(5, -2), holds: "DECIMAL(7,0)", cases: []string{"9999900"}},
		{of: numericOf(3, 5), holds: "DECIMAL(5,5)", cases: []string{"0.00999", "1 => ?out_of_range"}},
		{of: numericOf(38, -1), holds: "VARCHAR(65535)", cases: []string{nines + "0"}},
		{of: numericOf(38, 38), holds: "VARCHAR(65535)", cases: []string{"0." + nines}},
		{of: numericOf(39, 0), holds: "VARCHAR(65535)", cases: []string{nines + "9", "NaN"}},
		{of: typed("numeric", 'N', -1), holds: "VARCHAR(65535)", cases: []string{"NaN", "Infinity", "1.10", strings.Repeat("1", 65536) + " => ?too_long"}},
	})
}

func TestFloats(t *testing.T) {
	crosses(t, []crossing{
		{of: typed("float4", 'N', -1), holds: "REAL", cases: []string{"1.5", "-0", "3.4028235e+38", "1.1754944e-38",
			"1e-45 => ?out_of_range", "1e+39 => ?out_of_range", "NaN => ?nan", "Infinity => ?infinity", "-Infinity => ?infinity"}},
		{of: typed("float8", 'N', -1), holds: "DOUBLE PRECISION", cases: []string{"0.1", "1e-05", "1.7976931348623157e+308", "2.2250738585072014e-308", "0e0",
			"5e-324 => ?out_of_range", "1e-400 => ?out_of_range", "1e400 => ?out_of_range", "NaN => ?nan", " => ?malformed", "1e => ?malformed", "0x1p3 => ?malformed", "1_0 => ?malformed", "inf => ?malformed"}},
	})
}
