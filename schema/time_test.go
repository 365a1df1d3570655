package schema

import "testing"

func TestDates(t *testing.T) {
	crosses(t, []crossing{
		{of: typed("date", 'D', -1), holds: "DATE", cases: []string{"0001-01-01", "2024-02-29", "9999-12-31", "10000-01-01 => ?out_of_range", "5874897-12-31 => ?out_of_range",
			"0044-03-15 BC => ?before_era", "infinity => ?infinity", "-infinity => ?infinity", " => ?malformed", "15/03/2024 => ?malformed", "2024-3-1 => ?malformed"}},
		{of: typed("timestamp", 'D', -1), holds: "TIMESTAMP", cases: []string{"2026-11-23 10:00:00", "2026-11-23 23:59:59.123456", "294276-12-31 23:59:59.999999 => ?out_of_range",
			"4713-01-01 00:00:00 BC => ?before_era", "infinity => ?infinity", "2026-11-23T10:00:00 => ?malformed", "2026-11-23 10:00 => ?malformed"}},
		{of: typed("timestamptz", 'D', 3), holds: "TIMESTAMPTZ", cases: []string{"2026-11-23 10:00:00.123+00", "2026-11-23 10:00:00+05:30", "2026-11-23 10:00:00-03",
			"1890-01-01 00:00:00+00:53:28 => ?odd_offset", "0001-01-01 00:00:00+00 BC => ?before_era", "-infinity => ?infinity", "10000-01-01 00:00:00+00 => ?out_of_range"}},
	})
}

func TestTimes(t *testing.T) {
	crosses(t, []crossing{
		{of: typed("time", 'D', -1), holds: "TIME", cases: []string{"00:00:00", "23:59:59.999999", "24:00:00"}},
		{of: typed("timetz", 'D', -1), holds: "TIMETZ", cases: []string{"10:00:00+02", "24:00:00-05:30", "10:00:00.5+15:59",
			"10:00:00+00:53:28 => ?odd_offset", "10:00:00-07:52:58 => ?odd_offset", "10:00 => ?malformed", "allballs => ?malformed"}},
		{of: typed("interval", 'T', -1), holds: "VARCHAR(128)", cases: []string{"P-178956970Y-8M-2147483648DT-2562047788H-54.775808S", "1 mon -1 days"}},
	})
}
