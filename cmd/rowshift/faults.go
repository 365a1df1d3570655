package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// faults collects everything that is wrong with a config file, to be reported at once.
// It is an error whose exit code is 2.
type faults struct {
	file  string // path as given, which each fault begins with
	found []fault
	at    map[string]position // of keys, by their path
}

type position struct{ line, column int }

// fault is one thing that is wrong. line is 0 for the file as a whole. A fault of an
// unknown key has an excerpt of the file with a caret under it. A fault never holds a
// value that could be a secret.
type fault struct {
	position
	text    string
	excerpt string
}

func newFaults(path string) *faults {
	return &faults{file: path, at: map[string]position{}}
}

// addFile adds a fault of the file itself, of which nothing was read.
func (f *faults) addFile(found, remedy string) {
	f.found = append(f.found, fault{text: found + "; " + remedy})
}

// add adds a fault at path, with what to do about it. For a key that is missing it shows
// the line of the nearest key above.
func (f *faults) add(path, found, remedy string) {
	at := f.position(path)
	text := found + "; " + remedy
	if path != "" {
		text = path + ": " + text
	}
	f.found = append(f.found, fault{position: at, text: text})
}

// farthest is the last column that an excerpt shows. Beyond it, as on one long line with
// many keys, a terminal would wrap the line and the caret would point elsewhere.
const farthest = 60

// addUnknown adds a fault for a key that the config does not have. The excerpt shows
// only the key, because the value beside it may be a password.
func (f *faults) addUnknown(path string) {
	at := f.position(path)
	place, key := f.parent(path)
	f.found = append(f.found, fault{
		position: at,
		text:     fmt.Sprintf("%s: unknown key; %s", path, knownKeys(place)),
		excerpt:  excerpt(at, key),
	})
}

// addNoKey adds a fault for a key that is not text, such as a list, under place.
func (f *faults) addNoKey(t *token.Token, place string) {
	text := "has a key that is no plain text; " + knownKeys(place)
	if place != "" {
		text = place + ": " + text
	}
	f.found = append(f.found, fault{position: position{t.Position.Line, t.Position.Column}, text: text})
}

// parent splits a path before its last key, which may itself hold dots.
func (f *faults) parent(path string) (place, key string) {
	for i := 0; i < len(path); i++ {
		if path[i] != '.' {
			continue
		}
		if _, known := f.at[path[:i]]; known {
			place = path[:i]
		}
	}
	return place, strings.TrimPrefix(strings.TrimPrefix(path, place), ".")
}

func excerpt(at position, key string) string {
	if at.column > farthest {
		return ""
	}
	gutter := fmt.Sprintf("%5d | ", at.line)
	indent := strings.Repeat(" ", at.column-1)
	return gutter + indent + key + ": ...\n" + strings.Repeat(" ", len(gutter)) + indent + "^"
}

// wordsOf returns what is wrong with the YAML, and what to do about it. It replaces the
// library's words where they would quote from the file: that may be a password whose
// first character means something to YAML.
func wordsOf(err error) (found, remedy string) {
	const unreadable, correct = "cannot be read as YAML", "correct the YAML here"
	var y interface{ GetMessage() string }
	if !errors.As(err, &y) {
		return unreadable, correct
	}
	message := y.GetMessage()
	has := func(words string) bool { return strings.Contains(message, words) }
	switch {
	case strings.HasPrefix(message, "mapping key "): // keys are not secret
	case has("could not find alias"):
		return "names an alias that is not there", "write a value that begins with * in quotes"
	case has("invalid header option"):
		return "has text right behind | or >", "write a value that begins with | or > in quotes"
	case has("invalid tag character"):
		return "has a tag that cannot be read", "write a value that begins with ! in quotes"
	case has("unknown escape character"):
		return `has a \ that escapes nothing`, "write it twice, or the value in single quotes"
	case has("is a reserved character"):
		return "begins with a character that YAML reserves", "write the value in quotes"
	case has(`"`):
		return unreadable, correct
	}
	return message, correct
}

// addYAML adds a fault for a file that is not YAML. It quotes nothing but keys.
func (f *faults) addYAML(err error) {
	at := position{1, 1}
	if t := errorToken(err); t != nil && t.Position != nil {
		at = position{t.Position.Line, t.Position.Column}
	}
	found, remedy := wordsOf(err)
	f.found = append(f.found, fault{position: at, text: found + "; " + remedy})
}

// addUndecodable adds a fault for YAML that is no config. For a merge key the library
// gives no position.
func (f *faults) addUndecodable(err error) {
	for path := range f.at {
		if errorToken(err) == nil && (path == "<<" || strings.HasSuffix(path, ".<<")) {
			f.add(path, "is a merge key that cannot be read", "write the keys out")
			return
		}
	}
	f.addYAML(err)
}

// errorToken returns the token at which an error of the YAML library is, or nil.
func errorToken(err error) *token.Token {
	var y interface{ GetToken() *token.Token }
	if errors.As(err, &y) {
		return y.GetToken()
	}
	return nil
}

// locate records the position of each key of a tree.
func (f *faults) locate(n ast.Node, parent string) {
	m, ok := mapping(n)
	if !ok {
		return
	}
	for _, v := range m.Values {
		t := v.Key.GetToken()
		path := join(parent, t.Value)
		f.at[path] = position{t.Position.Line, t.Position.Column}
		f.locate(v.Value, path)
	}
}

// position returns the position of path, or of the nearest key above it.
func (f *faults) position(path string) position {
	for path != "" {
		if at, ok := f.at[path]; ok {
			return at
		}
		path = path[:max(strings.LastIndexByte(path, '.'), 0)]
	}
	return position{1, 1}
}

// err returns f as an error, or nil if nothing is wrong.
func (f *faults) err() error {
	if len(f.found) == 0 {
		return nil
	}
	slices.SortStableFunc(f.found, func(a, b fault) int { return a.line - b.line })
	return f
}

// Error returns a line for each fault.
func (f *faults) Error() string {
	var b strings.Builder
	f.print(&b)
	return strings.TrimSuffix(b.String(), "\n")
}

func (f *faults) print(w io.Writer) {
	for _, one := range f.found {
		if one.line == 0 {
			fmt.Fprintf(w, "%s: %s\n", f.file, one.text)
			continue
		}
		fmt.Fprintf(w, "%s:%d: %s\n", f.file, one.line, one.text)
		if one.excerpt != "" {
			fmt.Fprintln(w, one.excerpt)
		}
	}
}
