package schema_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"rowshift/schema"
	"rowshift/test/pgtest"
)

// printed are types as a person declares them, an expression of such a value, the Redshift
// type that holds it, and the text that COPY gets or, after a question mark, the kind of
// its misfit.
var printed = []struct{ declared, value, holds, becomes string }{
	{"smallint", "-32768", "SMALLINT", "-32768"},
	{"oid", "4294967295", "BIGINT", "4294967295"},
	{"xid8", "'18446744073709551615'", "DECIMAL(20,0)", "18446744073709551615"},
	{"numeric(12,3)", "-1.5", "DECIMAL(12,3)", "-1.500"},
	{"numeric(19)", "9999999999999999999", "DECIMAL(20,0)", "9999999999999999999"},
	{"numeric(38,37)", "1.0000000000000000000000000000000000001", "DECIMAL(38,37)", "1.0000000000000000000000000000000000001"},
	{"numeric(5,2)", "'NaN'", "DECIMAL(5,2)", "?nan"},
	{"numeric(39,1)", "1", "VARCHAR(65535)", "1.0"},
	{"numeric", "1e200", "VARCHAR(65535)", "1" + strings.Repeat("0", 200)},
	{"real", "'1.17549435e-38'", "REAL", "1.1754944e-38"},
	{"real", "'1e-45'", "REAL", "?out_of_range"},
	{"real", "3.40282347e+38", "REAL", "3.4028234663852886e+38"},
	{"double precision", "1.7976931348623157e+308", "DOUBLE PRECISION", "1.7976931348623157e+308"},
	{"double precision", "'5e-324'", "DOUBLE PRECISION", "?out_of_range"},
	{"double precision", "'-Infinity'", "DOUBLE PRECISION", "?infinity"},
	{"double precision", "'-0'", "DOUBLE PRECISION", "-0"},
	{"money", "-12.34", "VARCHAR(64)", "-$12.34"},
	{"boolean", "true", "BOOLEAN", "t"},
	{"text", "E'a\\nb'", "VARCHAR(65535)", "a\nb"},
	{"text", "repeat('é', 32768)", "VARCHAR(65535)", "?too_long"},
	{"varchar(3)", "'ééé'", "VARCHAR(12)", "ééé"},
	{"char(3)", "'é'", "VARCHAR(12)", "é  "},
	{`"char"`, "'r'", "VARCHAR(4)", "r"},
	{"name", "'n'", "VARCHAR(256)", "n"},
	{"uuid", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "VARCHAR(36)", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
	{"bytea", `'\xDEAD'`, "VARBYTE(1024000)", "dead"},
	{"bytea", "''", "VARBYTE(1024000)", "?empty"},
	{"jsonb", `'{"b":1,"a":[null]}'`, "VARCHAR(65535)", `{"a": [null], "b": 1}`},
	{"xml", "'<a/>'", "VARCHAR(65535)", "<a/>"},
	{"date", "'0001-01-01'", "DATE", "0001-01-01"},
	{"date", "'5874897-12-31'", "DATE", "?out_of_range"},
	{"date", "'4713-01-01 BC'", "DATE", "?before_era"},
	{"date", "'infinity'", "DATE", "?infinity"},
	{"timestamp", "'9999-12-31 24:00:00'", "TIMESTAMP", "?out_of_range"},
	{"timestamp(0)", "'2024-02-29 23:59:59.9'", "TIMESTAMP", "2024-03-01 00:00:00"},
	{"timestamptz", "'1890-01-01 00:00:00.5 Europe/Berlin'", "TIMESTAMPTZ", "1889-12-31 23:06:32.5+00"},
	{"timestamptz", "'0044-03-15 12:00 BC'", "TIMESTAMPTZ", "?before_era"},
	{"time", "'24:00'", "TIME", "24:00:00"},
	{"timetz", "'10:00-05:30'", "TIMETZ", "10:00:00-05:30"},
	{"timetz", "'10:00+00:53:28'", "TIMETZ", "?odd_offset"},
	{"interval", "'-178956970 years -8 mons -2147483648 days -2562047788:00:54.775807'", "VARCHAR(128)", "P-178956970Y-8M-2147483648DT-2562047788H-54.775807S"},
	{"bit(3)", "B'101'", "VARCHAR(3)", "101"},
	{"varbit", "B''", "VARCHAR(65535)", ""},
	{"inet", "'::ffff:255.255.255.255/127'", "VARCHAR(64)", "::ffff:255.255.255.255/127"},
	{"macaddr8", "'08:00:2b:01:02:03:04:05'", "VARCHAR(23)", "08:00:2b:01:02:03:04:05"},
	{"circle", "'<(1,2),3>'", "VARCHAR(256)", "<(1,2),3>"},
	{"box", "'(-1.2345678901234568e-300,-1.2345678901234568e-300),(-1.2345678901234568e-299,-1.2345678901234568e-299)'", "VARCHAR(256)",
		"(-1.2345678901234568e-300,-1.2345678901234568e-300),(-1.2345678901234568e-299,-1.2345678901234568e-299)"},
	{"polygon", "'((0,0),(1,1))'", "VARCHAR(65535)", "((0,0),(1,1))"},
	{"integer[]", "'[0:1][3:3]={{1},{NULL}}'", "VARCHAR(65535)", "[0:1][3:3]={{1},{NULL}}"},
	{"numeric(5,2)[]", "'{1,NaN}'", "VARCHAR(65535)", "{1.00,NaN}"},
	{"mood", "'so so'", "VARCHAR(256)", "so so"},
	{"pair", "ROW(NULL,'a \"b\"')", "VARCHAR(65535)", `(,"a ""b""")`},
	{"int4range", "'[1,5]'", "VARCHAR(65535)", "[1,6)"},
	{"int4multirange", "'{[1,2),[5,)}'", "VARCHAR(65535)", "{[1,2),[5,)}"},
	{"price", "1.5", "DECIMAL(7,2)", "1.50"},
	{"dear", "2.25", "DECIMAL(7,2)", "2.25"},
	{"tsvector", "'a:1'", "VARCHAR(65535)", "'a':1"},
	{"pg_lsn", "'16/B374D848'", "VARCHAR(65535)", "16/B374D848"},
	{"regclass", "'pg_class'", "VARCHAR(65535)", "pg_class"},
	{"s.uuid", "'mine'", "VARCHAR(256)", "mine"},
}

// TestValuesThatPostgreSQLPrints takes types from a real catalogue, and values as a
// real output function prints them.
func TestValuesThatPostgreSQLPrints(t *testing.T) {
	server := pgtest.Start(t)
	server.Exec(t, "CREATE SCHEMA s", "CREATE TYPE mood AS ENUM ('so so')", "CREATE TYPE s.uuid AS ENUM ('mine')", "CREATE TYPE pair AS (a integer, b text)",
		"CREATE DOMAIN price AS numeric(7,2)", "CREATE DOMAIN dear AS price CHECK (VALUE > 2)")
	conn, err := pgx.Connect(t.Context(), server.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, setting := range []string{"TimeZone = 'UTC'", "DateStyle = 'ISO'", "IntervalStyle = 'iso_8601'", "extra_float_digits = 3", "bytea_output = 'hex'", "lc_monetary = 'C'"} {
		if _, err := conn.Exec(t.Context(), "SET "+setting); err != nil {
			t.Fatal(err)
		}
	}
	for i, p := range printed {
		t.Run(fmt.Sprint(i, " ", p.declared), func(t *testing.T) {
			declared, text := printOf(t, conn, p.declared, p.value)
			m := schema.MappingOf(declared)
			got := text
			if m.Append != nil {
				b, err := m.Append(nil, []byte(text))
				if got = string(b); err != nil {
					var misfit *schema.Misfit
					if !errors.As(err, &misfit) {
						t.Fatal(err)
					}
					got = "?" + misfit.Kind
				}
			}
			if m.Blankless && strings.HasSuffix(got, " ") {
				t.Errorf("%s ends in a blank: %q", p.declared, got)
			}
			if m.Type != p.holds || got != p.becomes {
				t.Errorf("%s (%+v) of %s is held by %s and becomes %.80q, want %s and %.80q", p.declared, declared, p.value, m.Type, got, p.holds, p.becomes)
			}
		})
	}
}

// printOf returns what the catalogue says of a declared type, and a value's text.
func printOf(t *testing.T, conn *pgx.Conn, declared, value string) (schema.Type, string) {
	t.Helper()
	for _, statement := range []string{"DROP TABLE IF EXISTS printed", "CREATE TABLE printed (v " + declared + ")", "INSERT INTO printed VALUES (" + value + ")"} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	var of schema.Type
	var text, category string
	err := conn.QueryRow(t.Context(), `
		WITH RECURSIVE below AS (
			SELECT a.atttypid AS oid, a.atttypmod AS typmod FROM pg_attribute a WHERE a.attrelid = 'printed'::regclass AND a.attnum = 1
			UNION ALL
			SELECT y.typbasetype, y.typtypmod FROM below JOIN pg_type y USING (oid) WHERE y.typtype = 'd')
		SELECT a.atttypid, y.oid, below.typmod, y.typname, y.typcategory::text, format('%s', v)
		FROM below JOIN pg_type y USING (oid), pg_attribute a, printed
		WHERE y.typtype <> 'd' AND a.attrelid = 'printed'::regclass AND a.attnum = 1`, pgx.QueryExecModeExec).
		Scan(&of.OID, &of.Base, &of.Typmod, &of.Name, &category, &text)
	if err != nil {
		t.Fatal(err)
	}
	of.Category = category[0]
	return of, text
}
