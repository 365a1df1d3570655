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
			"-Infinity => ?infinity", "1000.00 => ?out_of_range", "0.001 => ?inexact", "0.010", "007.5", " => ?malformed", "- => ?malformed", ". => ?malformed", "1e3 => ?malformed", "1.2.3 => ?malformed"}},
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

func TestDecimalsAreAdjusted(t *testing.T) {
	nines := strings.Repeat("9", 38)
	adjusts(t, []adjusting{
		{of: typed("numeric", 'N', -1), as: "DECIMAL(5,2)", cases: []string{
			"clamp 999.99 => as it is", "clamp 1000 => 999.99", "clamp -1000.5 => -999.99", "clamp 0.005 => 0.01", "clamp 0.0049 => 0.00", "clamp -1.005 => -1.01",
			"clamp 999.995 => 999.99", "clamp -999.9951 => -999.99", "clamp 9.995 => 10.00", "clamp 99.999 => 100.00", "truncate 999.999 => 999.99", "truncate -0.019 => -0.01",
			"clamp Infinity => 999.99", "clamp -Infinity => -999.99", "null 1000 => ∅", "null NaN => ∅", "clamp NaN => ?nan for DECIMAL(5,2)", "quarantine 1000 => ?out_of_range for DECIMAL(5,2)",
		}},
		{of: typed("numeric", 'N', -1), as: "numeric ( 3 )", cases: []string{"clamp 999.5 => 999", "clamp 99.5 => 100", "truncate 1.99 => 1", "clamp 1e3 => ?malformed for DECIMAL(3,0)"}},
		{of: typed("numeric", 'N', -1), as: "DECIMAL(3,3)", cases: []string{"clamp 1 => 0.999", "clamp .0005 => 0.001", "clamp -0.9996 => -0.999"}},
		{of: numericOf(50, 2), as: "DECIMAL(38,0)", cases: []string{"clamp " + nines + "0 => " + nines}},
	})
}
