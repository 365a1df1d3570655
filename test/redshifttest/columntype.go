package redshifttest

import (
	"fmt"
	"strings"
)

// columnType is a type as Redshift has it, and how PostgreSQL holds it.
type columnType struct {
	sql    string // PostgreSQL's
	bytes  int    // the most bytes of a CHAR, VARCHAR or VARBYTE; 0 for others
	ascii  bool   // CHAR
	binary bool   // VARBYTE
	int64  bool   // a DECIMAL of up to 19 digits is held as one
}

// types are Redshift's type names without arguments.
// https://docs.aws.amazon.com/redshift/latest/dg/c_Supported_data_types.html
var types = map[string]columnType{
	"smallint": {sql: "smallint"}, "int2": {sql: "smallint"},
	"integer": {sql: "integer"}, "int": {sql: "integer"}, "int4": {sql: "integer"},
	"bigint": {sql: "bigint"}, "int8": {sql: "bigint"},
	"real": {sql: "real"}, "float4": {sql: "real"}, "float8": {sql: "double precision"}, "float": {sql: "double precision"},
	"boolean": {sql: "boolean"}, "bool": {sql: "boolean"},
	"date": {sql: "date"}, "time": {sql: "time"}, "timetz": {sql: "timetz"},
	"timestamp": {sql: "timestamp"}, "timestamptz": {sql: "timestamptz"},
	"super": {sql: catalogueSchema + ".super"}, "text": {sql: "bpchar", bytes: 256},
}

// maxVarchar is VARCHAR(MAX).
const maxVarchar = 65535

// columnType reads a type.
func (p *parser) columnType() columnType {
	t := p.take()
	switch t.text {
	case "double":
		p.want("precision")
		return types["float8"]
	case "varchar", "nvarchar":
		return p.varchar()
	case "character", "char", "nchar", "bpchar":
		if p.accept("varying") {
			return p.varchar()
		}
		n := 1
		if p.accept("(") {
			n = p.integer()
			p.want(")")
		}
		if n < 1 || n > 4096 {
			p.refuse("0A000", fmt.Sprintf("length for type char cannot exceed 4096, it is %d", n))
		}
		return columnType{sql: "bpchar", bytes: n, ascii: true}
	case "decimal", "numeric":
		return p.decimal()
	case "varbyte", "varbinary":
		n := 64000
		if p.accept("(") {
			n = p.integer()
			p.want(")")
		}
		if n < 1 || n > 1024000 {
			p.refuse("0A000", fmt.Sprintf("length for type varbyte cannot exceed 1024000, it is %d", n))
		}
		return columnType{sql: "bytea", bytes: n, binary: true}
	case "timestamp", "time":
		if p.accept("with", "time", "zone") {
			return types[t.text+"tz"]
		}
		p.accept("without", "time", "zone")
	case "bytea", "serial", "bigserial", "oid", "bit", "json", "name":
		p.refuse("0A000", fmt.Sprintf("Column \"%s\" has unsupported type \"%s\".", "c", t.text))
	}
	c, ok := types[t.text]
	if !ok || t.kind != wordToken {
		p.refuse("42704", fmt.Sprintf("type %q does not exist", t.text))
	}
	if p.peek().is("(") || p.peek().is("[") {
		p.fail() // no type here takes an argument, and there are no arrays
	}
	return c
}

func (p *parser) varchar() columnType {
	n := 256
	if p.accept("(") {
		if p.accept("max") {
			n = maxVarchar
		} else {
			n = p.integer()
		}
		p.want(")")
	}
	if n < 1 || n > maxVarchar {
		p.refuse("0A000", fmt.Sprintf("length for type varchar cannot exceed 65535, it is %d", n))
	}
	return columnType{sql: "bpchar", bytes: n}
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
		p.refuse("0A000", fmt.Sprintf("DECIMAL precision %d must be between 1 and 38", precision))
	}
	if scale > 37 || scale > precision {
		p.refuse("0A000", fmt.Sprintf("DECIMAL scale %d must be between 0 and %d", scale, min(37, precision)))
	}
	return columnType{sql: fmt.Sprintf("numeric(%d,%d)", precision, scale), int64: precision == 19}
}

// check returns the CHECK that holds a column to its type, empty if PostgreSQL's
// type does. Its name tells what broke when it is violated.
func (c columnType) check(column string) string {
	name := quote(checkPrefix + column)
	var conditions []string
	if c.bytes > 0 {
		conditions = append(conditions, fmt.Sprintf("octet_length(%s) <= %d", quote(column), c.bytes))
	}
	if c.ascii {
		conditions = append(conditions, fmt.Sprintf("octet_length(%[1]s) = char_length(rpad(%[1]s::text, octet_length(%[1]s)))", quote(column)))
	}
	if c.int64 {
		conditions = append(conditions, fmt.Sprintf("abs(%s * 10 ^ scale(%[1]s)) <= 9223372036854775807", quote(column)))
	}
	if len(conditions) == 0 {
		return ""
	}
	return " CONSTRAINT " + name + " CHECK (" + strings.Join(conditions, " AND ") + ")"
}

// checkPrefix begins the names of our CHECKs.
const checkPrefix = "rs "
