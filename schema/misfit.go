package schema

// Misfit says that a value cannot be held by its Redshift type. It never holds
// the value.
type Misfit struct {
	Kind string // one of the kinds below: short, stable, for a metric
	Type string // the Redshift type
	Size int    // length of the value's text in bytes
	Rule Rule   // what is to be done: Fail or Quarantine; set once the column's rule was looked up
}

// The kinds of Misfit.
const (
	TooLong    = "too_long"     // more bytes than the type holds
	OutOfRange = "out_of_range" // a number or a year beyond the type's
	Inexact    = "inexact"      // more digits after the point than the type has
	NotNumber  = "nan"          // NaN, which COPY refuses
	Infinite   = "infinity"     // an infinite number, date or timestamp
	BeforeEra  = "before_era"   // a year BC, a form that COPY is not known to read
	OddOffset  = "odd_offset"   // a time zone offset with seconds, a form that COPY is not known to read
	NotUTF8    = "not_utf8"     // bytes that are not UTF-8, out of a database in SQL_ASCII
	ZeroByte   = "zero_byte"    // a byte 0, where COPY would end the value
	Empty      = "empty"        // no bytes at all, which COPY reads as NULL outside of character types
	TooDeep    = "too_deep"     // nested deeper than SUPER is
	SameName   = "same_name"    // a document with a name twice in one object, which SUPER refuses
	Malformed  = "malformed"    // not the text of such a value
)

// Misfits are all kinds of Misfit, for the config.
var Misfits = []string{TooLong, OutOfRange, Inexact, NotNumber, Infinite, BeforeEra, OddOffset, NotUTF8, ZeroByte, Empty, TooDeep, SameName, Malformed}

func (m *Misfit) Error() string { return m.Kind + " for " + m.Type }
