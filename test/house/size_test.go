package house

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

const (
	maxFile         = 500
	maxFunction     = 100
	maxFunctionP90  = 35
	maxMethodsOfAny = 4
)

func TestFilesAreSmall(t *testing.T) {
	for _, s := range sources(t) {
		if n := s.lines(); n > maxFile && !ast.IsGenerated(s.file) {
			t.Errorf("%s has %d lines, more than %d: a room that grows too big", s.path, n, maxFile)
		}
	}
}

func TestFunctionsAreSmall(t *testing.T) {
	var sizes []int
	for _, s := range sources(t) {
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			n := s.set.Position(f.End()).Line - s.set.Position(f.Pos()).Line + 1
			if n > maxFunction {
				t.Errorf("%s: %s has %d lines, more than %d", s.path, f.Name, n, maxFunction)
			}
			if !s.test() {
				sizes = append(sizes, n)
			}
		}
	}
	slices.Sort(sizes)
	if p90 := sizes[len(sizes)*9/10]; p90 >= maxFunctionP90 {
		t.Errorf("nine of ten functions have up to %d lines; at most %d are wanted", p90, maxFunctionP90-1)
	}
}

// An interface has what its user needs, not all that its implementation has.
func TestInterfacesAreSmall(t *testing.T) {
	for _, s := range sources(t) {
		if strings.HasPrefix(s.path, "test/") {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if i, ok := n.(*ast.InterfaceType); ok && i.Methods.NumFields() > maxMethodsOfAny {
				t.Errorf("%s: an interface of %d methods", s.set.Position(i.Pos()), i.Methods.NumFields())
			}
			return true
		})
	}
}
