package render

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
)

func int2(dst, v []byte) ([]byte, error) {
	if len(v) != 2 {
		return dst, ErrMalformed
	}
	return strconv.AppendInt(dst, int64(int16(binary.BigEndian.Uint16(v))), 10), nil
}

func int4(dst, v []byte) ([]byte, error) {
	if len(v) != 4 {
		return dst, ErrMalformed
	}
	return strconv.AppendInt(dst, int64(int32(binary.BigEndian.Uint32(v))), 10), nil
}

func int8(dst, v []byte) ([]byte, error) {
	if len(v) != 8 {
		return dst, ErrMalformed
	}
	return strconv.AppendInt(dst, int64(binary.BigEndian.Uint64(v)), 10), nil
}

func uint4(dst, v []byte) ([]byte, error) {
	if len(v) != 4 {
		return dst, ErrMalformed
	}
	return strconv.AppendUint(dst, uint64(binary.BigEndian.Uint32(v)), 10), nil
}

func uint8s(dst, v []byte) ([]byte, error) {
	if len(v) != 8 {
		return dst, ErrMalformed
	}
	return strconv.AppendUint(dst, binary.BigEndian.Uint64(v), 10), nil
}

func float4(dst, v []byte) ([]byte, error) {
	if len(v) != 4 {
		return dst, ErrMalformed
	}
	f := math.Float32frombits(binary.BigEndian.Uint32(v))
	b := math.Float32bits(f)
	return single.append(dst, float64(f), uint64(b&(1<<23-1)|1<<23), int(b>>23&0xff)-150), nil
}

func float8(dst, v []byte) ([]byte, error) {
	if len(v) != 8 {
		return dst, ErrMalformed
	}
	b := binary.BigEndian.Uint64(v)
	return double.append(dst, math.Float64frombits(b), b&(1<<52-1)|1<<52, int(b>>52&0x7ff)-1075), nil
}

// floats describes a floating-point type.
type floats struct {
	size        int
	least, most float64 // numbers from least to below most are written without an exponent: FLT_DIG and DBL_DIG
	far         float64 // above it, neither numbers nor the middles between them are decimals that are short enough
	digits      int     // with so many digits or more, two neighbouring decimals can be equally near
}

var (
	single = floats{size: 32, least: float64(float32(1e-4)), most: 1e6, far: 1e20, digits: 7}
	double = floats{size: 64, least: 1e-4, most: 1e15, far: 1e40, digits: 16}
)

// append writes f as the shortest decimal that reads back as f. A normal number f is
// mantissa times two to the exponent.
// https://github.com/postgres/postgres/blob/master/src/common/d2s.c
func (t floats) append(dst []byte, f float64, mantissa uint64, exponent int) []byte {
	abs := math.Abs(f)
	format := byte('e')
	switch {
	case f != f:
		return append(dst, "NaN"...)
	case abs > math.MaxFloat64 && f > 0:
		return append(dst, "Infinity"...)
	case abs > math.MaxFloat64:
		return append(dst, "-Infinity"...)
	case abs >= t.least && abs < t.most || f == 0:
		format = 'f'
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, format, -1, t.size)
	// A number with a bit below 2^-26 has more than 18 digits, as five to that power has.
	if abs > t.far || mantissa == 0 || bits.TrailingZeros64(mantissa)+exponent < -26 {
		return dst
	}
	return t.correct(dst, start, f, format, mantissa, exponent)
}

// correct writes the decimal as PostgreSQL does where Go does not. Of two decimals that are
// equally near, PostgreSQL takes the even one, if that reads back as f: 2^-12 is
// 0.00024414062 as a float4. And it takes none that lies exactly in the middle between two
// numbers, even if that reads back as the even one of them: 1e23 is 9.999999999999999e+22.
func (t floats) correct(dst []byte, start int, f float64, format byte, mantissa uint64, exponent int) []byte {
	digits, count, power := decimalOf(dst[start:])
	if count >= t.digits {
		var room [32]byte
		longer, _, last := decimalOf(strconv.AppendFloat(room[:0], f, 'e', count, t.size))
		if longer%10 == 5 && same(longer, last, mantissa, exponent) {
			behind := count - 1
			if format == 'f' {
				behind = -power
			}
			dst = strconv.AppendFloat(dst[:start], f, format, behind, t.size)
			// Below a power of two, the next number is only half as far away.
			if back, err := strconv.ParseFloat(string(dst[start:]), t.size); err != nil || back != f {
				dst = strconv.AppendFloat(dst[:start], f, format, -1, t.size)
			}
			digits, count, power = decimalOf(dst[start:])
		}
	}
	for amid(digits, power, mantissa, exponent) {
		dst = strconv.AppendFloat(dst[:start], f, 'e', count, t.size)
		digits, count, power = decimalOf(dst[start:])
	}
	return dst
}

// decimalOf parses a number, which has count digits and is digits times ten to the power.
func decimalOf(text []byte) (digits uint64, count, power int) {
	behind := false
	for i, c := range text {
		switch {
		case c == '.':
			behind = true
		case c == 'e':
			exponent, _ := strconv.Atoi(string(text[i+1:]))
			return digits, count, power + exponent
		case c >= '0' && c <= '9':
			digits = digits*10 + uint64(c-'0')
			if digits > 0 {
				count++
			}
			if behind {
				power--
			}
		}
	}
	return digits, count, power
}

// amid reports whether a decimal is exactly in the middle between a number and one of its
// neighbours. The middle has one more bit than the number, which is set; below a power of
// two it has two more.
func amid(digits uint64, power int, mantissa uint64, exponent int) bool {
	return same(digits, power, 2*mantissa+1, exponent-1) || same(digits, power, 2*mantissa-1, exponent-1) ||
		mantissa&(mantissa-1) == 0 && same(digits, power, 4*mantissa-1, exponent-2)
}

// same reports whether digits times ten to the power is mantissa times two to the exponent.
func same(digits uint64, power int, mantissa uint64, exponent int) bool {
	if digits == 0 || power >= len(fives) {
		return false
	}
	high, odd := uint64(0), digits
	for n := power; n < 0; n++ {
		if odd%5 != 0 {
			return false
		}
		odd /= 5
	}
	if power > 0 {
		high, odd = bits.Mul64(digits, fives[power])
	}
	two := power
	if odd == 0 {
		odd, high = high, 0
		two += 64
	}
	zeros := bits.TrailingZeros64(odd)
	odd, high, two = odd>>zeros|high<<(64-zeros), high>>zeros, two+zeros
	zeros = bits.TrailingZeros64(mantissa)
	return high == 0 && odd == mantissa>>zeros && two == exponent+zeros
}

// fives are the powers of five that 63 bits hold.
var fives = func() (powers [28]uint64) {
	powers[0] = 1
	for i := 1; i < len(powers); i++ {
		powers[i] = 5 * powers[i-1]
	}
	return powers
}()

// The signs of a numeric.
// https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/numeric.c
const (
	numericNegative = 0x4000
	numericNaN      = 0xC000
	numericInfinity = 0xD000
	numericMinus    = 0xF000
)

// numeric is the Form of numeric. Its bytes are the count of digits to the base 10,000, the
// first one's weight, the sign, how many decimal digits come after the point, and then the
// digits.
func numeric(dst, v []byte) ([]byte, error) {
	if len(v) < 8 {
		return dst, ErrMalformed
	}
	count, weight := int(binary.BigEndian.Uint16(v)), int(int16(binary.BigEndian.Uint16(v[2:])))
	sign, scale := binary.BigEndian.Uint16(v[4:]), int(binary.BigEndian.Uint16(v[6:]))
	digits := v[8:]
	if len(digits) != 2*count || scale > 0x3FFF {
		return dst, ErrMalformed
	}
	switch sign {
	case 0:
	case numericNegative:
		dst = append(dst, '-')
	case numericNaN:
		return append(dst, "NaN"...), nil
	case numericInfinity:
		return append(dst, "Infinity"...), nil
	case numericMinus:
		return append(dst, "-Infinity"...), nil
	default:
		return dst, ErrMalformed
	}
	for i := range count {
		if binary.BigEndian.Uint16(digits[2*i:]) > 9999 {
			return dst, ErrMalformed
		}
	}
	at := func(i int) uint64 {
		if i < 0 || i >= count {
			return 0
		}
		return uint64(binary.BigEndian.Uint16(digits[2*i:]))
	}
	if weight < 0 {
		dst = append(dst, '0')
	} else {
		dst = strconv.AppendUint(dst, at(0), 10)
	}
	for i := 1; i <= weight; i++ {
		dst = append4(dst, at(i))
	}
	if scale == 0 {
		return dst, nil
	}
	dst = append(dst, '.')
	end := len(dst) + scale
	for i := weight + 1; len(dst) < end; i++ {
		dst = append4(dst, at(i))
	}
	return dst[:end], nil
}

// append4 writes a number below 10,000 as four digits.
func append4(dst []byte, n uint64) []byte {
	return append(dst, '0'+byte(n/1000), '0'+byte(n/100%10), '0'+byte(n/10%10), '0'+byte(n%10))
}

// append2 writes a number below 100 as two digits.
func append2(dst []byte, n int64) []byte {
	return append(dst, '0'+byte(n/10), '0'+byte(n%10))
}

// money is the Form of money: a number of cents, which the locale C prints with a dollar
// sign and commas.
func money(dst, v []byte) ([]byte, error) {
	if len(v) != 8 {
		return dst, ErrMalformed
	}
	n := binary.BigEndian.Uint64(v)
	if n>>63 != 0 {
		dst = append(dst, '-')
		n = -n
	}
	dst = append(dst, '$')
	var room [20]byte
	dollars := strconv.AppendUint(room[:0], n/100, 10)
	for i, c := range dollars {
		if i > 0 && (len(dollars)-i)%3 == 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, c)
	}
	return append2(append(dst, '.'), int64(n%100)), nil
}
