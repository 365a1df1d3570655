package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"
)

// kindsOfFields are what JSON makes of a field. A time is a string of a form of its own.
var kindsOfFields = map[string]string{
	"String": "text", "Stringer": "text", "Time": "time", "Bool": "bool", "Strings": "texts", "Dict": "object",
	"Int": "number", "Int64": "number", "Uint64": "number", "Float64": "number", "Duration": "number",
}

// TestKeysHaveOneKind reads all that is logged here: what indexes a log by the kinds of its
// keys refuses the second kind of a key that it meets.
func TestKeysHaveOneKind(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	kinds, fset := map[string]string{}, token.NewFileSet()
	for _, entry := range entries {
		if name := entry.Name(); !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(fset, entry.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			key, field := fieldOf(n)
			if key == "" {
				return true
			}
			kind, known := kindsOfFields[field]
			if before := kinds[key]; !known || before != "" && before != kind {
				t.Errorf("%s: %q is logged by zap.%s, elsewhere as a %s", fset.Position(n.Pos()), key, field, before)
			}
			kinds[key] = kind
			return true
		})
	}
	if kinds["committed_at"] != "time" || kinds["lsn"] != "text" || len(kinds) < 30 {
		t.Errorf("not all keys were found: %v", kinds)
	}
}

// fieldOf returns the key of a call of zap.<field> with a key, if n is one.
func fieldOf(n ast.Node) (key, field string) {
	call, ok := n.(*ast.CallExpr)
	if !ok || len(call.Args) != 2 {
		return "", ""
	}
	fun, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return "", ""
	}
	of, named := fun.X.(*ast.Ident)
	literal, ok := call.Args[0].(*ast.BasicLit)
	if !ok || !named || of.Name != "zap" {
		return "", ""
	}
	key, _ = strconv.Unquote(literal.Value)
	return key, fun.Sel.Name
}
