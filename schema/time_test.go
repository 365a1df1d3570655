package schema

import "testing"

func TestDates(t *testing.T) {
	crosses(t, []crossing{
		{of: typed("date", 'D', -1), holds: "DATE", cases: []string{"0001-01-01", "2024-02-29", "9999-12-31", "10000-01-01 => ?out_of_range", "5874897-12-31 => ?out_of_range",
			"0044-03-15 BC => ?before_era", "infinity => ?infinity", "-infinity => ?infinity", " => ?malformed", "15/03/2024 => ?malformed", "2024-3-1 => ?malformed"}},
		{of: typed("timestamp", 'D', -1), holds: "TIMESTAMP", cases: []string{"2026-11-23 10:00:00", "2026-11-23 23:59:59.123456", "294276-12-31 23:59:59.999999 => ?out_of_range",
			"4713-01-01 00:00:00 BC => ?before_era", "infinity => ?infinity", "2026-11-23T10:00:00 => ?malformed", "2026-11-23 10:00 => ?malformed"}},
		{of: typed("timestamptz", 'D', 3), holds: "TIMESTAMPTZ", cases: []string{"2026-11-23 10:00:00.123+00", "2026-11-23 10:00:00+05:30", "2026-11-23 10:00:00-03",
			"1890-01-01 00:00:00+00:53:28 => ?malformed", "0001-01-01 00:00:00+00 BC => ?before_era", "-infinity => ?infinity", "10000-01-01 00:00:00+00 => ?out_of_range"}},
	})
}

func TestTimes(t *testing.T) {
	crosses(t, []crossing{
		{of: typed("time", 'D', -1), holds: "TIME", cases: []string{"00:00:00", "23:59:59.999999", "24:00:00"}},
		{of: typed("timetz", 'D', -1), holds: "TIMETZ", cases: []string{"10:00:00+02", "24:00:00-05:30", "10:00:00.5+15:59",
			"10:00:00+00:53:28 => ?odd_offset", "10:00:00-07:52:58 => ?odd_offset", "10:00 => ?malformed", "allballs => ?malformed"}},
	})
}

func TestTimesAreAdjusted(t *testing.T) {
	adjusts(t, []adjusting{
		{of: typed("date", 'D', -1), cases: []string{"clamp 10000-01-01 => 9999-12-31", "clamp 0044-03-15 BC => 0001-01-01", "clamp infinity => 9999-12-31", "clamp -infinity => 0001-01-01", "null infinity => ∅"}},
		{of: typed("date", 'D', -1), as: "timestamp", cases: []string{"clamp 2026-01-01 => as it is", "clamp 10000-01-01 => 9999-12-31 23:59:59.999999"}},
		{of: typed("timestamp", 'D', -1), cases: []string{"clamp 294276-12-31 23:59:59.999999 => 9999-12-31 23:59:59.999999", "clamp infinity => 9999-12-31 23:59:59.999999", "clamp 4713-01-01 00:00:00 BC => 0001-01-01 00:00:00"}},
		{of: typed("timestamptz", 'D', -1), cases: []string{"clamp -infinity => 0001-01-01 00:00:00+00", "clamp 10000-01-01 00:00:00+00 => 9999-12-31 23:59:59.999999+00", "null 0001-01-01 00:00:00+00 BC => ∅"}},
		{of: typed("timestamptz", 'D', -1), as: "TIMESTAMP", cases: []string{"clamp infinity => 9999-12-31 23:59:59.999999", "clamp 2026-01-01 00:00:00+01 => ?malformed for TIMESTAMP"}},
		{of: typed("timetz", 'D', -1), cases: []string{"clamp 10:00:00+00:53:28 => 09:06:32+00", "clamp 00:10:00.5+00:53:28 => 23:16:32.5+00", "clamp 23:00:00-07:52:58 => 06:52:58+00", "clamp 24:00:00-00:00:01 => 00:00:01+00", "clamp 24:00:00+01 => as it is"}},
	})
	m, err := MappingAs(typed("timestamptz", 'D', -1), "timestamp without time zone")
	if err != nil || m.Type != "TIMESTAMP" || becomes(t, m, "2026-11-23 10:00:00.5+00") != "2026-11-23 10:00:00.5" {
		t.Errorf("a moment in UTC: %v", err)
	}
}

// A timetz of a key is text, with its offset.
func TestTimesOfAKey(t *testing.T) {
	r := person()
	r.Attributes[0].Type, r.Attributes[2].Type = typed("timetz", 'D', -1), typed("timetz", 'D', -1)
	table, err := Choice{All: true}.Resolve(r, 15)
	if err != nil {
		t.Fatal(err)
	}
	if key, other := table.Columns[0].Mapping, table.Columns[2].Mapping; key.Type != "VARCHAR(24)" || other.Type != "TIMETZ" {
		t.Errorf("of the key it is %s, else %s", key.Type, other.Type)
	}
	if got := becomes(t, table.Columns[0].Mapping, "23:59:59.999999+15:59:59"); got != "23:59:59.999999+15:59:59" {
		t.Errorf("the longest one of a key becomes %s", got)
	}
}
