package main

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// operatorPages returns the pages for those who run rowshift, by path.
func operatorPages(t *testing.T) map[string]string {
	t.Helper()
	paths := []string{"../../README.md"}
	err := filepath.WalkDir("../../deploy", func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(d.Name(), ".md") {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil || len(paths) < 2 {
		t.Fatalf("the pages are %v, %v", paths, err)
	}
	pages := map[string]string{}
	for _, path := range paths {
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		pages[path] = string(page)
	}
	return pages
}

// written returns what a page shows as code: spans within lines, and the lines of
// blocks.
func written(page string) []string {
	var all []string
	fenced := false
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "```"):
			fenced = !fenced
		case fenced:
			all = append(all, strings.TrimPrefix(line, "$ "))
		default:
			for _, span := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(line, -1) {
				all = append(all, span[1])
			}
		}
	}
	return all
}

// Each command that a page shows exists, with those flags.
func TestPagesShowCommandsThatExist(t *testing.T) {
	seen := map[string]bool{}
	command := regexp.MustCompile(`(?:^|-- )/?rowshift (.+)$`)
	for path, page := range operatorPages(t) {
		for _, code := range written(page) {
			code, _, _ = strings.Cut(code, "  #")
			m := command.FindStringSubmatch(code)
			if m == nil || strings.HasPrefix(m[1], "<") {
				continue
			}
			args := strings.Fields(strings.NewReplacer("[", "", "]", "", "...", "").Replace(m[1]))
			var line commandLine
			if command, code := parse(&line, args, io.Discard, io.Discard); command == nil && code != exitFine {
				t.Errorf("%s shows `rowshift %s`, which the command line does not have", path, m[1])
			}
			seen[args[0]] = true
		}
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[commandLine]()) {
		if _, is := f.Tag.Lookup("cmd"); !is {
			continue
		}
		name := strings.ToLower(regexp.MustCompile(`(\w)([A-Z])`).ReplaceAllString(f.Name, "$1-$2"))
		if !seen[name] {
			t.Errorf("no page shows `rowshift %s`", name)
		}
	}
}

// Each key of the config that a page names exists, and each key is named on some page.
func TestPagesNameKeysThatExist(t *testing.T) {
	known := keysOf(reflect.TypeFor[document](), "")
	key := regexp.MustCompile(`^((?:source|warehouse|bucket|batch|log|tables)\.[a-z_*.]+|checkpoint_refresh[a-z_]*)(?::.*)?$`)
	named := map[string]bool{}
	var all strings.Builder
	for path, page := range operatorPages(t) {
		all.WriteString(page)
		for _, code := range written(page) {
			m := key.FindStringSubmatch(code)
			if m == nil {
				continue
			}
			if named[m[1]] = true; !slices.Contains(known, m[1]) {
				t.Errorf("%s names the key %s, which the config does not have", path, m[1])
			}
		}
	}
	if len(named) < 10 {
		t.Errorf("only %d keys found: this test looks in the wrong place", len(named))
	}
	for _, k := range known {
		last := k[strings.LastIndexByte(k, '.')+1:]
		if !regexp.MustCompile(`\b` + last + `\b`).MatchString(all.String()) {
			t.Errorf("no page names the key %s", k)
		}
	}
}

// The runbook's example of status has the headings of the real one.
func TestRunbookShowsStatusAsItIs(t *testing.T) {
	printed, err := os.ReadFile("testdata/status.txt")
	if err != nil {
		t.Fatal(err)
	}
	shown := written(operatorPages(t)["../../deploy/README.md"])
	for i, line := range shown {
		shown[i] = strings.Join(strings.Fields(line), " ")
	}
	headings := regexp.MustCompile(`(?m)^[A-Z][A-Z ]+$`).FindAllString(string(printed), -1)
	for _, heading := range headings {
		if heading = strings.Join(strings.Fields(heading), " "); !slices.Contains(shown, heading) {
			t.Errorf("the runbook shows no status with the heading %q", heading)
		}
	}
	if len(headings) < 2 {
		t.Errorf("%d headings in what is printed", len(headings))
	}
}
