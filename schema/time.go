package schema

import "bytes"

// Dates and times cross as PostgreSQL prints them under DateStyle = ISO, which COPY
// reads with DATEFORMAT and TIMEFORMAT 'auto'. Redshift's own range is as wide as
// PostgreSQL's for timestamps, but COPY documents no form for a year BC or of more
// than four digits, and none for infinity.
// https://docs.aws.amazon.com/redshift/latest/dg/automatic-recognition.html
// https://docs.aws.amazon.com/redshift/latest/dg/r_Datetime_types.html
func dates() []Family {
	lost := "infinity, -infinity, years BC and above 9999 are misfits"
	return []Family{
		{Types: []string{"date"}, Shown: "date", Redshift: "DATE", Lost: lost, mapping: func(Type) Mapping { return dated("DATE") }},
		{Types: []string{"timestamp"}, Shown: "timestamp", Redshift: "TIMESTAMP", Lost: lost, mapping: func(Type) Mapping { return dated("TIMESTAMP") }},
		{Types: []string{"timestamptz"}, Shown: "timestamptz", Redshift: "TIMESTAMPTZ", Lost: lost, mapping: func(Type) Mapping { return dated("TIMESTAMPTZ") }},
	}
}

// A time of 24:00:00 is one in both.
func times() []Family {
	return []Family{
		{Types: []string{"time"}, Shown: "time", Redshift: "TIME", mapping: asIs("TIME")},
		{Types: []string{"timetz"}, Shown: "timetz", Redshift: "TIMETZ", Lost: "an offset with seconds is a misfit", mapping: timetz},
	}
}

// dated is the Mapping of a type whose text begins with a year.
func dated(spelled string) Mapping {
	return Mapping{Type: spelled, Append: func(dst, value []byte) ([]byte, error) {
		if kind := dateFault(value); kind != "" {
			return dst, &Misfit{Kind: kind, Type: spelled, Size: len(value)}
		}
		return append(dst, value...), nil
	}}
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
	case year != 4 || !dateForm(value):
		return Malformed
	case oddOffset(value[len("2006-01-02"):]):
		return OddOffset
	}
	return ""
}

// dateForm tells whether value begins with yyyy-mm-dd and goes on, if at all, with
// what a time is made of.
func dateForm(value []byte) bool {
	if len(value) < 10 || value[7] != '-' || !allDigits(value[:4]) || !allDigits(value[5:7]) || !allDigits(value[8:10]) {
		return false
	}
	return len(value) == 10 || value[10] == ' ' && timeForm(value[11:])
}

// timeForm tells whether value begins with hh:mm:ss and goes on, if at all, with
// what a fraction and an offset are made of.
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

// oddOffset tells whether a time ends in an offset with seconds, as local mean times
// have: +00:53:28.
func oddOffset(time []byte) bool {
	sign := bytes.LastIndexAny(time, "+-")
	return sign >= 0 && len(time)-sign > len("+00:00")
}

// timetz is the Mapping of a time with its offset.
func timetz(Type) Mapping {
	const spelled = "TIMETZ"
	return Mapping{Type: spelled, Append: func(dst, value []byte) ([]byte, error) {
		kind := ""
		if !timeForm(value) {
			kind = Malformed
		} else if oddOffset(value) {
			kind = OddOffset
		}
		if kind != "" {
			return dst, &Misfit{Kind: kind, Type: spelled, Size: len(value)}
		}
		return append(dst, value...), nil
	}}
}
