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
	if !mayBeName(name) {
		panic(fmt.Sprintf("redshift: %q cannot be a name", name))
	}
	return `"` + strings.ReplaceAll(schema.Fold(name), `"`, `""`) + `"`
}

// spare is a name with a suffix, as often as it takes for one that is not taken. Of one that is
// too long then, what stands before the suffix is cut, between characters.
func spare(name, suffix string, taken func(string) bool) string {
	for behind := suffix; ; behind += suffix {
		cut := name[:min(len(name), maxName-len(behind))]
		if to := strings.ToValidUTF8(cut, "") + behind; !taken(to) {
			return to
		}
	}
}

// quotedUser writes the name of a user, which keeps its case in quotes, as others do not:
// names of IAM and of identity providers, such as IAMR:Analyst, have capitals.
// https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_USER.html
func quotedUser(name string) string {
	if !mayBeName(name) {
		panic(fmt.Sprintf("redshift: %q cannot be the name of a user", name))
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

func mayBeName(name string) bool {
	return name != "" && len(name) <= maxName && strings.IndexByte(name, 0) < 0
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
