package bucket

import (
	"errors"
	"fmt"

	"rowshift/replicator"
	"rowshift/schema"
)

// adjusted is a value that was changed by its column's rule.
type adjusted struct {
	column int
	schema.Adjustment
}

// misfits say in words what is wrong with a value.
var misfits = map[string]string{
	schema.TooLong:    "is too long",
	schema.OutOfRange: "is out of range",
	schema.Inexact:    "has more digits behind the point",
	schema.NotNumber:  "is not a number (NaN)",
	schema.Infinite:   "is infinite",
	schema.BeforeEra:  "has a year BC",
	schema.OddOffset:  "has an offset with seconds",
	schema.NotUTF8:    "is not UTF-8",
	schema.ZeroByte:   "holds a byte 0",
	schema.Empty:      "is empty",
	schema.TooDeep:    "is nested too deep",
	schema.SameName:   "has a name twice in one object",
	schema.Malformed:  "has not the form of its type",
}

// refuse says which column's value its Redshift type cannot hold, where no rule
// adjusts it, and never the value. It is the one place where a row is kept out for a
// value.
func (l *lines) refuse(column int, err error) error {
	m, ok := errors.AsType[*schema.Misfit](err)
	if !ok {
		return err
	}
	name := l.table.Columns[column].Name
	return &replicator.Halt{
		Reason: replicator.ValueMisfit,
		Found:  fmt.Sprintf("a value of %s.%s %s; its text has %d bytes", l.table.Name, name, misfits[m.Kind], m.Size),
		Means:  "a column of " + m.Type + " cannot hold it as it is",
		Repair: fmt.Sprintf("leave column %q out of tables.%s in the config: it is then NULL in all rows of the target", name, l.table.Name),
		Cause:  m,
	}
}
