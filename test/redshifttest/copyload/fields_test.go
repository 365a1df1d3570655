package copyload_test

import (
	"fmt"
	"strings"
	"testing"

	"rowshift/test/redshifttest/copyload"
)

// quoted returns a CSV field that holds v.
func quoted(v string) string { return `"` + strings.ReplaceAll(v, `"`, `""`) + `"` }

// fieldCase is a field and what a column makes of it: the row that is written, or "!code
// reason" of the refusal.
type fieldCase struct{ field, want string }

// checkFields loads each field alone, as a CSV row of one column, by a spec.
func checkFields(t *testing.T, spec copyload.Spec, typ copyload.Type, cases []fieldCase) {
	t.Helper()
	spec.Format = copyload.CSV
	spec.Columns = []copyload.Column{ofType("c", typ)}
	for _, c := range cases {
		rest, refused := strings.CutPrefix(c.want, "!")
		if !refused {
			out, _, err := loadText(t, spec, quoted(c.field)+"\n")
			if err != nil || out != c.want+"\n" {
				t.Errorf("%q: wrote %q, want %q; %v", c.field, out, c.want, err)
			}
			continue
		}
		e := refusal(t, spec, quoted(c.field)+"\n")
		code, reason, _ := strings.Cut(rest, " ")
		if got := itoa(e.Code); got != code || !strings.Contains(e.Reason, reason) || e.Column != "c" {
			t.Errorf("%q: refused with %s %q in %q, want %s %q", c.field, got, e.Reason, e.Column, code, reason)
		}
	}
}

const null = `\N`

//
func TestIntegers(t *testing.T) {
	checkFields(t, copyload.Spec{}, copyload.Type{Kind: copyload.SmallInt}, []fieldCase{
		{"0", "0"}, {"-32768", "-32768"}, {"32767", "32767"}, {"+7", "+7"}, {"", null}, {"   ", null}, {`\N`, null},
		{"32768", "!1222 Overflow (Short valid range -32768 to 32767)"}, {"-32769", "!1222 Overflow (Short"},
		{"a", "!1207 Invalid digit, Value 'a', Pos 0, Type: Short"}, {"1.0", "!1207 Invalid digit, Value '.', Pos 1, Type: Short"},
		{"-", "!1207 Pos 1"}, {" 1", "!1207 Value ' ', Pos 0"}, {"1 ", "!1207 Value ' ', Pos 1"}, {"1\x012", `!1207 Value '\x01', Pos 1`}, {"1e3", "!1207 Value 'e'"},
	})
	checkFields(t, copyload.Spec{}, copyload.Type{Kind: copyload.Integer}, []fieldCase{
		{"2147483647", "2147483647"}, {"-2147483648", "-2147483648"},
		{"2147483648", "!1222 Overflow (Integer valid range -2147483648 to 2147483647)"},
		{"a", "!1207 Invalid digit, Value 'a', Pos 0, Type: Integer"},
	})
	checkFields(t, copyload.Spec{}, copyload.Type{Kind: copyload.BigInt}, []fieldCase{
		{"9223372036854775807", "9223372036854775807"}, {"-9223372036854775808", "-9223372036854775808"},
		{"9223372036854775808", "!1222 Overflow (Long valid range -9223372036854775808 to 9223372036854775807)"},
		{"-9223372036854775809", "!1222"}, {"18446744073709551616", "!1222"}, {"99999999999999999999999", "!1222"},
	})
}

//
func TestDecimals(t *testing.T) {
	plain := copyload.Type{Kind: copyload.Decimal, Precision: 8, Scale: 2}
	checkFields(t, copyload.Spec{}, plain, []fieldCase{
		{"20.259", "20.25"}, {"-20.259", "-20.25"}, {"1", "1"}, {".5", "0.5"}, {"5.", "5"}, {"+1.10", "1.10"}, {"", null},
		{"999999.99", "999999.99"}, {"999999.999", "999999.99"}, {"0001000000", "!1209 Overflow for NUMERIC(8,2)"}, {"-1000000", "!1209"},
		{"0000000001.5", "1.5"}, {"1e3", "!1207 Invalid digit, Value 'e', Pos 1, Type: Decimal"}, {".", "!1207 Pos 1"}, {"-", "!1207"},
		{"NaN", "!1207 Value 'N'"}, {"1.2.3", "!1207 Value '.', Pos 3"}, {"1,5", "!1207 Value ','"}, {" 1", "!1207"},
	})
	checkFields(t, copyload.Spec{RoundDec: true}, plain, []fieldCase{
		{"20.259", "20.26"}, {"20.254", "20.25"}, {"-20.255", "-20.26"}, {"9.999", "10.00"}, {"999999.995", "!1209"}, {"0.005", "0.01"},
	})
	checkFields(t, copyload.Spec{RoundDec: true}, copyload.Type{Kind: copyload.Decimal, Precision: 3}, []fieldCase{
		{"1.5", "2"}, {"998.5", "999"}, {"999.5", "!1209"}, {"1.4", "1"},
	})
	checkFields(t, copyload.Spec{}, copyload.Type{Kind: copyload.Decimal, Precision: 19}, []fieldCase{
		{"9223372036854775807", "9223372036854775807"}, {"9223372036854775808", "!1209 Overflow for NUMERIC(19,0)"}, {"-9223372036854775808", "!1209"},
	})
	checkFields(t, copyload.Spec{}, copyload.Type{Kind: copyload.Decimal, Precision: 19, Scale: 4}, []fieldCase{
		{"922337203685477.5807", "922337203685477.5807"}, {"922337203685477.5808", "!1209"}, {"922337203685478", "!1209"}, {"922337203685477", "922337203685477"},
	})
	checkFields(t, copyload.Spec{}, copyload.Type{Kind: copyload.Decimal, Precision: 20}, []fieldCase{
		{"9223372036854775808", "9223372036854775808"}, {"99999999999999999999", "99999999999999999999"}, {"100000000000000000000", "!1209"},
	})
	checkFields(t, copyload.Spec{}, copyload.Type{Kind: copyload.Decimal, Precision: 38, Scale: 37}, []fieldCase{
		{"9." + strings.Repeat("9", 40), "9." + strings.Repeat("9", 37)}, {"10", "!1209 Overflow for NUMERIC(38,37)"},
	})
}

//
func TestFloats(t *testing.T) {
	checkFields(t, copyload.Spec{}, copyload.Type{Kind: copyload.Double}, []fieldCase{
		{"1.5", "1.5"}, {"-.5", "-.5"}, {"5.", "5."}, {"1e308", "1e308"}, {"1.7976931348623157E+308", "1.7976931348623157E+308"}, {"", null},
		{"0e999", "0e999"}, {"1e309", "!1208 out of range, Type: Double"}, {"1e-400", "!1208 out of range"},
		{"NaN", "!1208 Invalid digit, Value 'N', Pos 0, Type: Double"}, {"Infinity", "!1208 Value 'I'"}, {"-inf", "!1208 Value 'i', Pos 1"},
		{"0x1p3", "!1208 Value 'x', Pos 1"}, {"1_0", "!1208"}, {"1e", "!1208 Pos 2"}, {"1e+", "!1208"}, {"1e5x", "!1208 Value 'x', Pos 3"}, {"1.2.3", "!1208"}, {".", "!1208"}, {" 1", "!1208"},
	})
	checkFields(t, copyload.Spec{}, copyload.Type{Kind: copyload.Real}, []fieldCase{
		{"3.4e38", "3.4e38"}, {"3.5e38", "!1208 out of range, Type: Real"}, {"1e-50", "!1208"}, {"nan", "!1208 Type: Real"},
	})
}

//
func TestLengthsInErrors(t *testing.T) {
	for want, typ := range map[string]copyload.Type{
		"int4 0":      {Kind: copyload.Integer},
		"numeric 5,2": {Kind: copyload.Decimal, Precision: 5, Scale: 2},
		"timestamp 0": {Kind: copyload.Timestamp},
		"char 1":      {Kind: copyload.Char, Length: 1},
		"varbyte 1":   {Kind: copyload.Varbyte, Length: 1},
	} {
		e := refusal(t, copyload.Spec{Format: copyload.CSV, Columns: []copyload.Column{ofType("c", typ)}}, "xyz\n")
		if got := e.Type + " " + e.ColLength; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

//
func TestBooleans(t *testing.T) {
	checkFields(t, copyload.Spec{}, copyload.Type{Kind: copyload.Boolean}, []fieldCase{
		{"t", "t"}, {"true", "t"}, {"TRUE", "t"}, {"y", "t"}, {"yes", "t"}, {"1", "t"}, {"f", "f"}, {"False", "f"}, {"n", "f"}, {"no", "f"}, {"0", "f"}, {"", null},
		{"on", "!1210 Unknown boolean format"}, {"2", "!1210"}, {"tru", "!1210"}, {" t", "!1210"},
	})
}

//
func TestCharacters(t *testing.T) {
	varchar := copyload.Type{Kind: copyload.Varchar, Length: 4}
	checkFields(t, copyload.Spec{}, varchar, []fieldCase{
		{"abcd", "abcd"}, {"é€", "!1204 String length exceeds DDL length"}, {"éé", "éé"}, {"𝄞", "𝄞"}, {"abcde", "!1204"}, {"abcd ", "!1204"},
		{"", ""}, {"  ", "  "}, {`\N`, null}, {"a\tb", `a\tb`}, {"a\nb", `a\nb`}, {"\r\\", `\r\\`}, {"\v\f\b", `\v\f\b`}, {`\.`, `\\.`},
		{"a\x00b", "!1218 Invalid null byte"}, {"\xa4", "!1220 Bad UTF8 hex sequence: a4 (error 3)"}, {"a\xff", "!1220 hex sequence: ff (error 3)"},
		{"\xc3", "!1220 c3 (error 2)"}, {"\xe2\x82", "!1220 e282 (error 2)"}, {"\xe2a", "!1220 e261 (error 4)"}, {"\xf8\x88", "!1220 f8 (error 1)"}, {"\xed\xa0\x80", "!1220 eda080 (error 4)"},
	})
	checkFields(t, copyload.Spec{TruncateColumns: true}, varchar, []fieldCase{{"abcde", "abcd"}, {"ééé", "éé"}, {"a€€", "a€"}, {"\xff\xff", "!1220"}})
	checkFields(t, copyload.Spec{EmptyAsNull: true}, varchar, []fieldCase{{"", null}, {" ", " "}, {"a", "a"}})
	checkFields(t, copyload.Spec{BlanksAsNull: true}, varchar, []fieldCase{{"", ""}, {" \t", null}, {" a", " a"}})
	checkFields(t, copyload.Spec{TrimBlanks: true}, varchar, []fieldCase{{"ab   ", "ab"}, {" a", " a"}, {"  ", ""}})
	checkFields(t, copyload.Spec{AcceptInvChars: '^'}, varchar, []fieldCase{{"a\xff", "a^"}, {"\xe2\x82", "^^"}, {"\uFDD0", "^^^"}, {"é", "é"}, {"\xff\xff\xff\xff\xff", "!1204"}})
	char := copyload.Type{Kind: copyload.Char, Length: 3}
	checkFields(t, copyload.Spec{}, char, []fieldCase{
		{"abc", "abc"}, {"abcd", "!1204 Char length exceeds DDL length"}, {"", ""}, {"\n", `\n`},
		{"é", "!1220 Multibyte character not supported for CHAR (Hint: try using VARCHAR). Invalid char: c3 a9"}, {"a\x00", "!1218"},
	})
	checkFields(t, copyload.Spec{TruncateColumns: true}, char, []fieldCase{{"abcd", "abc"}})
	checkFields(t, copyload.Spec{TrimBlanks: true}, char, []fieldCase{{"a  ", "a  "}})
	checkFields(t, copyload.Spec{AcceptInvChars: '?'}, char, []fieldCase{{"\xff", "!1220"}})
}

//
func TestSuper(t *testing.T) {
	object := func(n, last int) string {
		text := "{"
		for i := range n {
			text += fmt.Sprintf(`"k%d":1,`, i)
		}
		return text + fmt.Sprintf(`"k%d":1}`, last)
	}
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	checkFields(t, copyload.Spec{}, copyload.Type{Kind: copyload.Super}, []fieldCase{
		{`{"a": [1, "x\n"]}`, `{"a": [1, "x\\n"]}`}, {` "bare" `, `"bare"`}, {"null", "null"}, {"1e400", "1e400"}, {"", null}, {`"\\u0000"`, `"\\\\u0000"`},
		{"bare", "!1224 invalid JSON"}, {`{"a":}`, "!1224"}, {`{} {}`, "!1224"}, {"\"\xff\"", "!1220"}, {`"\u0000"`, `!1224 \u0000`},
		{`{"a":1,"b":{"a":"a"},"c":["a","a",{"a":1}]}`, `{"a":1,"b":{"a":"a"},"c":["a","a",{"a":1}]}`}, {`{"a":1,"a":2}`, "!1224 twice"},
		{`[{"b":{"a":{},"\u0061":2}}]`, "!1224 twice"}, {object(20, 21), object(20, 21)}, {object(20, 3), "!1224 twice"},
		{deep(1000), deep(1000)}, {deep(1001), "!1224 nested deeper"},
		{quoted(strings.Repeat("x", 65535)), quoted(strings.Repeat("x", 65535))}, {`["` + strings.Repeat("x", 65536) + `"]`, "!1224 max size of 65535 bytes"},
		{`"` + strings.Repeat(`\u20ac`, 21846) + `"`, "!1224 max size"}, {`"` + strings.Repeat(`\ud834\udd1e`, 16384) + `"`, "!1224 max size"},
		{`"` + strings.Repeat(`\u0041`, 65535) + `"`, `"` + strings.Repeat(`\\u0041`, 65535) + `"`},
	})
}

//
func TestBinary(t *testing.T) {
	checkFields(t, copyload.Spec{}, copyload.Type{Kind: copyload.Varbyte, Length: 3}, []fieldCase{
		{"00ffAB", `\\x00ffAB`}, {"", null}, {"00ffAB00", "!1204 Varbyte length"}, {"0", "!1207 Type: Varbyte"}, {"0g", "!1207 Value 'g', Pos 1"}, {`\x00`, "!1207"},
	})
	for _, kind := range []copyload.Kind{copyload.Geometry, copyload.Geography} {
		checkFields(t, copyload.Spec{}, copyload.Type{Kind: kind}, []fieldCase{{"0101000000", "0101000000"}, {"POINT(0 0)", "!1207"}, {"010", "!1207"}})
	}
}
