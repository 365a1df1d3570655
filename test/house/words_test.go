package house

import (
	"go/ast"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestPackagesSayWhatTheyAre(t *testing.T) {
	said := map[string]int{}
	for _, s := range sources(t) {
		if strings.HasSuffix(s.file.Name.Name, "_test") {
			continue
		}
		said[s.room()] += 0
		if s.file.Doc != nil && !s.test() {
			said[s.room()] += len(s.file.Doc.Text())
		}
	}
	for room, n := range said {
		if n < 80 {
			t.Errorf("%s has a package comment of %d characters", room, n)
		}
	}
}

func TestExportedNamesAreDocumented(t *testing.T) {
	for _, s := range sources(t) {
		if s.test() {
			continue
		}
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && receiverExported(d) && !ofInterface(d.Name.Name) {
					t.Errorf("%s: %s has no comment", s.set.Position(d.Pos()), d.Name)
				}
			case *ast.GenDecl:
				undocumented(d, func(name *ast.Ident) { t.Errorf("%s: %s has no comment", s.set.Position(name.Pos()), name) })
			}
		}
	}
}

func receiverExported(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	typ := d.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	name, ok := typ.(*ast.Ident)
	return ok && name.IsExported()
}

// ofInterface reports whether the standard library defines what a name means.
func ofInterface(name string) bool {
	return slices.Contains([]string{"Error", "Unwrap", "String", "Close", "Read", "Write", "MarshalJSON", "UnmarshalYAML", "Format", "GoString", "Is", "As", "Retryable", "Pos", "End"}, name)
}

func undocumented(d *ast.GenDecl, report func(*ast.Ident)) {
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if spec.Name.IsExported() && d.Doc == nil && spec.Doc == nil && spec.Comment == nil {
				report(spec.Name)
			}
		case *ast.ValueSpec:
			for _, name := range spec.Names {
				if name.IsExported() && d.Doc == nil && spec.Doc == nil && spec.Comment == nil {
					report(name)
				}
			}
		}
	}
}

// drawers are names that say nothing about what is inside.
var drawers = []string{"util", "utils", "helper", "helpers", "common", "misc", "types", "manager", "service", "base", "shared"}

func TestNoDrawers(t *testing.T) {
	for _, s := range sources(t) {
		name := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(s.path), ".go"), "_test")
		for _, part := range append(strings.Split(s.room(), "/"), name) {
			if slices.Contains(drawers, part) {
				t.Errorf("%s: %q says nothing of what is inside", s.path, part)
			}
		}
	}
}

// unfinished and machine match what must not stay in the repository: unfinished work, with waits
// for nothing but time to pass, and words that belong to one machine.
var (
	unfinished = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK)\b|unimplemen` + `ted|time\.Sle` + `ep\(|(?m:^\s*<-time\.Af` + `ter\()`)
	machine    = regexp.MustCompile(`\.\./sha` + `red|/wo` + `rk/|design\.m` + `d|redshift\.m` + `d|postgres\.m` + `d|reliability\.m` + `d|proxy\.gol` + `ang\.org|registry\.npm` + `js`)
)

func TestNothingIsLeftOpen(t *testing.T) {
	walk(t, func(path string) {
		switch filepath.Ext(path) {
		case ".go", ".md", ".yaml", ".yml", ".sh", ".sql", "":
		default:
			return
		}
		body := text(t, path)
		if found := machine.FindString(body); found != "" {
			t.Errorf("%s names %q", path, found)
		}
		if strings.HasSuffix(path, ".go") && !sleepsOnPurpose(path) {
			if found := unfinished.FindString(body); found != "" {
				t.Errorf("%s has %q", path, found)
			}
		}
	})
}

// sleepsOnPurpose reports whether a file may sleep, because its clock is synctest's or
// because it stands in for a slow world.
func sleepsOnPurpose(path string) bool {
	return strings.HasPrefix(path, "replicator/sim_") || slices.Contains([]string{"replicator/postgres/gather_test.go", "replicator/postgres/lock_test.go", "cmd/rowshift/log_merges_test.go", "cmd/rowshift/state_test.go"}, path)
}
