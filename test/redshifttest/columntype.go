package redshifttest

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// columnType is a type of Redshift and how PostgreSQL holds it. backing_types.sql has
// what PostgreSQL's own types do differently.
type columnType struct {
	sql    string // the type in PostgreSQL
	loose  string // the type in PostgreSQL of a cast that gives no length, if that is another
	bytes  int    // the most bytes of a CHAR, VARCHAR or VARBYTE; 0 for others
	ascii  bool   // CHAR
	binary bool   // VARBYTE
	finite string // an upper bound, exclusive of infinities, for types that have them in PostgreSQL
}

// types are Redshift's type names without arguments.
// https://docs.aws.amazon.com/redshift/latest/dg/c_Supported_data_types.html
var types = map[string]columnType{
	"smallint": {sql: "smallint"}, "int2": {sql: "smallint"}, "tinyint": {sql: "smallint"},
	"integer": {sql: "integer"}, "int": {sql: "integer"}, "int4": {sql: "integer"},
	"bigint": {sql: "bigint"}, "int8": {sql: "bigint"},
	"real": {sql: "real"}, "float4": {sql: "real"}, "float8": {sql: "double precision"}, "float": {sql: "double precision"},
	"boolean": {sql: "boolean"}, "bool": {sql: "boolean"},
	"date": {sql: "date", finite: "294276-12-31"}, "time": {sql: "time"}, "timetz": {sql: "timetz"},
	"timestamp": {sql: "timestamp", finite: "294276-12-31 23:59:59.999999"}, "timestamptz": {sql: "timestamptz", finite: "294276-12-31 23:59:59.999999+00"},
	"super": {sql: catalogueSchema + ".super"}, "text": {sql: "varchar(256)", loose: "varchar", bytes: 256},
	"bpchar": {sql: "bpchar(256)", loose: "bpchar", bytes: 256, ascii: true},
}

// maxVarchar is the length of VARCHAR(MAX).
const maxVarchar = 65535

// unsupportedTypes are types that PostgreSQL 8.0's catalogue knows but that no column may
// have.
// https://docs.aws.amazon.com/redshift/latest/dg/c_unsupported-postgresql-datatypes.html
var unsupportedTypes = strings.Fields(`abstime aclitem bigserial bit bytea cidr circle box inet interval line lseg macaddr
	money name oid path point polygon regclass regoper regproc regtype reltime serial serial4 serial8 tid varbit xid cid`)

// columnType reads a type.
func (p *parser) columnType() columnType {
	t := p.take()
	if t.kind == quotedToken {
		panic(ruled("R-255", unknown("a type in quotes")))
	}
	switch t.text {
	case "double":
		p.want("precision")
		return types["float8"]
	case "varchar", "nvarchar":
		return p.varchar()
	case "character", "char", "nchar":
		if p.accept("varying") {
			return p.varchar()
		}
		return p.char()
	case "decimal", "numeric":
		return p.decimal()
	case "varbyte", "varbinary":
		return p.varbyte()
	case "binary":
		p.want("varying")
		return p.varbyte()
	case "geometry", "geography", "hllsketch":
		panic(ruled("R-521", unknown("the type %s is not on the list", strings.ToUpper(t.text))))
	case "timestamp", "time":
		if p.accept("with", "time", "zone") {
			return types[t.text+"tz"]
		}
		p.accept("without", "time", "zone")
	}
	return p.plainType(t)
}

// plainType returns a type that takes no argument. There are no arrays.
func (p *parser) plainType(t token) columnType {
	c, ok := types[t.text]
	switch {
	case ok && t.kind == wordToken:
	case slices.Contains(unsupportedTypes, t.text):
		panic(&Refusal{Code: "0A000", Rule: "R-520", Message: fmt.Sprintf("Column \"%s\" has unsupported type \"%s\".", p.defining, t.text)})
	default:
		panic(&Refusal{Code: "42704", Rule: "R-520", Message: fmt.Sprintf("type %q does not exist", t.text)})
	}
	if p.peek().is("(") || p.peek().is("[") {
		p.fail()
	}
	return c
}

// length reads a length in parentheses, if there is one, and refuses one that is out of
// bounds.
func (p *parser) length(name string, usual, most int) (n int, given bool) {
	n = usual
	if given = p.accept("("); given {
		if name != "char" && p.accept("max") {
			n = most
		} else {
			n = p.integer()
		}
		p.want(")")
	}
	if n < 1 || n > most {
		panic(&Refusal{Code: "0A000", Rule: "R-519", Message: fmt.Sprintf("[stand-in] length for type %s must be between 1 and %d, it is %d", name, most, n)})
	}
	return n, given
}

func (p *parser) char() columnType {
	n, given := p.length("char", 1, 4096)
	c := columnType{sql: fmt.Sprintf("bpchar(%d)", n), bytes: n, ascii: true}
	if !given {
		c.loose = "bpchar"
	}
	return c
}

func (p *parser) varchar() columnType {
	n, given := p.length("varchar", 256, maxVarchar)
	c := columnType{sql: fmt.Sprintf("varchar(%d)", n), bytes: n}
	if !given {
		c.loose = "varchar"
	}
	return c
}

func (p *parser) varbyte() columnType {
	n, given := p.length("varbyte", 64000, 1024000)
	c := columnType{sql: "bytea", bytes: n, binary: true}
	if !given {
		c.loose = "bytea"
	}
	return c
}

func (p *parser) decimal() columnType {
	precision, scale := 18, 0
	if p.accept("(") {
		precision = p.integer()
		if p.accept(",") {
			scale = p.integer()
		}
		p.want(")")
	}
	if precision < 1 || precision > 38 {
		panic(&Refusal{Code: "0A000", Rule: "R-507", Message: fmt.Sprintf("DECIMAL precision %d must be between 1 and 38", precision)})
	}
	if scale > 37 || scale > precision {
		panic(&Refusal{Code: "0A000", Rule: "R-507", Message: fmt.Sprintf("DECIMAL scale %d must be between 0 and %d", scale, min(37, precision))})
	}
	return columnType{sql: fmt.Sprintf("numeric(%d,%d)", precision, scale)}
}

// check returns the CHECK that keeps a column within its type, and an empty string if
// PostgreSQL's type does that.
func (c columnType) check(column string) string {
	name, q := quote(checkPrefix+column), quote(column)
	switch {
	case c.binary:
		return fmt.Sprintf(" CONSTRAINT %s CHECK (octet_length(%s) <= %d OR %s.too_long(octet_length(%[2]s), %[3]d))", name, q, c.bytes, catalogueSchema)
	case c.finite != "":
		return fmt.Sprintf(" CONSTRAINT %s CHECK (isfinite(%s) AND %[2]s <= '%s' OR %s.out_of_range(%[2]s::text))", name, q, c.finite, catalogueSchema)
	}
	return ""
}

// checkPrefix begins the names of the stand-in's CHECKs.
const checkPrefix = "rs "

// cast returns the cast of an expression. A cast to a string with a length cuts the
// value; one without takes the length of what is cast.
// https://docs.aws.amazon.com/redshift/latest/dg/r_Character_types.html
func (c columnType) cast(expression string) string {
	if c.finite != "" || c.sql == "time" || c.sql == "timetz" {
		checkMoment(strings.Trim(expression, "()"))
	}
	switch {
	case c.binary && c.loose == "":
		return fmt.Sprintf("%s.varbyte(%[1]s.varbyte(%s), %d)", catalogueSchema, expression, c.bytes)
	case c.binary:
		return fmt.Sprintf("%s.varbyte(%s)", catalogueSchema, expression)
	case c.sql == superType:
		return fmt.Sprintf("%s.as_super(%s)", catalogueSchema, expression)
	case c.loose != "":
		return "(" + expression + ")::" + c.loose
	}
	return "(" + expression + ")::" + c.sql
}

// farYear matches a year of more than five digits at the beginning of a literal.
var farYear = regexp.MustCompile(`^'\s*(\d{6,})-`)

// checkMoment refuses literals of dates and timestamps, as PostgreSQL writes them, that
// PostgreSQL takes and Redshift does not. Redshift has no words for a moment but now,
// today, tomorrow and yesterday.
// https://docs.aws.amazon.com/redshift/latest/dg/r_Date_and_time_literals.html
func checkMoment(literal string) {
	switch word := strings.TrimLeft(lower(strings.Trim(literal, "' ")), "-+"); {
	case !strings.HasPrefix(literal, "'"):
	case word == "infinity", word == "epoch", word == "allballs":
		panic(&Refusal{Code: "22008", Rule: "R-513", Message: fmt.Sprintf("[stand-in] the date or time %q is not on the list", word)})
	default:
		far := farYear.FindStringSubmatch(literal)
		if far == nil {
			return
		}
		if year, err := strconv.Atoi(far[1]); err != nil || year > 294276 {
			panic(&Refusal{Code: "22008", Rule: "R-513", Message: "[stand-in] date out of range: " + far[1] + " is not within 4713 BC and 294276 AD"})
		}
	}
}

// ruled sets the rule that a refusal follows.
func ruled(rule string, r *Refusal) *Refusal {
	r.Rule = rule
	return r
}
