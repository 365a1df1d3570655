package schema

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// spelling is a Redshift type taken apart.
type spelling struct {
	name        string // as we spell it: "VARCHAR", "DECIMAL", "DOUBLE PRECISION"
	size, scale int    // VARCHAR(size), VARBYTE(size), DECIMAL(size,scale)
}

func (s spelling) String() string {
	switch s.name {
	case "VARCHAR", "VARBYTE":
		return fmt.Sprintf("%s(%d)", s.name, s.size)
	case "DECIMAL":
		return fmt.Sprintf("%s(%d,%d)", s.name, s.size, s.scale)
	}
	return s.name
}

// redshiftNames are all names of Redshift's types, with the name that we use for each.
// https://docs.aws.amazon.com/redshift/latest/dg/c_Supported_data_types.html
var redshiftNames = map[string]string{
	"SMALLINT": "SMALLINT", "INT2": "SMALLINT",
	"INTEGER": "INTEGER", "INT": "INTEGER", "INT4": "INTEGER",
	"BIGINT": "BIGINT", "INT8": "BIGINT",
	"DECIMAL": "DECIMAL", "NUMERIC": "DECIMAL",
	"REAL": "REAL", "FLOAT4": "REAL",
	"DOUBLE PRECISION": "DOUBLE PRECISION", "FLOAT8": "DOUBLE PRECISION", "FLOAT": "DOUBLE PRECISION",
	"BOOLEAN": "BOOLEAN", "BOOL": "BOOLEAN",
	"VARCHAR": "VARCHAR", "CHARACTER VARYING": "VARCHAR", "NVARCHAR": "VARCHAR",
	"VARBYTE": "VARBYTE", "VARBINARY": "VARBYTE", "BINARY VARYING": "VARBYTE",
	"DATE": "DATE", "TIME": "TIME", "TIME WITHOUT TIME ZONE": "TIME", "TIMETZ": "TIMETZ", "TIME WITH TIME ZONE": "TIMETZ",
	"TIMESTAMP": "TIMESTAMP", "TIMESTAMP WITHOUT TIME ZONE": "TIMESTAMP", "TIMESTAMPTZ": "TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ",
	"SUPER": "SUPER", "GEOMETRY": "GEOMETRY", "GEOGRAPHY": "GEOGRAPHY",
}

// TypeName returns the name that we use for a Redshift type, given any of its names in upper
// case, without sizes. It returns false if rowshift makes no such type.
func TypeName(alias string) (name string, ok bool) {
	name, ok = redshiftNames[alias]
	return name, ok
}

// written matches a type as a person may write it, in upper case: its name, and its numbers.
var written = regexp.MustCompile(`^([A-Z0-9 ]+?)\s*(?:\(\s*(\w+)\s*(?:,\s*(\d+)\s*)?\))?$`)

// spell takes apart a Redshift type that a person wrote. The error says what is wrong with
// it.
func spell(text string) (spelling, error) {
	parts := written.FindStringSubmatch(strings.Join(strings.Fields(strings.ToUpper(text)), " "))
	if parts == nil || redshiftNames[parts[1]] == "" {
		return spelling{}, fmt.Errorf("%.64q is not a type of Redshift that rowshift makes", text)
	}
	s := spelling{name: redshiftNames[parts[1]]}
	size, scale := parts[2], parts[3]
	switch {
	case s.name == "VARCHAR" || s.name == "VARBYTE" || s.name == "DECIMAL":
		return s.sized(size, scale)
	case size != "":
		return s, fmt.Errorf("%s takes no length", s.name)
	}
	return s, nil
}

// Spelled returns a Redshift type that a person wrote, as statements spell it.
func Spelled(text string) (string, error) {
	s, err := spell(text)
	return s.String(), err
}

// sized adds the numbers that a type has in parentheses. They may not be left out: Redshift
// would take 256 bytes, or whole numbers of 18 digits, and nobody means that.
// https://docs.aws.amazon.com/redshift/latest/dg/r_Character_types.html
func (s spelling) sized(size, scale string) (spelling, error) {
	least, most := 1, map[string]int{"VARCHAR": maxVarchar, "VARBYTE": maxVarbyte, "DECIMAL": maxPrecision}[s.name]
	if size == "MAX" && s.name == "VARCHAR" {
		size = strconv.Itoa(most)
	}
	n, err := strconv.Atoi(size)
	switch {
	case size == "":
		return s, fmt.Errorf("%s needs its length", s.name)
	case err != nil || n < least || n > most:
		return s, fmt.Errorf("%s(%s) is out of range: %d to %d", s.name, size, least, most)
	case scale != "" && s.name != "DECIMAL":
		return s, fmt.Errorf("%s takes one number", s.name)
	case n == int64Digits && s.name == "DECIMAL":
		return s, fmt.Errorf("DECIMAL(19) ends at 9223372036854775807, before its digits do: write 18 or 20")
	}
	s.size = n
	if scale == "" {
		return s, nil
	}
	s.scale, err = strconv.Atoi(scale)
	if err != nil || s.scale > min(maxScale, s.size) {
		return s, fmt.Errorf("the scale of %s(%s,%s) is out of range: 0 to %d", s.name, size, scale, min(maxScale, s.size))
	}
	return s, nil
}
