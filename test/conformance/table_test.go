package conformance

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	ruleName = regexp.MustCompile(`R-\d{3}`)
	ruleRow  = regexp.MustCompile(`(?m)^\| (R-\d{3}) \|`)
)

// tableRow is a row of the table of differences in the stand-in's README.
type tableRow struct {
	line, grades      string
	rules, behaviours []string
}

// TestTheTableIsTrue compares the stand-in's README, its rules and this suite: each
// behaviour is in one row of the table, with its rules and its grade, and the table names
// no rules or behaviours that do not exist.
func TestTheTableIsTrue(t *testing.T) {
	page, err := os.ReadFile("../redshifttest/README.md")
	if err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadFile("../redshifttest/RULES.md")
	if err != nil {
		t.Fatal(err)
	}
	var written []string
	for _, m := range ruleRow.FindAllStringSubmatch(string(list), -1) {
		written = append(written, m[1])
	}
	for _, name := range ruleName.FindAllString(string(page), -1) {
		if !slices.Contains(written, name) {
			t.Errorf("the README names %s, which RULES.md has not", name)
		}
	}
	rows := tableRows(t, string(page))
	shown := map[string]bool{}
	for _, b := range behaviours(t) {
		if shown[b.name] {
			t.Errorf("there are two of %s", b.name)
		}
		shown[b.name] = true
		has := slices.DeleteFunc(slices.Clone(rows), func(r tableRow) bool { return !slices.Contains(r.behaviours, b.name) })
		if len(has) != 1 {
			t.Errorf("%s is in %d rows of the table", b.name, len(has))
			continue
		}
		if !strings.Contains(has[0].grades, b.grade) {
			t.Errorf("%s has grade %s, and its row %s", b.name, b.grade, has[0].grades)
		}
		for _, r := range b.rules {
			if !slices.Contains(has[0].rules, r) {
				t.Errorf("%s has rule %s, and its row %v", b.name, r, has[0].rules)
			}
		}
	}
	for _, r := range rows {
		for _, name := range r.behaviours {
			if !shown[name] {
				t.Errorf("nothing is called %s: %s", name, r.line)
			}
		}
	}
}

// tableRows returns the rows of the table of differences.
func tableRows(t *testing.T, page string) []tableRow {
	t.Helper()
	var rows []tableRow
	for line := range strings.Lines(page) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 7 || !ruleName.MatchString(cells[4]) {
			continue
		}
		r := tableRow{line: strings.TrimSpace(line), grades: cells[3], rules: ruleName.FindAllString(cells[4], -1)}
		for name := range strings.SplitSeq(cells[5], ",") {
			r.behaviours = append(r.behaviours, strings.TrimSpace(name))
		}
		rows = append(rows, r)
	}
	if len(rows) < 40 {
		t.Fatalf("%d rows were found", len(rows))
	}
	return rows
}
