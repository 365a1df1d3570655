package redshift

import (
	"fmt"
	"strings"

	"rowshift/schema"
)

// maxName is how many bytes a name may have; Redshift cuts longer ones in silence.
// https://docs.aws.amazon.com/redshift/latest/dg/r_names.html
const maxName = 127

// quoted writes a name, folded as Redshift would fold it. Every name is quoted, so
// that no reserved word is one. A name that cannot be one is a mistake of ours or
// was let through by the config: it panics.
func quoted(name string) string {
	if name == "" || len(name) > maxName || strings.IndexByte(name, 0) >= 0 {
		panic(fmt.Sprintf("redshift: %q cannot be a name", name))
	}
	return `"` + strings.ReplaceAll(schema.Fold(name), `"`, `""`) + `"`
}

// escaped is what literal writes for what a literal cannot hold as it is.
var escaped = strings.NewReplacer(`\`, `\\`, `'`, `''`, "\x00", "")

// literal writes a string. Backslash is an escape in Redshift's plain literals.
func literal(value string) string { return "'" + escaped.Replace(value) + "'" }

// list joins what is written for each of some things.
func list[T any](things []T, write func(int, T) string) string {
	var parts []string
	for i, thing := range things {
		parts = append(parts, write(i, thing))
	}
	return strings.Join(parts, ", ")
}
