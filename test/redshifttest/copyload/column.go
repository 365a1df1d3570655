package copyload

import (
	"bytes"
	"strconv"
)

// column is a Column with what the conversion of its fields needs.
type column struct {
	*Column
	// append converts v and appends it to dst in COPY's text format.
	append func(c *column, dst, v []byte) ([]byte, *fault)
	spec   *Spec
	text   bool // CHAR or VARCHAR, whose fields can be empty and not NULL
	clock  layout
	reader reader
	moment moment
}

func newColumns(s *Spec) []column {
	columns := make([]column, len(s.Columns))
	for i := range s.Columns {
		c := &columns[i]
		*c = column{Column: &s.Columns[i], spec: s, append: appenders[s.Columns[i].Type.Kind]}
		switch c.Type.Kind {
		case Char, Varchar:
			c.text = true
		case Date:
			c.clock = newLayout(s.DateFormat)
		case Timestamp, TimestampTZ:
			c.clock = newLayout(s.TimeFormat)
		}
	}
	return columns
}

var appenders = [...]func(*column, []byte, []byte) ([]byte, *fault){
	SmallInt: appendInt, Integer: appendInt, BigInt: appendInt, Decimal: appendDecimal,
	Real: appendFloat, Double: appendFloat, Boolean: appendBoolean,
	Char: appendChar, Varchar: appendVarchar,
	Date: appendDate, Time: appendTime, TimeTZ: appendTime, Timestamp: appendTimestamp, TimestampTZ: appendTimestamp,
	Super: appendSuper, Varbyte: appendVarbyte, Geometry: appendGeometry, Geography: appendGeometry,
}

var kindNames = [...]string{
	SmallInt: "int2", Integer: "int4", BigInt: "int8", Decimal: "numeric", Real: "float4", Double: "float8",
	Boolean: "bool", Char: "char", Varchar: "varchar", Date: "date", Time: "time", TimeTZ: "timetz",
	Timestamp: "timestamp", TimestampTZ: "timestamptz", Super: "super", Varbyte: "varbyte",
	Geometry: "geometry", Geography: "geography",
}

// name returns the type as stl_load_errors spells it.
func (t Type) name() string { return kindNames[t.Kind] }

// length returns the col_length of stl_load_errors, which is 0 for a type without a
// length (https://github.com/transferwise/pipelinewise/issues/404).
func (t Type) length() string {
	switch t.Kind {
	case Char, Varchar, Varbyte:
		return strconv.Itoa(t.Length)
	case Decimal:
		return strconv.Itoa(t.Precision) + "," + strconv.Itoa(t.Scale)
	}
	return "0"
}

// isNull reports whether a field means NULL. It does if it is the marker, in quotes or
// not. A blank field means NULL for every type but CHAR and VARCHAR, and for those with
// EMPTYASNULL or BLANKSASNULL.
func (c *column) isNull(v, marker []byte) bool {
	if marker != nil && bytes.Equal(v, marker) {
		return true
	}
	if len(v) > 0 && v[0] > ' ' {
		return false
	}
	if c.text {
		return len(v) == 0 && c.spec.EmptyAsNull || len(v) > 0 && c.spec.BlanksAsNull && isBlank(v)
	}
	return isBlank(v)
}

func isBlank(v []byte) bool {
	for _, b := range v {
		if b != ' ' && (b < '\t' || b > '\r') {
			return false
		}
	}
	return true
}

// appendNull appends NULL or the column's default.
func (c *column) appendNull(dst []byte) ([]byte, *fault) {
	switch {
	case !c.NotNull:
		return append(dst, `\N`...), nil
	case c.HasDefault:
		return appendEscaped(dst, []byte(c.Default)), nil
	}
	return dst, &fault{code: codeNotNull, reason: "Missing data for not-null field"}
}

// appendField appends a field, NULL or not.
func (c *column) appendField(dst, v, marker []byte) ([]byte, *fault) {
	if c.isNull(v, marker) {
		return c.appendNull(dst)
	}
	dst, f := c.append(c, dst, v)
	if f != nil && c.spec.AcceptAnyDate && (f.code == codeDate || f.code == codeTimestamp) {
		return c.appendNull(dst)
	}
	return dst, f
}

// rowFault is a fault and the column that has it, which is empty if the row as a whole is
// wrong.
type rowFault struct {
	*fault
	column *column
	value  []byte
}

// convert appends a row of delimited text, or nothing if the row is refused.
func (l *loader) convert(fields [][]byte, empty bool) *rowFault {
	switch {
	case empty:
		return &rowFault{fault: &fault{code: codeEmptyLine, reason: "Input line contained no data"}}
	case len(fields) > len(l.columns):
		return &rowFault{fault: &fault{code: codeExtraColumns, reason: "Extra column(s) found"}}
	case len(fields) < len(l.columns) && !l.spec.FillRecord:
		return &rowFault{fault: &fault{code: codeDelimiter, reason: "Delimiter not found"},
			column: &l.columns[len(fields)-1], value: fields[len(fields)-1]}
	}
	start := len(l.out)
	for i := range l.columns {
		if i > 0 {
			l.out = append(l.out, '\t')
		}
		c := &l.columns[i]
		var f *fault
		var v []byte
		if i < len(fields) {
			v = fields[i]
			l.out, f = c.appendField(l.out, v, l.marker)
		} else {
			l.out, f = c.appendMissing(l.out)
		}
		if f != nil {
			l.out = l.out[:start]
			return &rowFault{fault: f, column: c, value: v}
		}
	}
	l.out = append(l.out, '\n')
	return nil
}

// appendMissing appends what FILLRECORD puts where the row lacks a column: an empty
// VARCHAR or, with EMPTYASNULL and for other types, NULL.
func (c *column) appendMissing(dst []byte) ([]byte, *fault) {
	if c.Type.Kind == Varchar && !c.spec.EmptyAsNull {
		return dst, nil
	}
	return c.appendNull(dst)
}
