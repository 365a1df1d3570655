package e2e

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
)

// valueSpec is a type of the source, and what is expected of its values in the source's
// own SQL. Nothing here asks the code that writes them. In the SQL, v is the column.
type valueSpec struct {
	name, declared string
	as             string // another type in Redshift, chosen by the config
	fits           string // a condition for values that pass unchanged; empty: all do
	becomes        string // the text in the warehouse; empty: as the source prints it
	in, out        []string
	random         func(*rand.Rand) string
	key            bool // it may be part of a key
}

// settings are those that decide how the source prints values.
const settings = `SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'iso_8601'; SET extra_float_digits = 1; SET bytea_output = 'hex'; SET lc_monetary = 'C'; `

// textCut cuts a text between characters: it goes back from the limit to where a
// character begins.
const textCut = `CREATE FUNCTION cut(v text, most int) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
	DECLARE b bytea := convert_to(v, 'UTF8'); n int := most;
	BEGIN
		IF octet_length(b) <= most THEN RETURN v; END IF;
		WHILE get_byte(b, n) & 192 = 128 LOOP n := n - 1; END LOOP;
		RETURN convert_from(substring(b FROM 1 FOR n), 'UTF8');
	END $$`

// geometryType makes a type that stands for PostGIS's on a server without it: a type of
// that name from an extension, which prints hexadecimal digits.
var geometryType = []string{
	"CREATE TYPE geometry",
	"CREATE FUNCTION geometry_in(cstring) RETURNS geometry LANGUAGE internal IMMUTABLE STRICT AS 'textin'",
	"CREATE FUNCTION geometry_out(geometry) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout'",
	"CREATE TYPE geometry (INPUT = geometry_in, OUTPUT = geometry_out, LIKE = text)",
}

// valueTypes are the types that the tables below need.
var valueTypes = append([]string{
	textCut,
	`CREATE TYPE mood AS ENUM ('so so', 'sehr glücklich', '"quoted", ''and all''')`,
	"CREATE TYPE address AS (street text, number integer, floors integer[])",
	"CREATE DOMAIN price AS numeric(7,2) CHECK (VALUE > -10000)",
	"CREATE DOMAIN dear AS price CHECK (VALUE > -9000)",
}, geometryType...)

// clampDate and clampMoment are the SQL of what dates and moments become, including those
// that are out of range.
const (
	clampDate   = `CASE WHEN NOT isfinite(v) THEN NULL WHEN v > '9999-12-31' THEN '9999-12-31' WHEN v < '0001-01-01' THEN '0001-01-01' ELSE v::text END`
	clampMoment = `CASE WHEN NOT isfinite(v) THEN NULL WHEN v >= '10000-01-01' THEN '9999-12-31 23:59:59.999999%[1]s' WHEN v < '0001-01-01' THEN '0001-01-01 00:00:00%[1]s' ELSE v::text END`
	momentFits  = `(isfinite(v) AND v >= '0001-01-01' AND v < '10000-01-01')`
)

// nearest returns what a binary floating-point number becomes: a subnormal one becomes
// zero or the smallest normal one, whichever is nearer.
func nearest(declared, smallest string) string {
	return fmt.Sprintf(`CASE WHEN v = 'NaN' OR v IN ('Infinity', '-Infinity') THEN NULL
		WHEN v <> 0 AND abs(v) < '%[2]s'::%[1]s THEN (CASE WHEN abs(v)::float8 < '%[2]s'::float8 / 2 THEN (v * 0)::%[1]s ELSE sign(v)::%[1]s * '%[2]s'::%[1]s END)::text ELSE v::text END`, declared, smallest)
}

func floatFits(declared, smallest string) string {
	return fmt.Sprintf(`(v <> 'NaN' AND v NOT IN ('Infinity', '-Infinity') AND (v = 0 OR abs(v) >= '%s'::%s))`, smallest, declared)
}

// valueSpecs returns all types. Those of extensions are included if the source has them.
func valueSpecs(extensions map[string]bool) []valueSpec {
	specs := append(append(append(numberSpecs(), textSpecs()...), timeSpecs()...), structureSpecs()...)
	for _, s := range []valueSpec{
		{name: "hstore", declared: "hstore", in: []string{`"a"=>"1", "b"=>NULL`, `"q\"\\"=>""`, ""}, random: func(r *rand.Rand) string {
			return fmt.Sprintf(`"%d"=>%s, "k"=>NULL`, r.IntN(9), quotedBy(anyText(r)))
		}},
		{name: "citext", declared: "citext", key: true, fits: "(octet_length(v::text) <= 65535)", becomes: "cut(v::text, 65535)", in: []string{"Ä", "ä", "A b"}, random: anyText},
		{name: "ltree", declared: "ltree", key: true, in: []string{"Top.Science", "", "a.b_1"}, random: func(r *rand.Rand) string { return fmt.Sprintf("Top.x%d.Y", r.IntN(1000)) }},
	} {
		if extensions[s.declared] {
			specs = append(specs, s)
		}
	}
	return specs
}

func numberSpecs() []valueSpec {
	return []valueSpec{
		{name: "boolean", declared: "boolean", key: true, in: []string{"t", "f"}, random: func(r *rand.Rand) string { return []string{"t", "f"}[r.IntN(2)] }},
		{name: "smallint", declared: "smallint", key: true, in: []string{"-32768", "32767"}, random: func(r *rand.Rand) string { return fmt.Sprint(int16(r.Uint32())) }},
		{name: "integer", declared: "integer", as: "DECIMAL(12,2)", becomes: "v::numeric(12,2)::text", in: []string{"-2147483648", "2147483647"}, random: func(r *rand.Rand) string { return fmt.Sprint(int32(r.Uint32())) }},
		{name: "bigint", declared: "bigint", key: true, in: []string{"-9223372036854775808", "9223372036854775807", "0"}, random: func(r *rand.Rand) string { return fmt.Sprint(int64(r.Uint64() >> r.IntN(64))) }},
		{name: "oid4", declared: "oid", key: true, in: []string{"4294967295"}, random: func(r *rand.Rand) string { return fmt.Sprint(r.Uint32()) }},
		{name: "xid8", declared: "xid8", in: []string{"18446744073709551615"}, random: func(r *rand.Rand) string { return fmt.Sprint(r.Uint64()) }},
		{name: "real", declared: "real", key: true, fits: floatFits("real", "1.1754944e-38"), becomes: nearest("real", "1.1754944e-38"),
			in: []string{"-0", "3.4028235e+38", "1.1754944e-38", "0.1"}, out: []string{"NaN", "-Infinity", "1e-45", "-1.1e-38"},
			random: func(r *rand.Rand) string { return odd(r, fmt.Sprint(math.Float32frombits(r.Uint32()))) }},
		{name: "double", declared: "double precision", key: true, fits: floatFits("float8", "2.2250738585072014e-308"), becomes: nearest("float8", "2.2250738585072014e-308"),
			in: []string{"-0", "1.7976931348623157e+308", "2.2250738585072014e-308", "1e-05"}, out: []string{"NaN", "Infinity", "-Infinity", "5e-324", "-2e-308"},
			random: func(r *rand.Rand) string { return odd(r, fmt.Sprint(math.Float64frombits(r.Uint64()))) }},
		{name: "numeric52", declared: "numeric(5,2)", key: true, fits: "(v <> 'NaN')", becomes: "CASE WHEN v <> 'NaN' THEN v::text END",
			in: []string{"-999.99", "0", "1.5"}, out: []string{"NaN"}, random: func(r *rand.Rand) string { return odd(r, fmt.Sprintf("%.2f", r.Float64()*1998-999)) }},
		{name: "numeric19", declared: "numeric(19,0)", key: true, in: []string{"9999999999999999999"}, random: func(r *rand.Rand) string { return fmt.Sprint(r.Uint64() / 2) }},
		{name: "numeric", declared: "numeric", key: true, in: []string{"1.1", "NaN", "1e300", "1.10"}, random: anyNumeric},
		{name: "amount", declared: "numeric", as: "DECIMAL(12,3)", key: true, fits: "(v <> 'NaN' AND abs(v) <= 999999999.999 AND v = round(v, 3))",
			becomes: "CASE WHEN v NOT IN ('NaN', 'Infinity', '-Infinity') THEN round(greatest(-999999999.999, least(999999999.999, round(v, 3))), 3)::text END",
			in:      []string{"1.5", "999999999.999", "-999999999.999", "0.0010"}, out: []string{"NaN", "Infinity", "1e9", "-1e30", "0.0005", "-0.00049", "999999999.9995"}, random: anyNumeric},
		{name: "money", declared: "money", in: []string{"-92233720368547758.08", "0.05"}, random: func(r *rand.Rand) string { return fmt.Sprintf("%d.%02d", int32(r.Uint32()), r.IntN(100)) }},
		{name: "cents", declared: "money", as: "DECIMAL(20,2)", becomes: "v::numeric(20,2)::text", in: []string{"-92233720368547758.08", "1234567.05"}, random: func(r *rand.Rand) string { return fmt.Sprint(int32(r.Uint32())) }},
		{name: "price", declared: "price", key: true, in: []string{"1.5", "-9999.99"}, random: func(r *rand.Rand) string { return fmt.Sprintf("%.2f", r.Float64()*9999) }},
		{name: "dear", declared: "dear", in: []string{"2.25"}, random: func(r *rand.Rand) string { return fmt.Sprintf("%.2f", r.Float64()*9000) }},
	}
}

func textSpecs() []valueSpec {
	long := strings.Repeat("é", 32767)
	return []valueSpec{
		{name: "text", declared: "text", fits: "(octet_length(v) <= 65535)", becomes: "cut(v, 65535)",
			in: []string{"", " ", "a ", `\N`, `"`, long + "x", strings.Repeat("😀", 16383)}, out: []string{long + "xy", "abc" + strings.Repeat("😀", 16384), strings.Repeat("x", 65536)}, random: anyText},
		{name: "note", declared: "text", as: "VARCHAR(40)", key: true, fits: "(octet_length(v) <= 40)", becomes: "cut(v, 40)",
			in: []string{"", "a", "a ", "a  ", strings.Repeat("é", 20)}, out: []string{strings.Repeat("é", 20) + "x", "a" + strings.Repeat("😀", 10), strings.Repeat(" ", 41)}, random: anyText},
		{name: "varchar", declared: "varchar(10)", key: true, in: []string{strings.Repeat("😀", 10), "x "}, random: func(r *rand.Rand) string { return firstRunes(anyText(r), 10) }},
		{name: "char", declared: "char(6)", key: true, in: []string{"é", "", "abcdef"}, random: func(r *rand.Rand) string { return firstRunes(anyText(r), 6) }},
		{name: "name", declared: "name", in: []string{"n", "öäü"}, random: func(r *rand.Rand) string { return firstRunes(anyText(r), 10) }},
		{name: "letter", declared: `"char"`, in: []string{"r", ""}, random: func(r *rand.Rand) string { return string(rune('a' + r.IntN(26))) }},
		{name: "uuid", declared: "uuid", key: true, in: []string{"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}, random: func(r *rand.Rand) string { return fmt.Sprintf("%016x%016x", r.Uint64(), r.Uint64()) }},
		{name: "bytea", declared: "bytea", key: true, fits: "(octet_length(v) > 0)", becomes: "nullif(encode(v, 'hex'), '')", in: []string{`\x00`, `\xdeadbeef`, `\x00ff00`}, out: []string{`\x`}, random: anyBytes},
		{name: "blob", declared: "bytea", as: "VARBYTE(8)", fits: "(octet_length(v) BETWEEN 1 AND 8)", becomes: "CASE WHEN octet_length(v) BETWEEN 1 AND 8 THEN encode(v, 'hex') END", in: []string{`\x0102030405060708`}, out: []string{`\x010203040506070809`}, random: anyBytes},
		{name: "json", declared: "json", in: []string{`{"a": "\u0000", "a": 1.10}`, "[1,2 ]"}, random: anyJSON},
		{name: "jsonb", declared: "jsonb", as: "VARCHAR(60)", fits: "(octet_length(v::text) <= 60)", becomes: "CASE WHEN octet_length(v::text) <= 60 THEN v::text END", in: []string{`"x"`, "null", `{"b":1,"a":[null]}`}, out: []string{`"` + strings.Repeat("x", 60) + `"`}, random: anyJSON},
		{name: "varbit", declared: "varbit", key: true, in: []string{"", "101"}, random: func(r *rand.Rand) string { return fmt.Sprintf("%b", r.Uint32()) }},
		{name: "inet", declared: "inet", key: true, in: []string{"::ffff:255.255.255.255/127", "10.0.0.1/8"}, random: func(r *rand.Rand) string { return fmt.Sprintf("10.%d.%d.%d", r.IntN(256), r.IntN(256), r.IntN(256)) }},
		{name: "macaddr", declared: "macaddr", in: []string{"08:00:2b:01:02:03"}, random: func(r *rand.Rand) string { return fmt.Sprintf("%012x", r.Uint64()>>16) }},
		{name: "macaddr8", declared: "macaddr8", in: []string{"08:00:2b:01:02:03:04:05"}, random: func(r *rand.Rand) string { return fmt.Sprintf("%016x", r.Uint64()) }},
	}
}

func timeSpecs() []valueSpec {
	moment := func(r *rand.Rand) string {
		return odd(r, fmt.Sprintf("%04d-%02d-%02d %02d:%02d:%02d.%06d", 1+r.IntN(12000), 1+r.IntN(12), 1+r.IntN(28), r.IntN(25)%24, r.IntN(60), r.IntN(60), r.IntN(1e6)), "infinity", "-infinity", "0044-03-15 00:00:00 BC", "294276-12-31 23:59:59.999999")
	}
	moments, notMoments := []string{"0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", "2024-02-29 24:00:00"}, []string{"10000-01-01 00:00:00", "9999-12-31 24:00:00", "0001-12-31 23:59:59 BC", "infinity", "-infinity", "294276-12-31 23:59:59.999999", "4713-01-01 00:00:00 BC"}
	clock := func(r *rand.Rand) string {
		return fmt.Sprintf("%02d:%02d:%02d.%06d", r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1e6))
	}
	return []valueSpec{
		{name: "date", declared: "date", key: true, fits: momentFits, becomes: clampDate, in: []string{"0001-01-01", "9999-12-31", "2024-02-29"},
			out: []string{"10000-01-01", "5874897-12-31", "0001-12-31 BC", "4713-01-01 BC", "infinity", "-infinity"}, random: func(r *rand.Rand) string {
				return odd(r, fmt.Sprintf("%04d-%02d-%02d", 1+r.IntN(12000), 1+r.IntN(12), 1+r.IntN(28)), "infinity", "0044-03-15 BC")
			}},
		{name: "timestamp", declared: "timestamp", key: true, fits: momentFits, becomes: fmt.Sprintf(clampMoment, ""), in: moments, out: notMoments, random: moment},
		{name: "timestamptz", declared: "timestamptz", key: true, fits: momentFits, becomes: fmt.Sprintf(clampMoment, "+00"), in: moments, out: notMoments, random: moment},
		{name: "utc", declared: "timestamptz", as: "TIMESTAMP", fits: momentFits, becomes: "(SELECT " + fmt.Sprintf(clampMoment, "") + " FROM (SELECT v AT TIME ZONE 'UTC' AS v) AS utc)", in: moments, out: notMoments, random: moment},
		{name: "time", declared: "time", key: true, in: []string{"00:00:00", "24:00:00", "23:59:59.999999"}, random: clock},
		{name: "timetz", declared: "timetz", key: true, fits: "(extract(timezone FROM v)::int % 60 = 0)", becomes: "CASE WHEN extract(timezone FROM v)::int % 60 = 0 THEN v::text ELSE (v AT TIME ZONE 'UTC')::text END",
			in: []string{"10:00:00+00", "11:00:00+01", "24:00:00-05:30"}, out: []string{"10:00:00+00:53:28", "00:10:00.5+00:53:28", "23:00:00-07:52:58"},
			random: func(r *rand.Rand) string {
				return fmt.Sprintf("%s%+03d:%02d:%02d", clock(r), r.IntN(31)-15, r.IntN(60), r.IntN(2)*r.IntN(60))
			}},
		{name: "interval", declared: "interval", key: true, in: []string{"1 day", "24 hours", "-178956970 years -8 mons -2147483648 days -2562047788:00:54.775807"},
			random: func(r *rand.Rand) string {
				return fmt.Sprintf("%d mons %d days %d.%06d seconds", int16(r.Uint32()), int16(r.Uint32()), int32(r.Uint32()), r.IntN(1e6))
			}},
	}
}

func structureSpecs() []valueSpec {
	return []valueSpec{
		{name: "integers", declared: "integer[]", key: true, in: []string{"{}", "{1,NULL,3}", "[0:1][3:3]={{1},{NULL}}"}, random: func(r *rand.Rand) string {
			return fmt.Sprintf("[%[1]d:%[1]d][2:3]={{%[2]d,NULL}}", r.IntN(3), r.IntN(9))
		}},
		{name: "texts", declared: "text[]", in: []string{`{"a,b",NULL,"NULL","q\"\\","",é}`}, random: func(r *rand.Rand) string { return "{NULL," + quotedBy(anyText(r)) + "}" }},
		{name: "numbers", declared: "integer[]", as: "SUPER", becomes: "array_to_json(v)::text", in: []string{"{}", "{1,NULL,3}", "[0:1][3:3]={{1},{NULL}}"}, random: func(r *rand.Rand) string { return fmt.Sprintf("{{%d,NULL},{2,3}}", r.IntN(9)) }},
		{name: "labels", declared: "text[]", as: "SUPER", becomes: "CASE WHEN octet_length(v::text) < 60000 THEN array_to_json(v)::text END", in: []string{`{"a,b",NULL,"NULL","q\"\\","",é}`}, random: func(r *rand.Rand) string { return "{NULL," + quotedBy(firstRunes(anyText(r), 9)) + "}" }},
		{name: "document", declared: "jsonb", as: "SUPER", fits: `(v::text NOT LIKE '%12345678901234567890%' AND length(v::text) < 300)`, becomes: "CASE WHEN length(v::text) < 300 THEN v::text END", in: []string{`{"b":1,"a":[null,{"c":"\""}]}`, "null", "[1.5]"}, out: []string{`[0.12345678901234567890]`, "[1e400]"}, random: func(r *rand.Rand) string {
			return fmt.Sprintf(`{"k": %d, "l": %s}`, r.IntN(99), jsonText(firstRunes(anyText(r), 9)))
		}},
		{name: "mood", declared: "mood", key: true, in: []string{"so so", "sehr glücklich", `"quoted", 'and all'`}, random: func(*rand.Rand) string { return "so so" }},
		{name: "address", declared: "address", in: []string{`("a ""b"", c",,"{1,NULL}")`, "(,,)"}, random: func(r *rand.Rand) string { return `(` + quotedBy(anyText(r)) + fmt.Sprintf(",%d,)", r.IntN(9)) }},
		{name: "int4range", declared: "int4range", key: true, in: []string{"[1,10)", "empty", "(,)"}, random: func(r *rand.Rand) string { return fmt.Sprintf("[%d,)", r.IntN(100)) }},
		{name: "nummultirange", declared: "nummultirange", in: []string{"{[1.5,2),[5,)}", "{}"}, random: func(r *rand.Rand) string { return fmt.Sprintf("{[%d,%d]}", r.IntN(10), 10+r.IntN(10)) }},
		{name: "point", declared: "point", in: []string{"(-1.7976931348623157e+308,NaN)"}, random: func(r *rand.Rand) string { return fmt.Sprintf("(%v,%v)", r.Float64(), r.Float32()) }},
		{name: "polygon", declared: "polygon", in: []string{"((0,0),(1,1))"}, random: func(r *rand.Rand) string { return fmt.Sprintf("((%v,0),(1,1))", r.Float64()) }},
		{name: "geometry", declared: "geometry", in: []string{"0101000020E6100000000000000000F03F0000000000000040"}, random: func(r *rand.Rand) string { return fmt.Sprintf("01%016X", r.Uint64()) }},
		{name: "tsvector", declared: "tsvector", in: []string{`'a':1A 'it''s':2`}, random: func(r *rand.Rand) string { return fmt.Sprintf("'w':%d", 1+r.IntN(99)) }},
		{name: "pg_lsn", declared: "pg_lsn", key: true, in: []string{"16/B374D848"}, random: func(r *rand.Rand) string { return fmt.Sprintf("%X/%X", r.Uint32(), r.Uint32()) }},
	}
}
