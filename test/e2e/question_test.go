package e2e

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"rowshift/test/harness"
)

// readmeQuestions runs the README's queries about accounts and events, and compares the
// answers with what the events that it makes must give: one administrator is at work each
// day, one misses a day, and somebody who is only a member misses none.
func readmeQuestions(t *testing.T, w *harness.World) {
	t.Helper()
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	questions := regexp.MustCompile("(?ms)^```sql question\n(.*?);\n```$").FindAllStringSubmatch(string(page), -1)
	if len(questions) != 3 {
		t.Fatalf("%d questions found", len(questions))
	}
	// Persons who belong to one company only.
	single := `SELECT min(person_uuid::text) || ' ' || company_uuid FROM company_person WHERE role_in_company = '%s'
		AND person_uuid IN (SELECT person_uuid FROM company_person GROUP BY 1 HAVING count(*) = 1)
		GROUP BY company_uuid ORDER BY company_uuid LIMIT 1 OFFSET %d`
	member := func(role string, n int) (person, company string) {
		person, company, _ = strings.Cut(one(t, w, fmt.Sprintf(single, role, n)), " ")
		return person, company
	}
	daily, company := member("ADMINISTRATOR", 0)
	lazy, _ := member("ADMINISTRATOR", 1)
	guest, _ := member("GUEST", 0)
	now := time.Now().UTC()
	today := now.Truncate(24 * time.Hour)
	month := time.Date(now.Year(), now.Month()-1, 1, 0, 0, 0, 0, time.UTC)
	var events []string
	add := func(person string, at time.Time) {
		events = append(events, fmt.Sprintf("('e%d', 'logged_in', '%s', '%s')", len(events), at.Format("2006-01-02 15:04:05"), person))
	}
	for day := month; day.Before(today); day = day.AddDate(0, 0, 1) {
		add(daily, day)
		add(daily, day.Add(23*time.Hour))
		add(guest, day.Add(time.Hour))
		add("nobody", day)
		if missed := today.AddDate(0, 0, -3); day.Day() != 15 && !day.Equal(missed) {
			add(lazy, day)
		}
	}
	change(t, w, "CREATE SCHEMA analytics",
		`CREATE TABLE analytics.tracks (id VARCHAR(512) NOT NULL, event VARCHAR(512), "timestamp" TIMESTAMP, user_id VARCHAR(512)) DISTSTYLE KEY DISTKEY (id)`,
		"INSERT INTO analytics.tracks VALUES "+strings.Join(events, ", "))
	want := []string{
		one(t, w, "SELECT round(100.0 * count(*) FILTER (WHERE plan IN ('pro', 'enterprise')) / count(*), 1)::text FROM company"),
		one(t, w, "SELECT round(100.0 / count(*), 1)::text FROM company"),
		company,
	}
	for i, q := range questions {
		rows, err := harness.Rows(t.Context(), w.WarehouseDSN("dev", "dev"), q[1])
		if err != nil || len(rows) != 1 || rows[0] != want[i] {
			t.Errorf("%q, %v, want %q of\n%s", rows, err, want[i], q[1])
		}
	}
}
