package schema

import (
	"bytes"
	"math"
	"strconv"
)

// Redshift's whole numbers are PostgreSQL's, but there are no unsigned ones.
// https://docs.aws.amazon.com/redshift/latest/dg/r_Numeric_types201.html
func integers() []Family {
	return []Family{
		{Types: []string{"int2"}, Shown: "smallint", Redshift: "SMALLINT", mapping: asIs("SMALLINT")},
		{Types: []string{"int4"}, Shown: "integer", Redshift: "INTEGER", mapping: asIs("INTEGER")},
		{Types: []string{"int8"}, Shown: "bigint", Redshift: "BIGINT", mapping: asIs("BIGINT")},
		{Types: []string{"oid", "xid", "cid"}, Shown: "oid, xid, cid", Redshift: "BIGINT", mapping: asIs("BIGINT")},
		{Types: []string{"xid8"}, Shown: "xid8", Redshift: "DECIMAL(20,0)", mapping: asIs("DECIMAL(20,0)")},
	}
}

// maxPrecision and maxScale bound a Redshift DECIMAL.
const (
	maxPrecision = 38
	maxScale     = 37
)

func decimals() []Family {
	return []Family{{
		Types:    []string{"numeric"},
		Shown:    "numeric(p,s)",
		Redshift: "DECIMAL(p,s) where p <= 38 and 0 <= s <= 37 (20 for a precision of 19; DECIMAL(p-s,0) for a negative scale); VARCHAR(65535) for all others and for numeric without a precision",
		Lost:     "NaN is a misfit for DECIMAL; text of more than 65,535 bytes is one for VARCHAR",
		mapping:  decimalOf,
	}}
}

// decimalOf makes a Mapping of a numeric's typmod.
// https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/numeric.c (make_numeric_typmod)
func decimalOf(t Type) Mapping {
	if t.Typmod < 4 {
		return text(maxVarchar)
	}
	packed := t.Typmod - 4
	precision := int(packed >> 16 & 0xffff)
	scale := int(packed&0x7ff^1024) - 1024
	if scale < 0 {
		precision, scale = precision-scale, 0
	}
	precision = max(precision, scale) // numeric(3,5) holds 0.00999
	if precision == 19 {
		precision = 20 // up to 19 digits are kept in an int64, which ends at 9223372036854775807
	}
	if precision > maxPrecision || scale > maxScale {
		return text(maxVarchar)
	}
	return decimal(precision, scale)
}

// decimal checks that a number has no more digits than a DECIMAL(precision,scale):
// COPY would cut those of a fraction without a word.
func decimal(precision, scale int) Mapping {
	spelled := "DECIMAL(" + strconv.Itoa(precision) + "," + strconv.Itoa(scale) + ")"
	return Mapping{Type: spelled, Append: func(dst, value []byte) ([]byte, error) {
		if kind := decimalFault(value, precision-scale, scale); kind != "" {
			return dst, &Misfit{Kind: kind, Type: spelled, Size: len(value)}
		}
		return append(dst, value...), nil
	}}
}

// decimalFault returns the kind of Misfit that a number is for a type of so many
// digits before and after the point, empty if it fits.
func decimalFault(value []byte, whole, fraction int) string {
	switch string(value) {
	case "NaN":
		return NotNumber
	case "Infinity", "-Infinity":
		return Infinite
	}
	digits := bytes.TrimPrefix(value, []byte("-"))
	before, after, _ := bytes.Cut(digits, []byte("."))
	if len(before)+len(after) == 0 || !allDigits(before) || !allDigits(after) {
		return Malformed
	}
	if len(bytes.TrimLeft(before, "0")) > whole || len(bytes.TrimRight(after, "0")) > fraction {
		return OutOfRange
	}
	return ""
}

func allDigits(s []byte) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

func floats() []Family {
	lost := "NaN and the infinities are misfits, and so are numbers nearer to zero than the smallest normal one"
	return []Family{
		{Types: []string{"float4"}, Shown: "real", Redshift: "REAL", Lost: lost, mapping: func(Type) Mapping { return float("REAL", 32, 0x1p-126) }},
		{Types: []string{"float8"}, Shown: "double precision", Redshift: "DOUBLE PRECISION", Lost: lost,
			mapping: func(Type) Mapping { return float("DOUBLE PRECISION", 64, 0x1p-1022) }},
	}
}

// float checks what COPY refuses though the type could hold it: NaN, the infinities
// (https://github.com/databricks/spark-redshift/pull/269), and numbers below the
// smallest normal one, which PostgreSQL 8.0, that Redshift was made from, refuses.
func float(spelled string, bits int, smallest float64) Mapping {
	return Mapping{Type: spelled, Append: func(dst, value []byte) ([]byte, error) {
		if kind := floatFault(value, bits, smallest); kind != "" {
			return dst, &Misfit{Kind: kind, Type: spelled, Size: len(value)}
		}
		return append(dst, value...), nil
	}}
}

func floatFault(value []byte, bits int, smallest float64) string {
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
	f, err := strconv.ParseFloat(string(value), bits)
	if err != nil || f != 0 && math.Abs(f) < smallest || f == 0 && bytes.ContainsAny(value, "123456789") {
		return OutOfRange
	}
	return ""
}

// floatForm tells whether value is digits with at most one point, perhaps a sign,
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
