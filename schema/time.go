package schema

import (
	"bytes"
	"fmt"
	"strconv"
)

// Dates and times cross as PostgreSQL prints them under DateStyle = ISO, which COPY
// reads with DATEFORMAT and TIMEFORMAT 'auto'. Redshift's own range is as wide as
// PostgreSQL's for timestamps, but COPY documents no form for a year BC or of more
// than four digits, and none for infinity.
// https://docs.aws.amazon.com/redshift/latest/dg/automatic-recognition.html
// https://docs.aws.amazon.com/redshift/latest/dg/r_Datetime_types.html
func dates() []Family {
	moments := func(spelled, choices string, longest int, as func(Type, spelling) (Mapping, bool)) Family {
		return Family{Redshift: spelled, Choices: choices, Lost: "infinities, years BC and above 9999",
			mapping: func(Type) Mapping { return dated(spelled) }, longest: atMost(longest), as: as}
	}
	date := moments("DATE", "TIMESTAMP", len("5874897-12-31 BC"), func(_ Type, s spelling) (Mapping, bool) { return dated(s.name), s.name == "TIMESTAMP" })
	date.Types, date.Shown = []string{"date"}, "date"
	plain := moments("TIMESTAMP", "", len("294276-12-31 23:59:59.999999 BC"), nil)
	plain.Types, plain.Shown = []string{"timestamp"}, "timestamp"
	zoned := moments("TIMESTAMPTZ", "TIMESTAMP, in UTC", len("294276-12-31 23:59:59.999999+00 BC"), inUTC)
	zoned.Types, zoned.Shown = []string{"timestamptz"}, "timestamptz"
	return []Family{date, plain, zoned}
}

// Both databases have a time of 24:00:00.
func times() []Family {
	return []Family{
		{Types: []string{"time"}, Shown: "time", Redshift: "TIME", mapping: asIs("TIME"), longest: atMost(len("23:59:59.999999"))},
		{Types: []string{"timetz"}, Shown: "timetz", Redshift: "TIMETZ; VARCHAR(24) in a key", Lost: "its offset: Redshift keeps the time in UTC",
			mapping: func(Type) Mapping { return timetz() }, longest: atMost(timetzText)},
	}
}

// timetzText is the length of the longest text of a timetz.
const timetzText = len("23:59:59.999999+15:59:59")

// dated returns the Mapping of a type whose text begins with a year.
func dated(spelled string) Mapping {
	return checked(spelled, dateFault, func(dst, value []byte, kind string, _ Rule) []byte {
		return appendEdge(dst, spelled, kind, value[0] == '-')
	},
		Remedy{Kind: OutOfRange, Default: Clamp, Clamp: true},
		Remedy{Kind: BeforeEra, Default: Clamp, Clamp: true},
		Remedy{Kind: Infinite, Default: Null, Clamp: true},
		Remedy{Kind: Malformed, Default: Quarantine})
}

// appendEdge writes the first or the last moment that COPY reads into the type.
func appendEdge(dst []byte, spelled, kind string, negative bool) []byte {
	date, time := "9999-12-31", " 23:59:59.999999"
	if kind == BeforeEra || negative {
		date, time = "0001-01-01", " 00:00:00"
	}
	dst = append(dst, date...)
	if spelled != "DATE" {
		dst = append(dst, time...)
	}
	if spelled == "TIMESTAMPTZ" {
		dst = append(dst, "+00"...)
	}
	return dst
}

// inUTC returns the Mapping of a timestamptz to a TIMESTAMP: all are printed in UTC.
func inUTC(_ Type, s spelling) (Mapping, bool) {
	m := dated("TIMESTAMP")
	m.Append = func(dst, value []byte) ([]byte, error) {
		kind := dateFault(value)
		local, utc := bytes.CutSuffix(value, []byte("+00"))
		if kind == "" && !utc {
			kind = Malformed
		}
		if kind != "" {
			return dst, &Misfit{Kind: kind, Type: m.Type, Size: len(value)}
		}
		return append(dst, local...), nil
	}
	return m, s.name == "TIMESTAMP"
}

func dateFault(value []byte) string {
	switch string(value) {
	case "infinity", "-infinity":
		return Infinite
	}
	year := bytes.IndexByte(value, '-')
	switch {
	case bytes.HasSuffix(value, []byte(" BC")):
		return BeforeEra
	case year > 4 && allDigits(value[:year]):
		return OutOfRange
	case year != 4 || !dateForm(value) || oddOffset(value[len("2006-01-02"):]):
		return Malformed
	}
	return ""
}

// dateForm reports whether value begins with yyyy-mm-dd and goes on, if at all, with what a
// time is made of.
func dateForm(value []byte) bool {
	if len(value) < 10 || value[7] != '-' || !allDigits(value[:4]) || !allDigits(value[5:7]) || !allDigits(value[8:10]) {
		return false
	}
	return len(value) == 10 || value[10] == ' ' && timeForm(value[11:])
}

// timeForm reports whether value begins with hh:mm:ss and goes on, if at all, with what a
// fraction and an offset are made of.
func timeForm(value []byte) bool {
	if len(value) < 8 || value[2] != ':' || value[5] != ':' || !allDigits(value[:2]) || !allDigits(value[3:5]) || !allDigits(value[6:8]) {
		return false
	}
	for _, c := range value[8:] {
		if (c < '0' || c > '9') && c != '.' && c != ':' && c != '+' && c != '-' {
			return false
		}
	}
	return true
}

// oddOffset reports whether a time ends in an offset with seconds, such as +00:53:28, which
// local mean times have.
func oddOffset(time []byte) bool {
	sign := len(time) - 1
	for sign >= 0 && time[sign] != '+' && time[sign] != '-' {
		sign--
	}
	return sign >= 0 && len(time)-sign > len("+00:00")
}

// timetz returns the Mapping of a time with its offset.
func timetz() Mapping {
	return checked("TIMETZ", func(value []byte) string {
		switch {
		case !timeForm(value):
			return Malformed
		case oddOffset(value):
			return OddOffset
		}
		return ""
	}, func(dst, value []byte, _ string, _ Rule) []byte { return appendInUTC(dst, value) },
		Remedy{Kind: OddOffset, Default: Clamp, Clamp: true},
		Remedy{Kind: Malformed, Default: Quarantine})
}

// appendInUTC writes a time with an offset as the same moment of a day in UTC, which is
// how Redshift keeps it anyway.
// https://docs.aws.amazon.com/redshift/latest/dg/r_Datetime_types.html
func appendInUTC(dst, value []byte) []byte {
	sign := bytes.LastIndexAny(value, "+-")
	clock, fraction, _ := bytes.Cut(value[:sign], []byte("."))
	seconds := secondsOf(clock)
	if offset := secondsOf(value[sign+1:]); value[sign] == '+' {
		seconds -= offset
	} else {
		seconds += offset
	}
	const day = 24 * 60 * 60
	seconds = (seconds%day + day) % day
	dst = fmt.Appendf(dst, "%02d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
	if len(fraction) > 0 {
		dst = append(append(dst, '.'), fraction...)
	}
	return append(dst, "+00"...)
}

// secondsOf returns the seconds of hours, minutes and seconds that have colons between
// them.
func secondsOf(clock []byte) int {
	seconds, unit := 0, 3600
	for part := range bytes.SplitSeq(clock, []byte(":")) {
		n, _ := strconv.Atoi(string(part))
		seconds, unit = seconds+n*unit, unit/60
	}
	return seconds
}
