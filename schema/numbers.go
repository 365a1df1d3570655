package schema

import "bytes"

// Redshift's whole numbers are PostgreSQL's, but there are no unsigned ones.
// https://docs.aws.amazon.com/redshift/latest/dg/r_Numeric_types201.html
func integers() []Family {
	return []Family{
		{Types: []string{"int2"}, Shown: "smallint", Redshift: "SMALLINT", Choices: "INTEGER, BIGINT, REAL, DOUBLE PRECISION, DECIMAL(p,s) of 5 digits before the point",
			mapping: asIs("SMALLINT"), longest: atMost(6), as: digits(5, "INTEGER", "BIGINT", "REAL", "DOUBLE PRECISION")},
		{Types: []string{"int4"}, Shown: "integer", Redshift: "INTEGER", Choices: "BIGINT, DOUBLE PRECISION, DECIMAL(p,s) of 10 digits before the point",
			mapping: asIs("INTEGER"), longest: atMost(11), as: digits(10, "BIGINT", "DOUBLE PRECISION")},
		{Types: []string{"int8"}, Shown: "bigint", Redshift: "BIGINT", Choices: "DECIMAL(p,s) of 19 digits before the point",
			mapping: asIs("BIGINT"), longest: atMost(20), as: digits(19)},
		{Types: []string{"oid", "xid", "cid"}, Shown: "oid, xid, cid", Redshift: "BIGINT", Choices: "DECIMAL(p,s) of 10 digits before the point",
			mapping: asIs("BIGINT"), longest: atMost(10), as: digits(10, "BIGINT")},
		{Types: []string{"xid8"}, Shown: "xid8", Redshift: "DECIMAL(20,0)", Choices: "DECIMAL(p,s) of 20 digits before the point",
			mapping: asIs("DECIMAL(20,0)"), longest: atMost(20), as: digits(20)},
	}
}

// digits lets whole numbers of n digits be held by any of the types, or by a DECIMAL that
// has room for them.
func digits(n int, types ...string) func(Type, spelling) (Mapping, bool) {
	return func(t Type, s spelling) (Mapping, bool) {
		if s.name == "DECIMAL" {
			return Mapping{Type: s.String()}, s.size-s.scale >= n
		}
		return wider(types...)(t, s)
	}
}

// maxPrecision and maxScale bound a Redshift DECIMAL.
const (
	maxPrecision = 38
	maxScale     = 37
)

// int64Digits is the precision up to which Redshift keeps a DECIMAL in an int64. The int64
// ends at 9223372036854775807, so at exactly this precision it does not hold all numbers of
// so many digits.
const int64Digits = 19

func decimals() []Family {
	return []Family{{
		Types:    []string{"numeric"},
		Shown:    "numeric(p,s)",
		Redshift: "DECIMAL(p,s) where p <= 38 and 0 <= s <= 37 (20 for a precision of 19; DECIMAL(p-s,0) for a negative scale); VARCHAR(65535) for all others and for numeric without a precision",
		Choices:  "DECIMAL(p,s): any for a numeric that is text otherwise, else one that is wide enough",
		mapping:  decimalOf,
		longest: func(t Type) int {
			precision, scale, ok := precisionOf(t)
			if !ok {
				return 0
			}
			return len("-0.") + max(precision, scale)
		},
		as: func(t Type, s spelling) (Mapping, bool) {
			precision, scale, ok := precisionOf(t)
			bounded := ok && precision <= maxPrecision && scale <= maxScale
			fits := !bounded || s.scale >= scale && s.size-s.scale >= precision-scale
			return decimal(s.size, s.scale), s.name == "DECIMAL" && fits
		},
	}}
}

// precisionOf returns how many digits a numeric has, how many of those are after the point,
// and whether its typmod says so.
// https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/numeric.c (make_numeric_typmod)
func precisionOf(t Type) (precision, scale int, ok bool) {
	if t.Typmod < 4 {
		return 0, 0, false
	}
	packed := t.Typmod - 4
	precision = int(packed >> 16 & 0xffff)
	scale = int(packed&0x7ff^1024) - 1024
	if scale < 0 {
		precision, scale = precision-scale, 0
	}
	return max(precision, scale), scale, true // numeric(3,5) holds 0.00999
}

// decimalOf returns the Mapping for a numeric's typmod.
func decimalOf(t Type) Mapping {
	precision, scale, ok := precisionOf(t)
	if precision == int64Digits {
		precision++
	}
	if !ok || precision > maxPrecision || scale > maxScale {
		return text(maxVarchar, false)
	}
	return decimal(precision, scale)
}

// decimal returns a Mapping that checks that a number has no more digits than a
// DECIMAL(precision,scale): COPY would silently cut those of a fraction.
func decimal(precision, scale int) Mapping {
	spelled := spelling{name: "DECIMAL", size: precision, scale: scale}.String()
	whole := precision - scale
	return checked(spelled, func(value []byte) string { return decimalFault(value, whole, scale) },
		func(dst, value []byte, kind string, rule Rule) []byte {
			if kind == Inexact {
				return appendRounded(dst, value, whole, scale, rule == Clamp)
			}
			return appendMost(dst, value[0] == '-', whole, scale)
		},
		Remedy{Kind: OutOfRange, Default: Clamp, Clamp: true},
		Remedy{Kind: Inexact, Default: Clamp, Clamp: true, Truncate: true},
		Remedy{Kind: Infinite, Default: Null, Clamp: true},
		Remedy{Kind: NotNumber, Default: Null},
		Remedy{Kind: Malformed, Default: Quarantine})
}

// decimalFault returns the kind of Misfit that a number is for a type with so many digits
// before and after the point; empty if it fits.
func decimalFault(value []byte, whole, fraction int) string {
	switch string(value) {
	case "NaN":
		return NotNumber
	case "Infinity", "-Infinity":
		return Infinite
	}
	before, after, _ := bytes.Cut(bytes.TrimPrefix(value, []byte("-")), []byte("."))
	switch {
	case len(before)+len(after) == 0 || !allDigits(before) || !allDigits(after):
		return Malformed
	case len(bytes.TrimLeft(before, "0")) > whole:
		return OutOfRange
	case len(bytes.TrimRight(after, "0")) > fraction:
		return Inexact
	}
	return ""
}

// appendMost writes the largest number of so many digits or, if negative, the smallest.
func appendMost(dst []byte, negative bool, whole, fraction int) []byte {
	if negative {
		dst = append(dst, '-')
	}
	if whole == 0 {
		dst = append(dst, '0')
	}
	dst = append(dst, bytes.Repeat([]byte{'9'}, whole)...)
	if fraction > 0 {
		dst = append(append(dst, '.'), bytes.Repeat([]byte{'9'}, fraction)...)
	}
	return dst
}

// appendRounded writes a number with no more than fraction digits after the point. With
// nearest that is the nearest such number, away from zero if two are as near; otherwise the
// further digits are cut off. If the result needs more than whole digits before the point,
// the largest number takes its place.
func appendRounded(dst, value []byte, whole, fraction int, nearest bool) []byte {
	start := len(dst)
	number, negative := bytes.CutPrefix(value, []byte("-"))
	if negative {
		dst = append(dst, '-')
	}
	before, after, _ := bytes.Cut(number, []byte("."))
	first := len(dst)
	dst = append(append(append(dst, '0'), before...), '.')
	dst = append(dst, after[:fraction]...)
	if nearest && after[fraction] >= '5' {
		addOne(dst[first:])
	}
	if fraction == 0 {
		dst = dst[:len(dst)-1]
	}
	if len(before) > 0 && dst[first] == '0' {
		dst = append(dst[:first], dst[first+1:]...) // it was only there to carry into
	}
	if decimalFault(dst[start:], whole, fraction) != "" {
		return appendMost(dst[:start], negative, whole, fraction)
	}
	return dst
}

// addOne adds one to the last digit of a number that begins with 0.
func addOne(number []byte) {
	for i := len(number) - 1; ; i-- {
		switch number[i] {
		case '.':
		case '9':
			number[i] = '0'
		default:
			number[i]++
			return
		}
	}
}

func allDigits(s []byte) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
