package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// behaviour is something that Redshift does, according to the stand-in's rules.
type behaviour struct {
	name  string
	rules []string
	grade string // of the evidence: D, O, C, G, K as in RULES.md
	files bool   // it needs the bucket and the role

	// One of these runs it.
	script  []step
	observe func(*server) (difference string)

	objects []object
}

// object is a file that a behaviour loads.
type object struct{ name, content string }

// step is a statement of a script and the expected answer.
type step struct {
	line      string // file:line
	session   string
	statement string
	rows      []string
	tag       string
	refused   bool
	code      string // SQLSTATE; empty: any
	message   string // a part of the message or the detail
}

// heading is the first line of a behaviour: == name | R-101 R-102 | D.
var heading = regexp.MustCompile(`^== ([a-z0-9-]+) \| ((?:R-\d{3} ?)+)\| ([DOCGK])$`)

// scripts returns the behaviours in testdata.
//
// A behaviour begins with its heading. "@ name" is an object below $files. Its content is
// the lines up to an empty one, in which \nul and \wide stand for what contents says; a
// manifest beside it names it. "> " begins a statement, and lines that begin with two
// blanks continue it; "2> " begins one of a second session. The lines behind a statement,
// up to an empty one, are its answer: rows, with | between values and with NULL; "= TAG",
// its command tag; "! CODE text", an error of that SQLSTATE (- for any) with the text in
// its message or detail; "!" alone, any error. "#" begins a comment.
func scripts(t *testing.T) []*behaviour {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatal("no scripts", err)
	}
	var all []*behaviour
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r := &reader{path: filepath.Base(path)}
		for n, line := range strings.Split(string(content), "\n") {
			if err := r.read(n+1, line); err != nil {
				t.Fatalf("%s:%d: %v", path, n+1, err)
			}
		}
		all = append(all, r.behaviours...)
	}
	return all
}

// contents replaces signs in an object's lines: by a NUL, and by an array that is longer
// than a string may be.
var contents = strings.NewReplacer(`\nul`, "\x00", `\wide`, "["+strings.Repeat("1,", 40_000)+"1]")

// reader reads a file of scripts.
type reader struct {
	path       string
	behaviours []*behaviour
	object     *object // the object that is being read
}

func (r *reader) read(n int, line string) error {
	if r.object != nil && line != "" {
		r.object.content += contents.Replace(line) + "\n"
		return nil
	}
	r.object = nil
	if line == "" || strings.HasPrefix(line, "#") {
		return nil
	}
	if strings.HasPrefix(line, "==") {
		m := heading.FindStringSubmatch(line)
		if m == nil {
			return fmt.Errorf("not a heading: %s", line)
		}
		r.behaviours = append(r.behaviours, &behaviour{name: m[1], rules: strings.Fields(m[2]), grade: m[3]})
		return nil
	}
	if len(r.behaviours) == 0 {
		return fmt.Errorf("before the first heading: %s", line)
	}
	b := r.behaviours[len(r.behaviours)-1]
	if name, ok := strings.CutPrefix(line, "@ "); ok {
		b.files = true
		b.objects = append(b.objects, object{name: name})
		r.object = &b.objects[len(b.objects)-1]
		return nil
	}
	return b.read(fmt.Sprintf("%s:%d", r.path, n), line)
}

// read takes a line of a script.
func (b *behaviour) read(where, line string) error {
	if session, statement, begins := strings.Cut(line, "> "); begins && len(session) < 2 {
		b.script = append(b.script, step{line: where, session: session, statement: statement})
		return nil
	}
	if len(b.script) == 0 {
		return fmt.Errorf("no statement stands before %s", line)
	}
	s := &b.script[len(b.script)-1]
	switch {
	case strings.HasPrefix(line, "  ") && len(s.rows) == 0:
		s.statement += "\n" + strings.TrimSpace(line)
	case strings.HasPrefix(line, "= "):
		s.tag = line[2:]
	case line == "!":
		s.refused = true
	case strings.HasPrefix(line, "! "):
		s.refused = true
		s.code, s.message, _ = strings.Cut(line[2:], " ")
	default:
		s.rows = append(s.rows, line)
	}
	return nil
}
