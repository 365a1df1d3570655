package schema

import (
	"bytes"
	"errors"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// fuzzed are types of all families that look at their values.
var fuzzed = []Type{
	typed("text", 'S', -1), typed("varchar", 'S', 9), typed("bpchar", 'S', 5), typed("char", 'Z', -1), typed("jsonb", 'U', -1),
	numericOf(5, 2), numericOf(19, 0), numericOf(38, 37), numericOf(3, 5), typed("numeric", 'N', -1),
	typed("float4", 'N', -1), typed("float8", 'N', -1), typed("bytea", 'U', -1), typed("money", 'N', -1),
	typed("date", 'D', -1), typed("timestamp", 'D', -1), typed("timestamptz", 'D', -1), typed("timetz", 'D', -1),
	typed("bit", 'V', 3), typed("_int4", 'A', -1), typed("mood", 'E', -1), typed("int4range", 'R', -1), typed("tsvector", 'U', -1),
}

// hostile are values that many types have trouble with.
var hostile = []string{"", "a", "1.5", "-99999.99", "NaN", "-Infinity", "1e-320", `\xff00`, "2024-02-29 24:00:00.000001+05:30", "0044-03-15 BC", "infinity",
	"294276-12-31", "10:00:00-07:52:58", "10:00:00+00:53:28", "é\x00", "\xff"}

// FuzzAppend proves that no value makes a Mapping panic or write what its Redshift
// type cannot hold, and that a value that is written is the one that was given.
func FuzzAppend(f *testing.F) {
	for i := range fuzzed {
		for _, v := range hostile {
			f.Add(i, []byte(v))
		}
	}
	f.Fuzz(func(t *testing.T, i int, value []byte) {
		m := MappingOf(fuzzed[uint(i)%uint(len(fuzzed))])
		given := bytes.Clone(value)
		got, err := m.Append(nil, value)
		if !bytes.Equal(given, value) {
			t.Fatalf("%s changed the value that it was given", m.Type)
		}
		var misfit *Misfit
		if err != nil {
			if !errors.As(err, &misfit) || len(got) != 0 {
				t.Fatalf("%s: %v, wrote %q", m.Type, err, got)
			}
			return
		}
		if want := strings.TrimPrefix(string(value), `\x`); string(got) != string(value) && (!strings.HasPrefix(m.Type, "VARBYTE") || string(got) != want) && !sameReal(m.Type, got, value) {
			t.Fatalf("%s wrote %q for %q", m.Type, got, value)
		}
		if !holds(m.Type, string(got)) {
			t.Fatalf("%s cannot hold %q", m.Type, got)
		}
	})
}

// FuzzWrite proves that whatever a rule makes of a value, its Redshift type holds it, and
// that a value that fits is left alone.
func FuzzWrite(f *testing.F) {
	for i := range fuzzed {
		for r := range Rules {
			for _, v := range hostile {
				f.Add(i, r, []byte(v))
			}
		}
	}
	f.Fuzz(func(t *testing.T, i, r int, value []byte) {
		m := MappingOf(fuzzed[uint(i)%uint(len(fuzzed))])
		rule := Rules[uint(r)%uint(len(Rules))]
		c := Column{Mapping: m, Rules: map[string]Rule{}}
		for _, remedy := range m.Remedies {
			if remedy.Admits(rule) {
				c.Rules[remedy.Kind] = rule
			}
		}
		given := bytes.Clone(value)
		got, adjustment, err := c.Write(nil, value)
		plain, misfit := m.Append(nil, given)
		switch {
		case !bytes.Equal(given, value):
			t.Fatalf("%s changed the value that it was given", m.Type)
		case (misfit == nil) != (adjustment == nil && err == nil) || misfit == nil && !bytes.Equal(got, plain):
			t.Fatalf("%s: %q became %q, %+v, %v", m.Type, value, got, adjustment, err)
		case (err != nil || adjustment != nil && adjustment.Rule == Null) && len(got) != 0:
			t.Fatalf("%s wrote %q for what it refuses", m.Type, got)
		case err == nil && (adjustment == nil || adjustment.Rule != Null) && !holds(m.Type, string(got)):
			t.Fatalf("%s cannot hold %q, which %s made of %q", m.Type, got, rule, value)
		}
	})
}

// sameReal reports whether two texts are the same number as a REAL.
func sameReal(spelled string, a, b []byte) bool {
	x, wrong := strconv.ParseFloat(string(a), 32)
	y, err := strconv.ParseFloat(string(b), 32)
	return spelled == "REAL" && wrong == nil && err == nil && x == y
}

var forms = map[string]*regexp.Regexp{
	"DATE":        regexp.MustCompile(`^\d{4}-\d\d-\d\d`),
	"TIMESTAMP":   regexp.MustCompile(`^\d{4}-\d\d-\d\d`),
	"TIMESTAMPTZ": regexp.MustCompile(`^\d{4}-\d\d-\d\d`),
	"TIMETZ":      regexp.MustCompile(`^\d\d:\d\d:\d\d`),
	"VARBYTE":     regexp.MustCompile(`^([0-9a-fA-F]{2})+$`),
	"DECIMAL":     regexp.MustCompile(`^-?\d*\.?\d*$`),
}

// holds tells, by other means than the mapping's, whether a Redshift type can hold
// the value of a text.
func holds(spelled, text string) bool {
	name, limits, _ := strings.Cut(strings.TrimSuffix(spelled, ")"), "(")
	switch name {
	case "VARCHAR":
		n, err := strconv.Atoi(limits)
		return err == nil && len(text) <= n && utf8.ValidString(text) && !strings.Contains(text, "\x00")
	case "VARBYTE":
		n, err := strconv.Atoi(limits)
		return err == nil && forms[name].MatchString(text) && len(text) <= 2*n
	case "REAL":
		f, err := strconv.ParseFloat(text, 64)
		return err == nil && math.Abs(f) <= math.MaxFloat32
	case "DOUBLE PRECISION":
		_, err := strconv.ParseFloat(text, 64)
		return err == nil
	case "DECIMAL":
		return forms[name].MatchString(text) && holdsDecimal(limits, text)
	}
	return forms[name].MatchString(text)
}

// holdsDecimal reports whether text times ten to the scale is a whole number of no
// more digits than the precision.
func holdsDecimal(limits, text string) bool {
	p, s, _ := strings.Cut(limits, ",")
	precision, _ := strconv.Atoi(p)
	scale, _ := strconv.Atoi(s)
	number, ok := new(big.Rat).SetString(text)
	if !ok {
		return false
	}
	power := func(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }
	number.Mul(number, new(big.Rat).SetInt(power(scale)))
	return number.IsInt() && new(big.Int).Abs(number.Num()).Cmp(power(precision)) < 0
}
