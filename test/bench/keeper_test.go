package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// page writes a page with a place for each part and returns its path.
func page(t *testing.T) string {
	t.Helper()
	text := "above\n"
	for _, p := range parts {
		begin, end := marks(p.name)
		text += begin + "nothing yet\n" + end + "between\n"
	}
	path := filepath.Join(t.TempDir(), "README.md")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func drained(round int, rows int64) results {
	return results{{Backlog: "one transaction", Peer: limit, Round: round, Rows: rows, Wall: time.Second, Walsender: time.Second}}
}

// After each round, the page shows the rounds so far, and the file keeps them for a later
// run.
func TestRoundsAreKeptAsTheyCome(t *testing.T) {
	path := page(t)
	k, err := newKeeper(t.Context(), path, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	for round, rows := range []int64{100, 300, 200} {
		if err := k.keep(drain, round+1, drained(round+1, rows)); err != nil {
			t.Fatal(err)
		}
		text := read(t, path)
		want := []string{"| one transaction | limit | 100 |", "| one transaction | limit | 200 |", "| one transaction | limit | 200 |"}[round]
		if !strings.Contains(text, want) || !strings.HasPrefix(text, "above\n") || !strings.HasSuffix(text, "between\n") {
			t.Errorf("after round %d the page is\n%s", round+1, text)
		}
	}
	if text := read(t, path); !strings.Contains(text, "Scale 0.5, 3 rounds.\n") || strings.Count(text, "| limit |") != 2 {
		t.Errorf("the page is\n%s", text)
	}

	later, err := newKeeper(t.Context(), path, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(later.found) != 3 {
		t.Fatalf("%d rounds were left", len(later.found))
	}
	later.now.Run = later.now.Run.Add(time.Hour)
	if err := later.keep(drain, 1, drained(1, 700)); err != nil {
		t.Fatal(err)
	}
	if text := read(t, path); !strings.Contains(text, "Scale 1, 1 round.\n") || !strings.Contains(text, "| limit | 700 |") {
		t.Errorf("a later run does not take an earlier one's place:\n%s", text)
	}
}

// If the rows differ from the source, nothing was measured: the part has no figures,
// neither of that run nor of an earlier one, until it is measured again.
func TestFailureStandsInPlaceOfFigures(t *testing.T) {
	path := page(t)
	k, err := newKeeper(t.Context(), path, 1)
	if err != nil {
		t.Fatal(err)
	}
	k.parts = []part{parts[0], {name: growth, table: parts[0].table}}
	for _, kept := range []struct {
		part  string
		round int
	}{{drain, 1}, {growth, 1}} {
		if err := k.keep(kept.part, kept.round, drained(kept.round, 100)); err != nil {
			t.Fatal(err)
		}
	}
	differs := part{name: drain, share: 1, measure: func(context.Context, *measurement) error {
		return fmt.Errorf("TPC-B: %w: person has 3 rows, the source 4", errUnequal)
	}}
	failed, err := measureAll(t.Context(), choices{rounds: 1}, []part{differs}, k)
	if err != nil || len(failed) != 1 {
		t.Fatalf("%v failed, %v", failed, err)
	}
	if text := read(t, path); strings.Count(text, "| limit | 100 |") != 1 || !strings.Contains(text, "TPC-B: not equal: person has 3 rows, the source 4") {
		t.Errorf("the page is\n%s", text)
	}

	later, err := newKeeper(t.Context(), path, 1)
	if err != nil {
		t.Fatal(err)
	}
	later.parts = k.parts
	later.now.Run = later.now.Run.Add(time.Hour)
	if err := later.keep(drain, 1, drained(1, 700)); err != nil {
		t.Fatal(err)
	}
	if text := read(t, path); !strings.Contains(text, "| limit | 700 |") || strings.Contains(text, "not equal") {
		t.Errorf("the page is\n%s", text)
	}
}

// Measuring a part again leaves the others as they are.
func TestPartsAreKeptApart(t *testing.T) {
	text := "a\n<!-- measured: drain -->\nold\n<!-- end of drain -->\n<!-- measured: other -->\nkept\n<!-- end of other -->\n"
	got, err := replaced(text, drain, "new\n")
	if err != nil || got != strings.Replace(text, "old", "new", 1) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := replaced("nothing\n", drain, "new\n"); err == nil {
		t.Error("a page without a place was rewritten")
	}
	for _, p := range parts {
		if _, err := replaced(read(t, "README.md"), p.name, ""); err != nil {
			t.Errorf("README.md: %v", err)
		}
	}
}

// README.md shows what was measured.
func TestPageIsOfWhatWasKept(t *testing.T) {
	k, err := newKeeper(t.Context(), "README.md", 1)
	if err != nil {
		t.Fatal(err)
	}
	text := read(t, "README.md")
	for _, p := range parts {
		measured, err := k.section(p)
		if err != nil {
			t.Fatal(err)
		}
		begin, end := marks(p.name)
		_, rest, _ := strings.Cut(text, begin)
		stands, _, _ := strings.Cut(rest, end)
		switch {
		case measured == "" && !strings.HasPrefix(stands, "Nothing yet"):
			t.Errorf("%s has figures that nobody has measured:\n%s", p.name, stands)
		case measured != "" && stands != measured:
			t.Errorf("%s has\n%s\nand what was kept makes\n%s", p.name, stands, measured)
		}
	}
}

func TestPartsAreChosen(t *testing.T) {
	chosen, err := choose("part", drain, parts)
	if err != nil || len(chosen) != 1 || chosen[0].name != drain {
		t.Errorf("chose %v, %v", chosen, err)
	}
	if _, err := choose("part", "drain,drain", parts); err == nil {
		t.Error("a part was chosen twice")
	}
	if _, err := choose("part", "nap", parts); err == nil || !strings.Contains(err.Error(), drain) {
		t.Errorf("a part that is not there: %v", err)
	}
}

// Each part has one round, whatever time is left, and more only if they fit.
func TestTimeIsKept(t *testing.T) {
	for _, c := range []struct {
		limit  time.Duration
		rounds int
	}{{0, 3}, {time.Hour, 3}, {time.Nanosecond, 1}} {
		var first, second int
		chosen := []part{
			{name: "first", share: 1, measure: func(_ context.Context, m *measurement) error {
				for m.next() {
					first++
				}
				return errors.New("planted")
			}},
			{name: "second", share: 3, measure: func(_ context.Context, m *measurement) error {
				for m.next() {
					second++
				}
				return nil
			}},
		}
		failed, err := measureAll(t.Context(), choices{rounds: 3, limit: c.limit}, chosen, nil)
		if err != nil || first != c.rounds || second != c.rounds || strings.Join(failed, ",") != "first" {
			t.Errorf("in %v: %d and %d rounds, %v failed, %v", c.limit, first, second, failed, err)
		}
	}
}
