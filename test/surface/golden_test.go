package surface

import (
	"os"
	"testing"
)

// TestGoldenStatementsAreSent holds that what the sink's golden files have is sent by a test,
// so that a server has taken it. Those of tables are left out, which are written for the shapes
// of made-up ones, as are metadata.sql's in part, and advice.sql, which people run.
func TestGoldenStatementsAreSent(t *testing.T) {
	for _, name := range []string{"alter", "check"} {
		text, err := os.ReadFile("../../sink/redshift/testdata/" + name + ".sql")
		if err != nil {
			t.Fatal(err)
		}
		statements := apart(string(text))
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
