package house

import (
	"go/ast"
	"go/token"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// pages returns all Markdown files of the repository, by path.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	walk(t, func(path string) {
		if strings.HasSuffix(path, ".md") {
			all[path] = text(t, path)
		}
	})
	return all
}

var (
	link    = regexp.MustCompile(`\[[^\]]*\]\(([^)\s]+)\)`)
	inCode  = regexp.MustCompile("`[^`\n]*`")
	heading = regexp.MustCompile(`^#{1,6} +(.*?) *$`)
)

// prose returns the lines of a page outside of fenced blocks.
func prose(page string) []string {
	var lines []string
	fenced := false
	for line := range strings.Lines(page) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
		} else if !fenced {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return lines
}

// headings returns the texts of a page's headings.
func headings(page string) []string {
	var all []string
	for _, line := range prose(page) {
		if h := heading.FindStringSubmatch(line); h != nil {
			all = append(all, h[1])
		}
	}
	return all
}

// anchor returns the anchor of a heading on GitHub and GitLab.
func anchor(heading string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(heading) {
		switch {
		case r == ' ':
			b.WriteByte('-')
		case r == '-', r == '_', r >= 'a' && r <= 'z', r >= '0' && r <= '9', r > 127:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// A link within the repository leads to a file that exists and, if it names one, to a
// heading in it.
func TestLinksLeadSomewhere(t *testing.T) {
	there := map[string]bool{".": true}
	walk(t, func(file string) {
		for ; file != "."; file = path.Dir(file) {
			there[file] = true
		}
	})
	seen := 0
	for name, page := range pages(t) {
		for _, line := range prose(page) {
			for _, l := range link.FindAllStringSubmatch(inCode.ReplaceAllString(line, ""), -1) {
				u, err := url.Parse(l[1])
				if err != nil || u.Scheme != "" {
					continue
				}
				seen++
				to := name
				if u.Path != "" {
					to = path.Join(path.Dir(name), u.Path)
				}
				if !there[to] {
					t.Errorf("%s: there is no %s", name, l[1])
				} else if u.Fragment != "" && !slices.ContainsFunc(headings(text(t, to)), func(h string) bool { return anchor(h) == u.Fragment }) {
					t.Errorf("%s: %s has no heading #%s", name, to, u.Fragment)
				}
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d links found: this test looks in the wrong place", seen)
	}
}

const runbook = "deploy/README.md"

// The runbook's table of halts has exactly the reasons that the daemon has.
func TestTheRunbookHasEachHalt(t *testing.T) {
	var reasons, described []string
	for _, s := range sources(t) {
		if s.path != "replicator/errors.go" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok {
				if typ, ok := v.Type.(*ast.Ident); ok && typ.Name == "Reason" {
					reason, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
					if err != nil || v.Values[0].(*ast.BasicLit).Kind != token.STRING {
						t.Errorf("%s is not a string", v.Names[0])
					}
					reasons = append(reasons, reason)
				}
			}
			return true
		})
	}
	_, table, _ := strings.Cut(text(t, runbook), "\n## Halts\n")
	table, _, _ = strings.Cut(table, "\n## ")
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(table, -1) {
		described = append(described, row[1])
	}
	same(t, "halt", reasons, described)
}

// same fails unless the code and the runbook have the same names, each once.
func same(t *testing.T, what string, has, described []string) {
	t.Helper()
	if len(has) == 0 {
		t.Errorf("the house has no %s: this test looks in the wrong place", what)
	}
	for _, h := range has {
		if n := len(slices.DeleteFunc(slices.Clone(described), func(d string) bool { return d != h })); n != 1 {
			t.Errorf("the runbook describes %s %s %d times", what, h, n)
		}
	}
	for _, d := range described {
		if !slices.Contains(has, d) {
			t.Errorf("the runbook describes %s %s, which there is not", what, d)
		}
	}
}

// The runbook has a heading for each alert, and the alert links to it.
func TestTheRunbookHasEachAlert(t *testing.T) {
	const rules = "deploy/prometheus/rules.yaml"
	var alerts, described []string
	for _, alert := range strings.Split(text(t, rules), "- alert: ")[1:] {
		name, rest, _ := strings.Cut(alert, "\n")
		alerts = append(alerts, name)
		for _, want := range []string{
			"runbook_url: \"" + runbook + "#" + anchor(name) + "\"\n", "labels: {severity: ", "summary: \"", "description: \"",
		} {
			if strings.Count(rest, want) != 1 {
				t.Errorf("%s: %s has not one %s", rules, name, want)
			}
		}
	}
	_, section, _ := strings.Cut(text(t, runbook), "\n## Alerts\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, heading := range regexp.MustCompile(`(?m)^### (\w+)$`).FindAllStringSubmatch(section, -1) {
		described = append(described, heading[1])
	}
	same(t, "alert", alerts, described)
}
