package render

import (
	"encoding/binary"
	"math"
	"strconv"
)

// Days and microseconds are counted from the first day of 2000.
// https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/datetime.c
const (
	second = 1_000_000
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

func date(dst, v []byte) ([]byte, error) {
	if len(v) != 4 {
		return dst, ErrMalformed
	}
	days := int32(binary.BigEndian.Uint32(v))
	switch days {
	case math.MaxInt32:
		return append(dst, "infinity"...), nil
	case math.MinInt32:
		return append(dst, "-infinity"...), nil
	}
	dst, era := appendDate(dst, int64(days))
	return append(dst, era...), nil
}

// appendDate writes the day without its era, and returns the era, which comes last of all.
// https://howardhinnant.github.io/date_algorithms.html#civil_from_days
func appendDate(dst []byte, days int64) (_ []byte, era string) {
	const cycle = 146097 // the days of 400 years, which begin in March
	days += 730425       // now from the first of March of the year 0
	of := days / cycle
	if days %= cycle; days < 0 {
		days += cycle
		of--
	}
	year := (days - days/1460 + days/36524 - days/(cycle-1)) / 365
	days -= 365*year + year/4 - year/100
	month := (5*days + 2) / 153
	days -= (153*month + 2) / 5
	year += of * 400
	if month += 3; month > 12 {
		month -= 12
		year++
	}
	if year <= 0 {
		year, era = 1-year, " BC"
	}
	if year < 10000 {
		dst = append4(dst, uint64(year))
	} else {
		dst = strconv.AppendInt(dst, year, 10)
	}
	dst = append2(append(dst, '-'), month)
	return append2(append(dst, '-'), days+1), era
}

func timestamp(dst, v []byte) ([]byte, error)   { return appendMoment(dst, v, "") }
func timestamptz(dst, v []byte) ([]byte, error) { return appendMoment(dst, v, "+00") }

// appendMoment writes a moment that has that offset.
func appendMoment(dst, v []byte, offset string) ([]byte, error) {
	if len(v) != 8 {
		return dst, ErrMalformed
	}
	t := int64(binary.BigEndian.Uint64(v))
	switch t {
	case math.MaxInt64:
		return append(dst, "infinity"...), nil
	case math.MinInt64:
		return append(dst, "-infinity"...), nil
	}
	days, rest := t/day, t%day
	if rest < 0 {
		days, rest = days-1, rest+day
	}
	dst, era := appendDate(dst, days)
	dst = appendClock(append(dst, ' '), rest)
	return append(append(dst, offset...), era...), nil
}

func clock(dst, v []byte) ([]byte, error) {
	if len(v) != 8 {
		return dst, ErrMalformed
	}
	t := int64(binary.BigEndian.Uint64(v))
	if t < 0 || t > day {
		return dst, ErrMalformed
	}
	return appendClock(dst, t), nil
}

// timetz is the Form of timetz: a time, and how many seconds its zone is west of UTC.
func timetz(dst, v []byte) ([]byte, error) {
	if len(v) != 12 {
		return dst, ErrMalformed
	}
	dst, err := clock(dst, v[:8])
	if err != nil {
		return dst, err
	}
	sign, zone := byte('-'), int64(int32(binary.BigEndian.Uint32(v[8:])))
	if zone <= 0 {
		sign, zone = '+', -zone
	}
	if zone >= 100*3600 {
		return dst, ErrMalformed
	}
	dst = append2(append(dst, sign), zone/3600)
	if zone%3600 != 0 {
		dst = append2(append(dst, ':'), zone/60%60)
	}
	if zone%60 != 0 {
		dst = append2(append(dst, ':'), zone%60)
	}
	return dst, nil
}

// appendClock writes a time of a day.
func appendClock(dst []byte, t int64) []byte {
	dst = append2(dst, t/hour)
	dst = append2(append(dst, ':'), t/minute%60)
	dst = append2(append(dst, ':'), t/second%60)
	return appendFraction(dst, t%second)
}

// appendFraction writes microseconds as a fraction without trailing zeros.
func appendFraction(dst []byte, micros int64) []byte {
	if micros == 0 {
		return dst
	}
	dst = append(dst, '.')
	for unit := int64(100_000); micros > 0; unit /= 10 {
		dst = append(dst, '0'+byte(micros/unit))
		micros %= unit
	}
	return dst
}

// interval returns the Form of interval: a time, days and months. From version 17 on it may
// be infinite.
// https://www.postgresql.org/docs/17/release-17.html
func interval(major int) Form {
	return func(dst, v []byte) ([]byte, error) {
		if len(v) != 16 {
			return dst, ErrMalformed
		}
		t := int64(binary.BigEndian.Uint64(v))
		days, months := int32(binary.BigEndian.Uint32(v[8:])), int32(binary.BigEndian.Uint32(v[12:]))
		switch {
		case major >= 17 && t == math.MaxInt64 && days == math.MaxInt32 && months == math.MaxInt32:
			return append(dst, "infinity"...), nil
		case major >= 17 && t == math.MinInt64 && days == math.MinInt32 && months == math.MinInt32:
			return append(dst, "-infinity"...), nil
		}
		return appendInterval(dst, int64(months), int64(days), t), nil
	}
}

// appendInterval writes each part that is not zero, with a sign of its own.
func appendInterval(dst []byte, months, days, t int64) []byte {
	if months == 0 && days == 0 && t == 0 {
		return append(dst, "PT0S"...)
	}
	part := func(n int64, letter byte) {
		if n != 0 {
			dst = append(strconv.AppendInt(dst, n, 10), letter)
		}
	}
	dst = append(dst, 'P')
	part(months/12, 'Y')
	part(months%12, 'M')
	part(days, 'D')
	if t == 0 {
		return dst
	}
	dst = append(dst, 'T')
	part(t/hour, 'H')
	part(t/minute%60, 'M')
	rest := t % minute
	if rest == 0 {
		return dst
	}
	if rest < 0 {
		dst, rest = append(dst, '-'), -rest
	}
	dst = strconv.AppendInt(dst, rest/second, 10)
	return append(appendFraction(dst, rest%second), 'S')
}
