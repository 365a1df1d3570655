package schema

import "strings"

// Name is a table's schema-qualified name in the source, as its catalogue spells
// it: unquoted, case kept.
type Name struct {
	Schema string
	Table  string
}

// String returns schema.table, without quotes: for people, never for SQL.
func (n Name) String() string { return n.Schema + "." + n.Table }

// Fold returns name as Redshift stores it: with its ASCII letters in lower case. Redshift
// does so even inside quotes, unless enable_case_sensitive_identifier is on.
// https://docs.aws.amazon.com/redshift/latest/dg/r_names.html
func Fold(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + ('a' - 'A')
		}
		return r
	}, name)
}

// quote quotes a name for a statement that a person runs on the source.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
