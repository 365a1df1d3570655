package redshift

import (
	"fmt"
	"strings"

	"rowshift/schema"
)

// quoted writes a name in quotes, folded as Redshift would fold it. Every name is quoted, so
// that no name is taken for a reserved word. It panics if a name is not possible, which means
// that there is a mistake of ours, or that the config let it through.
func quoted(name string) string {
	if !mayBeName(name) {
		panic(fmt.Sprintf("redshift: %q cannot be a name", name))
	}
	return `"` + strings.ReplaceAll(schema.Fold(name), `"`, `""`) + `"`
}

// spare returns a name with the suffix behind it, repeated until the result is not taken. If
// that is too long, the name before the suffix is cut, between characters.
func spare(name, suffix string, taken func(string) bool) string {
	for behind := suffix; ; behind += suffix {
		cut := name[:min(len(name), schema.MaxName-len(behind))]
		if to := strings.ToValidUTF8(cut, "") + behind; !taken(to) {
			return to
		}
	}
}

// quotedUser writes the name of a user in quotes. Unlike other names it keeps its case: names
// from IAM and from identity providers, such as IAMR:Analyst, have capitals.
// https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_USER.html
func quotedUser(name string) string {
	if !mayBeName(name) {
		panic(fmt.Sprintf("redshift: %q cannot be the name of a user", name))
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

func mayBeName(name string) bool {
	return name != "" && len(name) <= schema.MaxName && strings.IndexByte(name, 0) < 0
}

// escaped replaces what a literal cannot hold as it is.
var escaped = strings.NewReplacer(`\`, `\\`, `'`, `''`, "\x00", "")

// literal writes a string. Backslash is an escape in Redshift's plain literals.
func literal(value string) string { return "'" + escaped.Replace(value) + "'" }

// list joins what write returns for each thing, with commas.
func list[T any](things []T, write func(int, T) string) string {
	var parts []string
	for i, thing := range things {
		parts = append(parts, write(i, thing))
	}
	return strings.Join(parts, ", ")
}
