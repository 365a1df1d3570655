package copyload

import (
	"fmt"
	"math"
	"strconv"
	"unsafe"
)

// integerKinds are the names and limits in messages about integers.
var integerKinds = [...]struct {
	name string
	max  uint64
}{
	SmallInt: {"Short", math.MaxInt16},
	Integer:  {"Integer", math.MaxInt32},
	BigInt:   {"Long", math.MaxInt64},
}

// digits returns the number that v's digits make, how many digits there are, and whether
// the number fits.
func digits(v []byte) (n uint64, count int, fits bool) {
	fits = true
	for count < len(v) && v[count]-'0' <= 9 {
		d := uint64(v[count] - '0')
		if n > (math.MaxUint64-d)/10 {
			fits = false
		}
		n = n*10 + d
		count++
	}
	return n, count, fits
}

// sign removes the sign from v.
func sign(v []byte) (negative bool, rest []byte) {
	if len(v) > 0 && (v[0] == '-' || v[0] == '+') {
		return v[0] == '-', v[1:]
	}
	return false, v
}

func appendInt(c *column, dst, v []byte) ([]byte, *fault) {
	kind := integerKinds[c.Type.Kind]
	negative, rest := sign(v)
	n, count, fits := digits(rest)
	if count == 0 || count < len(rest) {
		return dst, digitFault(codeDigit, v, len(v)-len(rest)+count, kind.name)
	}
	limit := kind.max
	if negative {
		limit++
	}
	if !fits || n > limit {
		return dst, &fault{code: codeOverflow,
			reason: fmt.Sprintf("Overflow (%s valid range -%d to %d)", kind.name, kind.max+1, kind.max)}
	}
	return append(dst, v...), nil
}

// appendDecimal cuts digits for which the scale has no room, as COPY does, or rounds them
// with ROUNDEC. A precision up to 19 is held in 64 bits, so not every number of 19 digits
// fits.
func appendDecimal(c *column, dst, v []byte) ([]byte, *fault) {
	negative, rest := sign(v)
	whole, fraction, bad := decimalParts(rest)
	if bad >= 0 {
		return dst, digitFault(codeDigit, v, len(v)-len(rest)+bad, "Decimal")
	}
	for len(whole) > 0 && whole[0] == '0' {
		whole = whole[1:]
	}
	scale := c.Type.Scale
	up := c.spec.RoundDec && len(fraction) > scale && fraction[scale] >= '5'
	fraction = fraction[:min(len(fraction), scale)]
	start := len(dst)
	if negative {
		dst = append(dst, '-')
	}
	first := len(dst)
	dst = append(append(dst, '0'), whole...)
	if up || scale > 0 {
		dst = append(append(dst, '.'), fraction...)
	}
	if up {
		for i := len(fraction); i < scale; i++ {
			dst = append(dst, '0')
		}
		roundUp(dst[first:])
	}
	if !c.Type.holds(dst[first:]) {
		return dst[:start], &fault{code: codeDecimal,
			reason: fmt.Sprintf("Overflow for NUMERIC(%d,%d)", c.Type.Precision, c.Type.Scale)}
	}
	if dst[len(dst)-1] == '.' {
		dst = dst[:len(dst)-1]
	}
	if dst[first] == '0' && len(dst) > first+1 && dst[first+1] != '.' {
		dst = append(dst[:first], dst[first+1:]...) // it was only there to carry into
	}
	return dst, nil
}

// decimalParts splits digits at the point. bad is the offset of a byte that is neither a
// digit nor the point, or -1.
func decimalParts(v []byte) (whole, fraction []byte, bad int) {
	i := 0
	for i < len(v) && v[i]-'0' <= 9 {
		i++
	}
	whole = v[:i]
	if i < len(v) && v[i] == '.' {
		j := i + 1
		for j < len(v) && v[j]-'0' <= 9 {
			j++
		}
		fraction, i = v[i+1:j], j
	}
	if i < len(v) || len(whole)+len(fraction) == 0 {
		return nil, nil, i
	}
	return whole, fraction, -1
}

// roundUp adds one to the last digit of a number that begins with 0.
func roundUp(number []byte) {
	for i := len(number) - 1; i >= 0; i-- {
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

// holds reports whether the type has room for a number without sign.
func (t Type) holds(number []byte) bool {
	const int64Digits = 19
	var scaled uint64
	whole, fraction := 0, -1
	for _, d := range number {
		if d == '.' {
			fraction = 0
			continue
		}
		if fraction >= 0 {
			fraction++
		} else if whole > 0 || d != '0' {
			whole++
		}
		if t.Precision <= int64Digits && whole+max(fraction, 0) <= int64Digits {
			scaled = scaled*10 + uint64(d-'0')
		}
	}
	if whole > t.Precision-t.Scale {
		return false
	}
	for i := max(fraction, 0); i < t.Scale && t.Precision == int64Digits; i++ {
		scaled *= 10
	}
	return t.Precision > int64Digits || scaled <= math.MaxInt64
}

// appendFloat takes numbers in decimal notation. NaN and the infinities, which INSERT
// takes, are refused by COPY (https://github.com/databricks/spark-redshift/pull/269).
func appendFloat(c *column, dst, v []byte) ([]byte, *fault) {
	name, bits := "Double", 64
	if c.Type.Kind == Real {
		name, bits = "Real", 32
	}
	bad, plain := floatShape(v)
	if bad >= 0 {
		return dst, digitFault(codeFloat, v, bad, name)
	}
	if !plain {
		// ParseFloat does not keep the string: it copies what goes into its error.
		f, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(v), len(v)), bits)
		if err != nil || f == 0 && !isZero(v) {
			return dst, &fault{code: codeFloat, reason: "[stand-in] out of range, Type: " + name}
		}
	}
	return append(dst, v...), nil
}

// floatShape returns the first byte that does not belong in a number, or -1, and whether
// the number is so plain that it must be in range.
func floatShape(v []byte) (bad int, plain bool) {
	const plainDigits = 15
	_, rest := sign(v)
	at := len(v) - len(rest)
	i, count := 0, 0
	for point := false; i < len(rest); i++ {
		if rest[i] == '.' && !point {
			point = true
		} else if rest[i]-'0' <= 9 {
			count++
		} else {
			break
		}
	}
	if count == 0 {
		return at + i, false
	}
	if i == len(rest) {
		return -1, count <= plainDigits
	}
	if rest[i]|0x20 != 'e' {
		return at + i, false
	}
	_, exponent := sign(rest[i+1:])
	_, n, _ := digits(exponent)
	if n == 0 || n < len(exponent) {
		return len(v) - len(exponent) + n, false
	}
	return -1, false
}

func isZero(v []byte) bool {
	for _, b := range v {
		if b|0x20 == 'e' {
			break
		}
		if b >= '1' && b <= '9' {
			return false
		}
	}
	return true
}

// appendBoolean takes the literals of the type, in lower case, in upper case and, if they
// are words, with an initial capital
// (https://docs.aws.amazon.com/redshift/latest/dg/r_Boolean_type.html).
func appendBoolean(_ *column, dst, v []byte) ([]byte, *fault) {
	switch string(v) {
	case "t", "true", "y", "yes", "1", "T", "TRUE", "Y", "YES", "True", "Yes":
		return append(dst, 't'), nil
	case "f", "false", "n", "no", "0", "F", "FALSE", "N", "NO", "False", "No":
		return append(dst, 'f'), nil
	}
	return dst, &fault{code: codeBoolean, reason: "Unknown boolean format"}
}
