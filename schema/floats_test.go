package schema

import "testing"

func TestFloats(t *testing.T) {
	crosses(t, []crossing{
		{of: typed("float4", 'N', -1), holds: "REAL", cases: []string{"1.5", "-0", "3.4028235e+38 => 3.4028234663852886e+38", "-3.4028235e+38 => -3.4028234663852886e+38", "3.4028233e+38", "1.1754944e-38",
			"1e-45 => ?out_of_range", "1e+39 => ?out_of_range", "NaN => ?nan", "Infinity => ?infinity", "-Infinity => ?infinity"}},
		{of: typed("float8", 'N', -1), holds: "DOUBLE PRECISION", cases: []string{"0.1", "1e-05", "1.7976931348623157e+308", "2.2250738585072014e-308", "0e0",
			"5e-324 => ?out_of_range", "1e-400 => ?out_of_range", "1e400 => ?out_of_range", "NaN => ?nan", " => ?malformed", "1e => ?malformed", "0x1p3 => ?malformed", "1_0 => ?malformed", "inf => ?malformed"}},
	})
}

func TestFloatsAreAdjusted(t *testing.T) {
	adjusts(t, []adjusting{
		{of: typed("float4", 'N', -1), cases: []string{"clamp 1e-45 => 0e+00", "clamp -1e-45 => -0e+00", "clamp 1.1e-38 => 1.1754943508222875e-38", "clamp -5.9e-39 => -1.1754943508222875e-38", "clamp Infinity => 3.4028234663852886e+38", "null NaN => ∅"}},
		{of: typed("float4", 'N', -1), as: "float8", cases: []string{"clamp 1e-45 => as it is"}},
		{of: typed("float8", 'N', -1), cases: []string{"clamp 5e-324 => 0e+00", "clamp 2e-308 => 2.2250738585072014e-308", "clamp -Infinity => -1.7976931348623157e+308", "null Infinity => ∅", "truncate Infinity => ?infinity for DOUBLE PRECISION"}},
	})
}
