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

// faults collects what is wrong with a config file, to be told all at once. It is
// an error whose exit code is 2.
type faults struct {
	file  string // the file's path as it was given: faults begin with it
	found []fault
	at    map[string]position // of keys, by their path
}

type position struct{ line, column int }

// fault is one thing that is wrong: a line (0: the file itself), and for a key that is not known an
// excerpt of the file with a caret under it. It holds no value that could be a
// secret.
type fault struct {
	position
	text    string
	excerpt string
}

func newFaults(path string) *faults {
	return &faults{file: path, at: map[string]position{}}
}

// addFile says what is wrong with the file itself, of which nothing was read.
func (f *faults) addFile(found, remedy string) {
	f.found = append(f.found, fault{text: found + "; " + remedy})
}

// add says that what is at path is wrong, and what to do about it. A key that is
// missing is told at the line of the nearest one above it.
func (f *faults) add(path, found, remedy string) {
	at := f.position(path)
	text := found + "; " + remedy
	if path != "" {
		text = path + ": " + text
	}
	f.found = append(f.found, fault{position: at, text: text})
}

// farthest is the last column that an excerpt shows: beyond it, as on one long line with
// many keys, the caret would stand where a terminal has wrapped the line.
const farthest = 60

// addUnknown says that the file has a key that means nothing. The excerpt shows the
// key alone: what stands beside it may be a password.
func (f *faults) addUnknown(path string) {
	at := f.position(path)
	place, key := f.parent(path)
	f.found = append(f.found, fault{
		position: at,
		text:     fmt.Sprintf("%s: unknown key; %s", path, knownKeys(place)),
		excerpt:  excerpt(at, key),
	})
}

// addNoKey says that among the keys of a place is one that is a list, or says what it is.
func (f *faults) addNoKey(t *token.Token, place string) {
	text := "has a key that is no plain text; " + knownKeys(place)
	if place != "" {
		text = place + ": " + text
	}
	f.found = append(f.found, fault{position: position{t.Position.Line, t.Position.Column}, text: text})
}

// parent splits a path at its last key, which may hold dots itself.
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

// wordsOf says what is wrong with the YAML, and what to do about it. Where the library
// quotes from the file we have words of our own: it may be the password of somebody who
// did not know that its first character means something.
func wordsOf(err error) (found, remedy string) {
	const unreadable, correct = "cannot be read as YAML", "correct the YAML here"
	var y interface{ GetMessage() string }
	if !errors.As(err, &y) {
		return unreadable, correct
	}
	message := y.GetMessage()
	has := func(words string) bool { return strings.Contains(message, words) }
	switch {
	case strings.HasPrefix(message, "mapping key "): // keys are no secrets
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

// addYAML says that the file is not YAML, without quoting from it but keys.
func (f *faults) addYAML(err error) {
	at := position{1, 1}
	if t := errorToken(err); t != nil && t.Position != nil {
		at = position{t.Position.Line, t.Position.Column}
	}
	found, remedy := wordsOf(err)
	f.found = append(f.found, fault{position: at, text: found + "; " + remedy})
}

// addUndecodable says that the YAML cannot be taken as a config. Of a merge key the
// library does not say where it is.
func (f *faults) addUndecodable(err error) {
	for path := range f.at {
		if errorToken(err) == nil && (path == "<<" || strings.HasSuffix(path, ".<<")) {
			f.add(path, "is a merge key that cannot be read", "write the keys out")
			return
		}
	}
	f.addYAML(err)
}

// errorToken returns where in the file an error of the YAML library is.
func errorToken(err error) *token.Token {
	var y interface{ GetToken() *token.Token }
	if errors.As(err, &y) {
		return y.GetToken()
	}
	return nil
}

// locate remembers where each key of a tree stands.
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

// position returns where path stands, or the nearest key above it.
func (f *faults) position(path string) position {
	for path != "" {
		if at, ok := f.at[path]; ok {
			return at
		}
		path = path[:max(strings.LastIndexByte(path, '.'), 0)]
	}
	return position{1, 1}
}

// err returns f if anything is wrong.
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
