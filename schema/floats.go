package schema

import (
	"bytes"
	"math"
	"strconv"
)

func floats() []Family {
	return []Family{
		{Types: []string{"float4"}, Shown: "real", Redshift: "REAL", Choices: "DOUBLE PRECISION",
			mapping: func(Type) Mapping { return float("REAL", realLimits) }, longest: atMost(len("-1.17549435e-38")),
			as: func(_ Type, s spelling) (Mapping, bool) {
				return float(s.name, doubleLimits), s.name == "DOUBLE PRECISION"
			}},
		{Types: []string{"float8"}, Shown: "double precision", Redshift: "DOUBLE PRECISION",
			mapping: func(Type) Mapping { return float("DOUBLE PRECISION", doubleLimits) }, longest: atMost(len("-2.2250738585072014e-308"))},
	}
}

// limits are the limits of a binary floating-point type.
type limits struct {
	bits              int
	smallest, largest float64 // normal numbers
}

var (
	realLimits   = limits{bits: 32, smallest: 0x1p-126, largest: math.MaxFloat32}
	doubleLimits = limits{bits: 64, smallest: 0x1p-1022, largest: math.MaxFloat64}
)

// float returns a Mapping that checks for what COPY refuses though the type could hold it:
// NaN, the infinities (https://github.com/databricks/spark-redshift/pull/269), and numbers
// below the smallest normal one, which are refused by PostgreSQL 8.0, from which Redshift
// was made.
func float(spelled string, l limits) Mapping {
	m := checked(spelled, l.fault, func(dst, value []byte, _ string, _ Rule) []byte { return l.appendNearest(dst, value) },
		Remedy{Kind: OutOfRange, Default: Clamp, Clamp: true},
		Remedy{Kind: Infinite, Default: Null, Clamp: true},
		Remedy{Kind: NotNumber, Default: Null},
		Remedy{Kind: Malformed, Default: Quarantine})
	if l.bits == 32 {
		m.Append = largestReal(m.Append)
	}
	return m
}

// largestReal returns write, but writes the largest REAL with more digits than PostgreSQL
// prints. The number that it prints, 3.4028235e+38, is a little beyond the largest REAL.
// PostgreSQL 8.0 compares it as a double precision, and refuses it.
// https://github.com/postgres/postgres/blob/REL8_0_STABLE/src/backend/utils/adt/float.c (float4in)
func largestReal(write func(dst, value []byte) ([]byte, error)) func(dst, value []byte) ([]byte, error) {
	return func(dst, value []byte) ([]byte, error) {
		if number, negative := bytes.CutPrefix(value, []byte("-")); string(number) == "3.4028235e+38" {
			if negative {
				dst = append(dst, '-')
			}
			return strconv.AppendFloat(dst, math.MaxFloat32, 'e', -1, 64), nil
		}
		return write(dst, value)
	}
}

func (l limits) fault(value []byte) string {
	switch string(value) {
	case "NaN":
		return NotNumber
	case "Infinity", "-Infinity":
		return Infinite
	}
	if !floatForm(value) {
		return Malformed
	}
	if bytes.IndexByte(value, 'e') < 0 && len(value) <= 32 {
		return "" // PostgreSQL prints what is very large or small with an exponent
	}
	f, err := strconv.ParseFloat(string(value), l.bits)
	if err != nil || f != 0 && math.Abs(f) < l.smallest || f == 0 && !allZeros(value) {
		return OutOfRange
	}
	return ""
}

// appendNearest writes the number nearest to value that the type holds. It is written as a
// double precision, which can hold each REAL exactly.
func (l limits) appendNearest(dst, value []byte) []byte {
	f, _ := strconv.ParseFloat(string(value), 64) // infinite, or 0, where it is out of range
	size := math.Abs(f)
	switch {
	case size > l.largest:
		size = l.largest
	case size < l.smallest/2:
		size = 0
	case size < l.smallest:
		size = l.smallest
	}
	return strconv.AppendFloat(dst, math.Copysign(size, f), 'e', -1, 64)
}

// allZeros reports whether all digits of the mantissa are 0.
func allZeros(value []byte) bool {
	mantissa, _, _ := bytes.Cut(value, []byte("e"))
	return !bytes.ContainsAny(mantissa, "123456789")
}

// floatForm reports whether value is digits with at most one point, perhaps a sign and
// perhaps an exponent.
func floatForm(value []byte) bool {
	mantissa, exponent, scientific := bytes.Cut(bytes.TrimPrefix(value, []byte("-")), []byte("e"))
	before, after, _ := bytes.Cut(mantissa, []byte("."))
	if len(before)+len(after) == 0 || !allDigits(before) || !allDigits(after) {
		return false
	}
	if !scientific {
		return true
	}
	if len(exponent) > 0 && (exponent[0] == '-' || exponent[0] == '+') {
		exponent = exponent[1:]
	}
	return len(exponent) > 0 && allDigits(exponent)
}
