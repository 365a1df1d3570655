package redshifttest

import (
	"bytes"
	"encoding/json"

	"github.com/jackc/pgx/v5/pgconn"
)

// OIDs of PostgreSQL's types whose text differs from Redshift's.
const (
	byteaOID = 17
	jsonbOID = 3802
)

// shown writes the values of a row as Redshift does: VARBYTE as bare hex digits, SUPER
// as JSON without white space.
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
