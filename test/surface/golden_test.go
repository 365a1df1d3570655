package surface

import (
	"os"
	"testing"
)

// TestGoldenStatementsAreSent checks that some test sends what is in the sink's golden
// files, so that a server has accepted it. It leaves out the files about tables, which
// are written for the shapes of made-up ones, part of metadata.sql for the same reason,
// and advice.sql, which people run.
func TestGoldenStatementsAreSent(t *testing.T) {
	for _, name := range []string{"alter", "check"} {
		text, err := os.ReadFile("../../sink/redshift/testdata/" + name + ".sql")
		if err != nil {
			t.Fatal(err)
		}
		statements := split(string(text))
		if len(statements) < 10 {
			t.Errorf("%s.sql: %d statements were read", name, len(statements))
		}
		for _, statement := range statements {
			for _, form := range Forms(statement) {
				if !listed(form) {
					t.Errorf("%s.sql: no test sends\n  %s\nas\n  %s", name, statement, form)
				}
			}
		}
	}
}
