package schema

import (
	"strings"
	"testing"
)

// TestChosenTypes has, for each case, a PostgreSQL type, the type that was chosen for it,
// and the resulting Redshift type or, after a question mark, a part of the error.
func TestChosenTypes(t *testing.T) {
	mine := func(name string, category byte) Type {
		return Type{OID: 20000, Base: 20000, Typmod: -1, Name: name, Category: category}
	}
	for _, c := range []struct {
		of           Type
		chosen, want string
	}{
		{typed("text", 'S', -1), "varchar ( 300 )", "VARCHAR(300)"},
		{typed("text", 'S', -1), "character varying(max)", "VARCHAR(65535)"},
		{typed("text", 'S', -1), "VARCHAR(65536)", "?out of range"},
		{typed("text", 'S', -1), "VARCHAR(0)", "?out of range"},
		{typed("text", 'S', -1), "VARCHAR", "?needs its length"},
		{typed("text", 'S', -1), "TEXT", "?not a type"},
		{typed("text", 'S', -1), "CHAR(3)", "?not a type"},
		{typed("text", 'S', -1), "INTEGER", "?cannot hold the values of text"},
		{typed("text", 'S', -1), "VARCHAR(10); DROP TABLE x", "?not a type"},
		{typed("int4", 'N', -1), "int8", "BIGINT"},
		{typed("int4", 'N', -1), "SMALLINT", "?cannot hold the values of int4"},
		{typed("int4", 'N', -1), "real", "?cannot hold"},
		{typed("int4", 'N', -1), "DECIMAL(12,2)", "DECIMAL(12,2)"},
		{typed("int4", 'N', -1), "DECIMAL(11,2)", "?cannot hold"},
		{typed("int4", 'N', -1), "VARCHAR(10)", "?too short"},
		{typed("int4", 'N', -1), "VARCHAR(11)", "VARCHAR(11)"},
		{typed("int8", 'N', -1), "NUMERIC(38)", "DECIMAL(38,0)"},
		{typed("int8", 'N', -1), "DOUBLE PRECISION", "?cannot hold"},
		{typed("xid8", 'U', -1), "BIGINT", "?cannot hold"},
		{numericOf(10, 2), "DECIMAL(9,2)", "?cannot hold"},
		{numericOf(10, 2), "DECIMAL(12,4)", "DECIMAL(12,4)"},
		{numericOf(10, 2), "DECIMAL(10,3)", "?cannot hold"},
		{numericOf(10, 2), "VARCHAR(12)", "?too short"},
		{numericOf(10, 2), "VARCHAR(13)", "VARCHAR(13)"},
		{numericOf(10, 2), "DECIMAL(19,2)", "?write 18 or 20"},
		{numericOf(39, 2), "DECIMAL(38,2)", "DECIMAL(38,2)"},
		{typed("numeric", 'N', -1), "DECIMAL(5,6)", "?scale"},
		{typed("numeric", 'N', -1), "DECIMAL(38,38)", "?scale"},
		{typed("numeric", 'N', -1), "DOUBLE PRECISION", "?cannot hold"},
		{typed("float8", 'N', -1), "REAL", "?cannot hold"},
		{typed("money", 'N', -1), "DECIMAL(20,2)", "DECIMAL(20,2)"},
		{typed("money", 'N', -1), "DECIMAL(18,2)", "?cannot hold"},
		{typed("bool", 'B', -1), "VARCHAR(1)", "VARCHAR(1)"},
		{typed("uuid", 'U', -1), "VARCHAR(35)", "?too short"},
		{typed("bytea", 'U', -1), "VARBYTE(16)", "VARBYTE(16)"},
		{typed("bytea", 'U', -1), "VARBYTE(1024001)", "?out of range"},
		{typed("date", 'D', -1), "TIMESTAMP", "TIMESTAMP"},
		{typed("date", 'D', -1), "DATE(3)", "?takes no length"},
		{typed("timestamp", 'D', -1), "DATE", "?cannot hold"},
		{typed("timestamp", 'D', -1), "VARCHAR(20)", "?too short"},
		{typed("time", 'D', -1), "VARCHAR(15)", "VARCHAR(15)"},
		{mine("geometry", 'U'), "geometry", "GEOMETRY"},
		{mine("geometry", 'U'), "GEOGRAPHY", "?cannot hold"},
		{typed("geometry", 'U', -1), "GEOMETRY", "?cannot hold"}, // not an extension's
		{mine("citext", 'S'), "VARCHAR(64)", "VARCHAR(64)"},
	} {
		m, err := MappingAs(c.of, c.chosen)
		got := m.Type
		if err != nil {
			got = "?"
			if said, ok := strings.CutPrefix(c.want, "?"); ok && strings.Contains(err.Error(), said) {
				got = c.want
			}
		}
		if got != c.want {
			t.Errorf("%s as %s: %s, %v; want %s", c.of.Name, c.chosen, got, err, c.want)
		}
	}
}

// TestMoneyAsANumber takes away what the locale C adds.
func TestMoneyAsANumber(t *testing.T) {
	m, err := MappingAs(typed("money", 'N', -1), "DECIMAL(20,2)")
	if err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]string{"-$92,233,720,368,547,758.08": "-92233720368547758.08", "$0.05": "0.05", "1.234,50 €": "?malformed", "$": "?malformed"} {
		if got := becomes(t, m, value); got != want {
			t.Errorf("%s becomes %s, want %s", value, got, want)
		}
	}
}
