package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../.."

// source is one Go file of the repository.
type source struct {
	path string // from the root, with slashes
	file *ast.File
	set  *token.FileSet
}

// room returns the folder of the file.
func (s source) room() string { return filepath.ToSlash(filepath.Dir(s.path)) }

func (s source) test() bool { return strings.HasSuffix(s.path, "_test.go") }

// lines returns the number of lines of the file.
func (s source) lines() int { return s.set.File(s.file.Pos()).LineCount() }

// sources reads every Go file of the repository.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	walk(t, func(path string) {
		if !strings.HasSuffix(path, ".go") {
			return
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, filepath.Join(root, path), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, source{path: path, file: file, set: set})
	})
	if len(all) < 50 {
		t.Fatalf("only %d Go files found: this test looks in the wrong place", len(all))
	}
	return all
}

// walk calls visit with every file of the repository, by its path from the root with
// slashes.
func walk(t *testing.T, visit func(path string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path, _ = filepath.Rel(root, path)
		path = filepath.ToSlash(path)
		if d.IsDir() {
			switch d.Name() {
			case ".git", "bin", "dist", "node_modules":
				return fs.SkipDir
			}
			return nil
		}
		visit(path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// text reads a file of the repository.
func text(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
