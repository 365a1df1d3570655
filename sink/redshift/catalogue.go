package redshift

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"rowshift/schema"
)

// catalogueType writes a type in the form of declaredType. text is what SVV_REDSHIFT_COLUMNS
// says, such as `numeric(12,2)` or `character varying(20)`; without a length if the catalogue
// gives none. A type that cannot be parsed is returned unchanged, in quotes: it equals no type
// of ours, and errors show what the catalogue said.
// https://docs.aws.amazon.com/redshift/latest/dg/r_SIGN.html has an example.
func catalogueType(text string) string {
	text = strings.TrimSpace(text)
	parts := shownType.FindStringSubmatch(text)
	if parts == nil {
		return strconv.Quote(text)
	}
	kind, sizes := declaredType(text), 0
	for _, size := range parts[1:] {
		if size != "" {
			sizes++
		}
	}
	if name, _, _ := strings.Cut(kind, "("); sizes > mostSizes[name] {
		return strconv.Quote(text)
	}
	return kind
}

// shownType matches a type's name with the sizes that it may have.
var shownType = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_ ]*(?:\(\s*([0-9]+)\s*(?:,\s*([0-9]+)\s*)?\))?$`)

// mostSizes is how many sizes a type has at most. Types that are not listed have none.
var mostSizes = map[string]int{"VARCHAR": 1, "CHAR": 1, "VARBYTE": 1, "DECIMAL": 2}

// spaces matches the punctuation of a type, with the blanks that may be around it.
var spaces = regexp.MustCompile(`\s*([(,)])\s*`)

// fits reports whether a column of a type that the catalogue gives is one that we would declare
// so. If the catalogue gives no length, any length fits.
func fits(catalogue, declared string) bool {
	declared = declaredType(declared)
	if name, _, found := strings.Cut(declared, "("); found && catalogue == name {
		return true
	}
	return catalogue == declared
}

// wholes are the types of whole numbers, with the number of digits that each has at most.
var wholes = map[string]int{"SMALLINT": 5, "INTEGER": 10, "BIGINT": 19}

// holds reports whether a column of a type that the catalogue gives can hold all values of a
// type that we would declare, unchanged.
func holds(catalogue, declared string) bool {
	declared = declaredType(declared)
	if fits(catalogue, declared) {
		return true
	}
	is, room := sized(catalogue)
	needs, need := sized(declared)
	switch {
	case is == "DOUBLE PRECISION":
		return needs == "REAL"
	case is == "BIGINT", is == "INTEGER":
		return wholes[needs] > 0 && wholes[needs] <= wholes[is]
	case is == "DECIMAL" && len(room) == 2 && wholes[needs] > 0:
		return room[0]-room[1] >= wholes[needs]
	case is != needs || len(room) != len(need):
		return false
	case len(room) == 2:
		return room[1] >= need[1] && room[0]-room[1] >= need[0]-need[1]
	}
	return len(room) == 1 && room[0] >= need[0]
}

// sized splits a type into its name and its sizes.
func sized(kind string) (name string, sizes []int) {
	name, arguments, _ := strings.Cut(strings.TrimSuffix(kind, ")"), "(")
	for _, a := range strings.Split(arguments, ",") {
		if n, err := strconv.Atoi(a); err == nil {
			sizes = append(sizes, n)
		}
	}
	return name, sizes
}

// declaredType writes a type in one form, so that types can be compared.
func declaredType(kind string) string {
	kind = spaces.ReplaceAllString(strings.ToUpper(kind), "$1")
	name, arguments, found := strings.Cut(kind, "(")
	if ours, ok := schema.TypeName(name); ok {
		name = ours
	} else if name == "CHARACTER" || name == "BPCHAR" { // which rowshift does not make
		name = "CHAR"
	}
	if !found {
		return name
	}
	if name == "DECIMAL" && !strings.Contains(arguments, ",") {
		arguments = strings.TrimSuffix(arguments, ")") + ",0)"
	}
	return fmt.Sprintf("%s(%s", name, arguments)
}
