package e2e

import (
	"fmt"
	"testing"

	"rowshift/test/harness"
)

// equalKeys are keys that PostgreSQL or Redshift may take for equal although their texts
// differ. PostgreSQL tells most of them apart, so that all are in a table at once; two it
// does not, so that one may become the other, which changes the key's text.
var equalKeys = []struct {
	table, declared string
	apart           []string
	same            [2]string
}{
	{table: "key_text", declared: "text", apart: []string{"a", "a ", "a  ", "", " ", "A", "á", "a\u0301"}},
	{table: "key_varchar", declared: "varchar(4)", apart: []string{"é", "é ", "é  "}},
	{table: "key_char", declared: "char(3)", apart: []string{"b", "é"}},
	{table: "key_bpchar", declared: "bpchar", apart: []string{"b"}, same: [2]string{"a", "a  "}},
	{table: "key_citext", declared: "citext", apart: []string{"b", "b "}, same: [2]string{"a", "A"}},
	{table: "key_collated", declared: "text COLLATE anycase", apart: []string{"b", "b ", "á"}, same: [2]string{"a", "A"}},
	{table: "key_numeric", declared: "numeric", apart: []string{"2", "2.5"}, same: [2]string{"1.0", "1.00"}},
	{table: "key_float", declared: "float8", apart: []string{"1", "1.0000000000000002"}, same: [2]string{"0", "-0"}},
	{table: "key_timetz", declared: "timetz", apart: []string{"10:00+00", "11:00+01", "04:30-05:30", "10:00:01+00:00:01"}},
	{table: "key_timestamptz", declared: "timestamptz", apart: []string{"2026-01-01 00:00:00.000001+00", "2026-01-01 00:00:00+00"}},
	{table: "key_interval", declared: "interval", apart: []string{"1 hour"}, same: [2]string{"1 day", "24 hours"}},
	{table: "key_jsonb", declared: "jsonb", apart: []string{`"a"`, `"a "`}, same: [2]string{`{"a": 1.0}`, `{"a": 1.00}`}},
	{table: "key_bytea", declared: "bytea", apart: []string{`\x00`, `\x0000`, `\x20`, `\x2020`, `\x6120`, `\x61`}},
}

// anyCase is a collation to which 'a' and 'A' are equal.
// https://www.postgresql.org/docs/current/collation.html#COLLATION-NONDETERMINISTIC
const anyCase = "CREATE COLLATION anycase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"

// createKeyed returns the statements that make a table with such a key. Its body is
// stored out of line, so that a change which leaves it unchanged has to find the row by
// its key.
func createKeyed(table, declared string) []string {
	return []string{
		fmt.Sprintf("CREATE TABLE %s (k %s PRIMARY KEY, n integer, body text)", table, declared),
		"ALTER TABLE " + table + " ALTER COLUMN body SET STORAGE EXTERNAL",
		"ALTER TABLE " + table + " OWNER TO app_owner",
	}
}

// keysBegin fills the tables before the load.
func (v *values) keysBegin(t *testing.T) {
	t.Helper()
	var all []string
	for _, k := range equalKeys {
		keys := k.apart
		if k.same[0] != "" {
			keys = append(append([]string{}, keys...), k.same[0])
		}
		for i, key := range keys {
			all = append(all, fmt.Sprintf("INSERT INTO %s VALUES (%s, %d, repeat('%[3]d body ', 600))", k.table, literal(key), i))
		}
	}
	execute(t, v.world, all...)
}

// keysChange changes the rows of each key, one after another and several at once.
func (v *values) keysChange(t *testing.T) {
	t.Helper()
	for _, change := range []struct {
		what string
		same bool // PostgreSQL takes these keys for equal
		do   func(table string, keys []string) string
	}{
		{"a row beside its like is changed", false, func(table string, keys []string) string {
			return fmt.Sprintf("UPDATE %s SET n = n + 10 WHERE k = %s", table, literal(keys[len(keys)-1]))
		}},
		{"all are changed at once", false, func(table string, _ []string) string { return "UPDATE " + table + " SET n = n + 100" }},
		{"one becomes its equal", true, func(table string, keys []string) string {
			return fmt.Sprintf("UPDATE %s SET k = %s WHERE k = %s", table, literal(keys[1]), literal(keys[0]))
		}},
		{"one goes and its equal comes", true, func(table string, keys []string) string {
			return fmt.Sprintf("BEGIN; DELETE FROM %[1]s WHERE k = %[2]s; INSERT INTO %[1]s VALUES (%[3]s, 7, 'again'); COMMIT", table, literal(keys[1]), literal(keys[0]))
		}},
		{"a row beside its like is deleted", false, func(table string, keys []string) string {
			return fmt.Sprintf("DELETE FROM %s WHERE k = %s", table, literal(keys[0]))
		}},
	} {
		var all []string
		for _, k := range equalKeys {
			keys := k.apart
			if change.same {
				keys = k.same[:]
			}
			if keys[0] != "" || !change.same {
				all = append(all, change.do(k.table, keys))
			}
		}
		execute(t, v.world, all...)
		var pairs []harness.Pair
		for _, k := range equalKeys {
			key := "format('%s', k)"
			if k.declared == "bytea" {
				key = "encode(k, 'hex')"
			}
			pairs = append(pairs, harness.Pair{Name: k.table + ": " + change.what, Source: settings + "SELECT " + key + ", n, body FROM " + k.table,
				Target: "SET extra_float_digits TO 2; SELECT k, n, body FROM userdata." + k.table})
		}
		v.world.MustBecomeEqual(t, pairs...)
	}
}
