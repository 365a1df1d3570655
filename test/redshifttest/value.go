package redshifttest

import (
	"bytes"
	"encoding/json"

	"github.com/jackc/pgx/v5/pgconn"
)

// OIDs of PostgreSQL's types whose text differs from Redshift's.
const (
	byteaOID   = 17
	numericOID = 1700
	jsonbOID   = 3802
)

// shown returns the values of a row as Redshift shows them: VARBYTE as bare hex digits,
// SUPER as JSON without white space.
// https://docs.aws.amazon.com/redshift/latest/dg/r_VARBYTE_type.html
func shown(fields []pgconn.FieldDescription, row [][]byte) [][]byte {
	for i, value := range row {
		if value == nil {
			continue
		}
		switch fields[i].DataTypeOID {
		case byteaOID:
			row[i] = bytes.TrimPrefix(value, []byte(`\x`))
		case jsonbOID:
			var compact bytes.Buffer
			if json.Compact(&compact, value) == nil {
				row[i] = compact.Bytes()
			}
		}
	}
	return row
}

// overflow refuses a row with a DECIMAL of more than 38 digits before its point, which
// PostgreSQL computes and Redshift cannot hold.
// https://docs.aws.amazon.com/redshift/latest/dg/r_numeric_computations201.html
func (c *session) overflow(fields []pgconn.FieldDescription, row [][]byte) error {
	for i, value := range row {
		if fields[i].DataTypeOID != numericOID || len(value) <= 38 {
			continue
		}
		whole, _, _ := bytes.Cut(bytes.TrimPrefix(value, []byte("-")), []byte("."))
		if len(whole) > 38 {
			const message = "Numeric data overflow (result precision)"
			return &Refusal{Code: "XX000", Rule: "R-528", Message: message, Detail: block(message, 1058, "128 bit overflow", c.query, "numeric.hpp:0", c.backing.PID())}
		}
	}
	return nil
}
