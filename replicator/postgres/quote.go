package postgres

import (
	"strings"

	"github.com/jackc/pgx/v5"

	"rowshift/schema"
)

// literal quotes a string for SQL.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// identifier quotes a name for SQL.
func identifier(name string) string { return pgx.Identifier{name}.Sanitize() }

// quoted returns the name of a table as SQL spells it.
func quoted(n schema.Name) string { return pgx.Identifier{n.Schema, n.Table}.Sanitize() }

// identifiers quotes names for a list in SQL.
func identifiers(names []string) string {
	all := make([]string, len(names))
	for i, n := range names {
		all[i] = identifier(n)
	}
	return strings.Join(all, ", ")
}

// condition puts a condition of the config in brackets, whatever it ends with.
func condition(where string) string {
	if strings.Contains(where, "--") { // a comment would take the bracket in
		where += "\n"
	}
	return "(" + where + ")"
}

// inOne writes statements as one transaction.
func inOne(statements []string) string {
	return "BEGIN; " + strings.Join(statements, "; ") + "; COMMIT"
}

// comment returns text as a line of SQL that does nothing.
func comment(text string) string { return "-- " + strings.ReplaceAll(text, "\n", " ") }
