package redshift

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// catalogueType writes a type as declaredType does, from what SVV_COLUMNS tells of
// it; without a length if it tells none. https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_COLUMNS.html
func catalogueType(kind, length, precision, scale string) string {
	sized := func(name, arguments string) string {
		if strings.Trim(arguments, ",") == "" {
			return name
		}
		return name + "(" + arguments + ")"
	}
	switch kind {
	case "character varying":
		return sized("VARCHAR", length)
	case "character":
		return sized("CHAR", length)
	case "numeric":
		return sized("DECIMAL", precision+","+scale)
	case "binary varying":
		return sized("VARBYTE", length)
	}
	if name, ok := catalogueNames[kind]; ok {
		return name
	}
	return strings.ToUpper(kind)
}

var catalogueNames = map[string]string{
	"time without time zone": "TIME", "time with time zone": "TIMETZ",
	"timestamp without time zone": "TIMESTAMP", "timestamp with time zone": "TIMESTAMPTZ",
}

// spaces are those that a type is written with or without.
var spaces = regexp.MustCompile(`\s*([(,)])\s*`)

// aliases are type names that mean the same.
var aliases = map[string]string{"NUMERIC": "DECIMAL", "CHARACTER VARYING": "VARCHAR", "INT": "INTEGER", "FLOAT8": "DOUBLE PRECISION", "FLOAT4": "REAL", "BOOL": "BOOLEAN"}

// fits tells whether a column of the type that the catalogue names is one that we
// would declare so. A length that the catalogue does not tell is not held against it.
func fits(catalogue, declared string) bool {
	declared = declaredType(declared)
	if name, _, found := strings.Cut(declared, "("); found && catalogue == name {
		return true
	}
	return catalogue == declared
}

// wholes are the whole numbers, by how many digits they have at most.
var wholes = map[string]int{"SMALLINT": 5, "INTEGER": 10, "BIGINT": 19}

// holds tells whether a column of the type that the catalogue names holds all values of
// a type that we would declare, as they are.
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
	case len(room) == 2 && wholes[needs] > 0: // DECIMAL
		return room[0]-room[1] >= wholes[needs]
	case is != needs || len(room) != len(need):
		return false
	case len(room) == 2:
		return room[1] >= need[1] && room[0]-room[1] >= need[0]-need[1]
	}
	return len(room) == 1 && room[0] >= need[0]
}

// sized takes a type's name and its sizes apart.
func sized(kind string) (name string, sizes []int) {
	name, arguments, _ := strings.Cut(strings.TrimSuffix(kind, ")"), "(")
	for _, a := range strings.Split(arguments, ",") {
		if n, err := strconv.Atoi(a); err == nil {
			sizes = append(sizes, n)
		}
	}
	return name, sizes
}

// declaredType writes a type of ours in one way.
func declaredType(kind string) string {
	kind = spaces.ReplaceAllString(strings.ToUpper(kind), "$1")
	name, arguments, found := strings.Cut(kind, "(")
	if alias, ok := aliases[name]; ok {
		name = alias
	}
	if !found {
		return name
	}
	if name == "DECIMAL" && !strings.Contains(arguments, ",") {
		arguments = strings.TrimSuffix(arguments, ")") + ",0)"
	}
	return fmt.Sprintf("%s(%s", name, arguments)
}
