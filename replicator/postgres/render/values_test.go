package render_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
)

// spec is a type and values of it.
type spec struct {
	declared string
	hostile  []string                // as text
	random   func(*rand.Rand) []byte // in binary
	text     bool                    // random gives text
}

func specs(major int) []spec {
	all := append(append(append(numbers(), texts(major)...), moments(major)...), others()...)
	return append(all, arrays()...)
}

// of gives n random bytes.
func of(n int) func(*rand.Rand) []byte {
	return func(r *rand.Rand) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
}

// small gives a number of n bytes, of any magnitude.
func small(n int) func(*rand.Rand) []byte {
	return func(r *rand.Rand) []byte {
		b := binary.BigEndian.AppendUint64(nil, uint64(int64(r.Uint64())>>r.IntN(64)))
		return b[8-n:]
	}
}

func eight(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }
func four(n int32) []byte  { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

func numbers() []spec {
	return []spec{
		{declared: "bool", hostile: []string{"t", "f"}, random: func(r *rand.Rand) []byte { return []byte{byte(r.IntN(2))} }},
		{declared: "int2", hostile: []string{"-32768", "32767", "0"}, random: small(2)},
		{declared: "int4", hostile: []string{"-2147483648", "2147483647", "0"}, random: small(4)},
		{declared: "int8", hostile: []string{"-9223372036854775808", "9223372036854775807", "0"}, random: small(8)},
		{declared: "oid", hostile: []string{"4294967295", "0"}, random: small(4)},
		{declared: "xid", hostile: []string{"4294967295", "0"}, random: small(4)},
		{declared: "cid", hostile: []string{"4294967295", "0"}, random: small(4)},
		{declared: "xid8", hostile: []string{"18446744073709551615", "0"}, random: small(8)},
		{declared: "float4", hostile: []string{
			"0", "-0", "NaN", "Infinity", "-Infinity", "1", "0.1", "1e-45", "1.17549435e-38", "1.1754942e-38", "3.40282347e+38", "123456", "999999", "999999.94", "1e6", "-1e6", "1000001",
			"0.0001", "0.00009999999", "0.00010000001", "1e5", "8388608", "16777216", "33554432", "4194304", "4194304.5", "1e10", "5e10", "9.5e9", "1e-5", "1.5e-5", "0.00024414062", "0.00012207031", "1.5258789e-05", "5.9604645e-08",
		}, random: anyFloat4},
		{declared: "float8", hostile: []string{
			"0", "-0", "NaN", "Infinity", "-Infinity", "1", "0.1", "0.30000000000000004", "5e-324", "2.2250738585072014e-308", "2.225073858507201e-308", "1.7976931348623157e+308",
			"1e14", "999999999999999", "999999999999999.9", "1e15", "1000000000000001", "123456789012345", "1e16", "0.0001", "0.00009999999999999999", "0.00010000000000000002", "1e-5",
			"1e21", "1e22", "1e23", "-1e23", "9.999999999999999e22", "1.0000000000000001e23", "9007199254740991", "9007199254740992", "9007199254740993", "9007199254740994", "4503599627370496.5", "4503599627370497.5",
			"2251799813685248.25", "1125899906842624.125", "18014398509481984", "36028797018963968", "1152921504606846976", "9223372036854775807", "5e15", "2e-300", "1e39", "1e40", "5.960464477539063e-08", "8.41e21", "9.5e23", "5.0e24",
		}, random: anyFloat8},
		{declared: "numeric", hostile: []string{
			"0", "0.0", "-0", "0.00", "1", "-1", "10000", "9999", "0.0001", "0.00001", "1.10", "100000000", "1000000000000", "0.1234567890123456789", "NaN", "1e300", "1e-300", "1.50e-5", "-0.5", "12345.6789",
			"1" + strings.Repeat("0", 1000), "0." + strings.Repeat("0", 1000) + "1", "99999999.99999999", "10000.0001", "Infinity", "-Infinity", "1e131071", "1e-16383",
		}, random: anyNumeric},
		{declared: "price", hostile: []string{"1.5", "-99999.99", "0"}, random: func(r *rand.Rand) []byte { return fmt.Appendf(nil, "%.2f", r.Float64()*99999) }, text: true},
		{declared: "dear", hostile: []string{"2.25"}, random: func(r *rand.Rand) []byte { return fmt.Appendf(nil, "%.2f", 3+r.Float64()*9999) }, text: true},
		{declared: "money", hostile: []string{"-92233720368547758.08", "92233720368547758.07", "0", "0.05", "-0.01", "999.99", "1000", "-1000000"}, random: small(8)},
	}
}

// anyFloat4 is any number, or one around a power of ten or two, where printing is hard.
func anyFloat4(r *rand.Rand) []byte {
	f := math.Float32bits(float32(math.Pow(10, float64(r.IntN(84)-45)))) + uint32(r.IntN(5)) - 2
	switch r.IntN(5) {
	case 3:
		f = math.Float32bits(float32(1+r.IntN(1<<r.IntN(25))) / float32(int(1)<<r.IntN(30))) // where two decimals are equally near
	case 0:
		f = math.Float32bits(float32(r.IntN(1 << 30)))
	case 1:
		f = uint32(r.IntN(255))<<23 + uint32(r.IntN(3)) - 1
	case 2:
		f = r.Uint32()
	}
	return four(int32(f))
}

func anyFloat8(r *rand.Rand) []byte {
	f := math.Float64bits(math.Pow(10, float64(r.IntN(632)-323))) + uint64(r.IntN(5)) - 2
	switch r.IntN(6) {
	case 4:
		f = math.Float64bits(float64(r.Uint64()>>(10+r.IntN(54))) / float64(int(1)<<r.IntN(40)))
	case 0:
		f = math.Float64bits(float64(int64(r.Uint64()) >> r.IntN(64)))
	case 1:
		f = uint64(r.IntN(2047))<<52 + uint64(r.IntN(3)) - 1
	case 2:
		f = r.Uint64()
	case 3:
		f = math.Float64bits(float64(r.IntN(1e6)) * math.Pow(10, float64(r.IntN(50)))) // where a middle is a short decimal
	}
	return eight(int64(f))
}

// anyNumeric is a numeric of a few digits to the base 10,000, as the server keeps it:
// without zeros at either end, and with no digit behind the scale.
func anyNumeric(r *rand.Rand) []byte {
	count, weight := r.IntN(6), r.IntN(12)-5
	var b []byte
	for i := range count {
		n := uint16(r.IntN(10000))
		if i == 0 || i == count-1 {
			n = 1 + uint16(r.IntN(9999))
		}
		b = binary.BigEndian.AppendUint16(b, n)
	}
	scale := max(0, 4*(count-weight-1)) + r.IntN(4)
	if count == 0 {
		weight = 0
		scale = r.IntN(8)
	}
	head := binary.BigEndian.AppendUint16(nil, uint16(count))
	head = binary.BigEndian.AppendUint16(head, uint16(int16(weight)))
	head = binary.BigEndian.AppendUint16(head, uint16(r.IntN(2)*min(count, 1)*0x4000))
	head = binary.BigEndian.AppendUint16(head, uint16(scale))
	return append(head, b...)
}

// hostileTexts are what breaks readers and writers of text.
var hostileTexts = []string{
	"", " ", "a ", " a", `"`, `""`, `'`, `\`, `\N`, `\.`, `\\`, ",", ";", "\n", "\r\n", "\t", "\v", "\f", "NULL", "null", "Null", "{}", "{", "}", "\ufeff", "é", "e\u0301", "😀", "\u202e", "\x01\x7f", "\u2028", "\u00a0", "\u0085",
	"$1", "%s", "=1+1", "@null", "\ufdd0", "\U0010ffff", "ſ", "İ", strings.Repeat(`"`, 39), strings.Repeat("é", 300),
}

func anyText(r *rand.Rand) []byte {
	var b []byte
	for range r.IntN(4) {
		b = append(b, hostileTexts[r.IntN(len(hostileTexts))]...)
	}
	return b
}

func texts(major int) []spec {
	letters := []string{"r", "", " ", `\`, `"`}
	if major >= 16 {
		letters = append(letters, `\377`, `\200`, "é")
	}
	moods := func(r *rand.Rand) []byte {
		return []byte([]string{"so so", "sehr glücklich", `"quoted", 'and all'`}[r.IntN(3)])
	}
	document := func(r *rand.Rand) []byte {
		return fmt.Appendf(nil, `{"k%d": [%d, null, "\u00e9\n%d"], "k": %d.50 }`, r.IntN(9), int32(r.Uint32()), r.IntN(99), r.IntN(99))
	}
	return []spec{
		{declared: "text", hostile: hostileTexts, random: anyText},
		{declared: "varchar", hostile: hostileTexts, random: anyText},
		{declared: "varchar(400)", hostile: hostileTexts, random: anyText, text: true},
		{declared: "char(400)", hostile: hostileTexts, random: anyText, text: true},
		{declared: "bpchar", hostile: hostileTexts, random: anyText},
		{declared: "name", hostile: []string{"", "n", "öäü", `"`}, random: func(r *rand.Rand) []byte { return fmt.Appendf(nil, "ö%x", r.Uint64()) }, text: true},
		{declared: `"char"`, hostile: letters, random: func(r *rand.Rand) []byte { return []byte{byte(r.IntN(128))} }},
		{declared: "mood", hostile: []string{"so so", "sehr glücklich", `"quoted", 'and all'`}, random: moods},
		{declared: "moods", hostile: []string{"so so"}, random: moods, text: true},
		{declared: "json", hostile: []string{`{"a": "\u0000", "a": 1.10}`, " [1,2 ] ", `"é"`}, random: document},
		{declared: "jsonb", hostile: []string{`"x"`, "null", `{"b":1,"a":[null]}`, "1.50", `"é\"\\"`}, random: func(r *rand.Rand) []byte { return append([]byte{1}, document(r)...) }},
		{declared: "uuid", hostile: []string{"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"}, random: of(16)},
		{declared: "bytea", hostile: []string{`\x`, `\x00`, `\xdeadbeef`}, random: func(r *rand.Rand) []byte { return of(r.IntN(40))(r) }},
	}
}

func moments(major int) []spec {
	moment := func(r *rand.Rand) []byte { // 4713 BC to 294276
		v := r.Int64N(9223371331200000000)
		switch r.IntN(4) {
		case 0:
			v = -r.Int64N(211813488000000000)
		case 1, 2:
			v = max(int64(r.Uint64())>>(5+r.IntN(50))*1000-int64(r.IntN(2)), -211813488000000000)
		}
		return eight(v)
	}
	stamps := []string{
		"0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", "2024-02-29 24:00:00", "10000-01-01 00:00:00", "0001-12-31 23:59:59 BC", "infinity", "-infinity", "294276-12-31 23:59:59.999999", "4713-01-01 00:00:00 BC", "4714-11-24 00:00:00 BC",
		"1999-12-31 23:59:59.999999", "2000-01-01 00:00:00", "1970-01-01 00:00:00.1", "2026-11-25 01:02:03.000001", "2026-11-25 01:02:03.100000", "1600-02-29 12:00", "1900-03-01", "2000-02-29", "0005-02-29 BC", "0044-03-15 12:00 BC", "0001-12-31 BC",
	}
	clocks := func(r *rand.Rand) []byte { return eight(r.Int64N(86400000000+1) / int64(math.Pow10(r.IntN(7)))) }
	all := []spec{
		{declared: "date", hostile: []string{"0001-01-01", "9999-12-31", "2024-02-29", "10000-01-01", "5874897-12-31", "0001-12-31 BC", "4713-01-01 BC", "4714-11-24 BC", "infinity", "-infinity", "2000-01-01", "1999-12-31", "2000-02-29", "2000-03-01", "1900-02-28"},
			random: func(r *rand.Rand) []byte {
				if r.IntN(2) == 0 {
					return four(r.Int32N(800_000) - 740_000)
				}
				return four(r.Int32N(2145031948+2451544) - 2451544)
			}},
		{declared: "timestamp", hostile: stamps, random: moment},
		{declared: "timestamptz", hostile: append(stamps, "1890-01-01 00:00:00.5 Europe/Berlin"), random: moment},
		{declared: "time", hostile: []string{"00:00:00", "24:00:00", "23:59:59.999999", "00:00:00.000001", "10:00:00.5"}, random: clocks},
		{declared: "timetz", hostile: []string{"10:00:00+00", "11:00:00+01", "24:00:00-05:30", "10:00:00+00:53:28", "00:10:00.5-00:53:28", "23:00:00-07:52:58", "00:00:00+15:59:59", "00:00:00-15:59:59", "1:00+00:00:01", "1:00-00:30"},
			random: func(r *rand.Rand) []byte { return append(clocks(r), four(r.Int32N(2*57599+1)-57599)...) }},
	}
	spans := []string{
		"1 day", "24 hours", "0", "-1 month", "1 year -1 month", "-0.000001 seconds", "1.5 seconds", "-61.5 seconds", "-3600 seconds", "59:59.999999", "1 mon -1 day 0.1 s", "-00:01:00", "-0.5 s",
	}
	if major >= 15 {
		spans = append(spans, "178956970 years 7 mons 2147483647 days 2562047788:00:54.775806", "-178956970 years -8 mons -2147483648 days -2562047788:00:54.775807")
	}
	if major >= 17 {
		spans = append(spans, "infinity", "-infinity")
	}
	return append(all, spec{declared: "interval", hostile: spans, random: func(r *rand.Rand) []byte {
		b := append(eight(int64(r.Uint64())>>(2+r.IntN(62))), four(int32(r.Uint32())>>r.IntN(32))...)
		return append(b, four(int32(r.Uint32())>>r.IntN(32))...)
	}})
}

func others() []spec {
	addresses := []string{
		"0.0.0.0", "255.255.255.255", "10.0.0.1/8", "::", "::1", "::/0", "1::", "::ffff:255.255.255.255/127", "::ffff:1.2.3.4", "::1.2.3.4", "::0.0.0.1", "::0.0.1.0", "1:0:0:2:0:0:0:3", "1:0:0:2:3:0:0:4", "1:0:2:3:4:5:6:7", "0:1:2:3:4:5:6:7", "1:2:3:4:5:6:7:0", "1:2:3:4:5:6::", "::fffe:1.2.3.4", "::1:ffff:1.2.3.4", "fe80::1/64",
	}
	address := func(cidr byte) func(*rand.Rand) []byte {
		return func(r *rand.Rand) []byte {
			if r.IntN(2) == 0 {
				mask := r.IntN(33)
				b := of(4)(r)
				return append([]byte{2, byte(mask), cidr, 4}, masked(b, mask, cidr)...)
			}
			mask := r.IntN(129)
			b := of(16)(r)
			for i := range 8 { // zeros are what is hard
				switch r.IntN(5) {
				case 0, 1, 2:
					b[2*i], b[2*i+1] = 0, 0
				case 3:
					b[2*i], b[2*i+1] = 0xff, 0xff
				}
			}
			return append([]byte{3, byte(mask), cidr, 16}, masked(b, mask, cidr)...)
		}
	}
	anyBits := func(r *rand.Rand) []byte {
		n := r.IntN(40)
		b := of((n + 7) / 8)(r)
		if n%8 > 0 {
			b[len(b)-1] &= 0xff << (8 - n%8)
		}
		return append(four(int32(n)), b...)
	}
	return []spec{
		{declared: "inet", hostile: addresses, random: address(0)},
		{declared: "cidr", hostile: []string{"10.0.0.0/8", "::/0", "1.2.3.4", "::ffff:0:0/96", "2001:db8::/32", "::1/128"}, random: address(1)},
		{declared: "macaddr", hostile: []string{"08:00:2b:01:02:03"}, random: of(6)},
		{declared: "macaddr8", hostile: []string{"08:00:2b:01:02:03:04:05"}, random: of(8)},
		{declared: "varbit", hostile: []string{"", "1", "101", "00000000", "111111111"}, random: anyBits},
		{declared: "bit(11)", hostile: []string{"10101010101"}, random: func(r *rand.Rand) []byte { return fmt.Appendf(nil, "%011b", r.IntN(1<<11)) }, text: true},
	}
}

// masked clears the bits that a cidr may not have.
func masked(b []byte, mask int, cidr byte) []byte {
	for i := mask; cidr == 1 && i < 8*len(b); i++ {
		b[i/8] &^= 0x80 >> (i % 8)
	}
	return b
}

// arrays are given as text: one of each kind of element that may need quotes.
func arrays() []spec {
	quoted := func(r *rand.Rand) string {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(string(anyText(r))) + `"`
	}
	return []spec{
		{declared: "int4[]", hostile: []string{"{}", "{1,NULL,3}", "[0:1][3:3]={{1},{NULL}}", "{{1,2},{3,4}}", "{{{1}},{{2}}}", "[-5:-4]={1,2}", "{{{{{{1,2}}}}}}"}, text: true,
			random: func(r *rand.Rand) []byte {
				return fmt.Appendf(nil, "[%[1]d:%[1]d][2:3]={{%[2]d,NULL}}", r.IntN(3), r.IntN(9))
			}},
		{declared: "text[]", hostile: []string{`{"a,b",NULL,"NULL","q\"\\","",é}`, `{" "," a",a\ ,"{","}",null,"null","\t"}`, "{a}"}, text: true,
			random: func(r *rand.Rand) []byte { return []byte("{NULL," + quoted(r) + "," + quoted(r) + "}") }},
		{declared: "timestamptz[]", hostile: []string{`{"2026-11-25 01:02:03+00",NULL,infinity}`}, text: true, random: func(r *rand.Rand) []byte {
			return fmt.Appendf(nil, `{"%04d-01-01 00:00:00.%d"}`, 1+r.IntN(9999), r.IntN(1e6))
		}},
		{declared: "numeric(5,2)[]", hostile: []string{"{1,NaN,-0.5}"}, text: true, random: func(r *rand.Rand) []byte { return fmt.Appendf(nil, "{%d,NULL}", r.IntN(900)) }},
		{declared: "jsonb[]", hostile: []string{`{"{\"a\": [1]}","[]",null}`}, text: true, random: func(r *rand.Rand) []byte { return fmt.Appendf(nil, `{"{\"k\": %d}"}`, r.IntN(900)) }},
		{declared: "bytea[]", hostile: []string{`{"\\x00","\\x"}`}, text: true, random: func(r *rand.Rand) []byte { return fmt.Appendf(nil, `{"\\x%02x"}`, r.IntN(256)) }},
		{declared: `"char"[]`, hostile: []string{`{a,"",",","\\"}`}, text: true, random: func(r *rand.Rand) []byte { return fmt.Appendf(nil, `{%c}`, 'a'+r.IntN(26)) }},
	}
}
