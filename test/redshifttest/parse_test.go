package redshifttest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// recorded returns the statements that a daemon sends, from its golden files. The one of
// advice is left out: a person sends those, fills in their blanks, and may need what the
// stand-in does not have.
func recorded(tb testing.TB) []string {
	tb.Helper()
	pages, err := filepath.Glob("../../sink/redshift/testdata/*.sql")
	if err != nil || len(pages) == 0 {
		tb.Fatal("no statements", err)
	}
	var all []string
	for _, name := range pages {
		if filepath.Base(name) == "advice.sql" {
			continue
		}
		page, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		statement := ""
		for line := range strings.Lines(string(page)) {
			if statement += line; strings.Count(statement, "'")%2 > 0 {
				continue // the line is within a literal
			}
			if s := strings.TrimSpace(statement); s != "" {
				all = append(all, s)
			}
			statement = ""
		}
	}
	return all
}

// On average, reading and checking a statement takes less than a millisecond, in the
// round that was disturbed least.
func TestParseIsFast(t *testing.T) {
	all := recorded(t)
	least := time.Hour
	for range 20 {
		begin := time.Now()
		for _, s := range all {
			if read, err := parse(s); err != nil || len(read) != 1 || read[0].refusal != nil {
				t.Fatalf("%s: %v", s, err)
			}
		}
		least = min(least, time.Since(begin))
	}
	if mean := least / time.Duration(len(all)); mean > time.Millisecond {
		t.Errorf("%d statements take %v each", len(all), mean)
	}
}

// A bug of the stand-in itself is not reported as an error of the statement.
func TestAFaultOfOursIsNoRefusal(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("an index out of range was taken for a refusal")
		}
	}()
	tokens, err := tokensOf("SELECT * EXCLUDE id FROM t QUALIFY ROW_NUMBER() OVER () = 1", false)
	if err != nil {
		t.Fatal(err)
	}
	var none []looked
	_, err = parseOne(tokens, func(relationName) (looked, error) { return none[1], nil })
	t.Error(err)
}

func BenchmarkParse(b *testing.B) {
	all := recorded(b)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if _, err := parse(all[n%len(all)]); err != nil {
			b.Fatal(err)
		}
	}
}
