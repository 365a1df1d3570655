package schema

import (
	"bytes"
	"strconv"
)

// maxVarbyte is the most bytes that a VARBYTE holds on every cluster; newer ones
// take more. https://docs.aws.amazon.com/redshift/latest/dg/r_VARBYTE_type.html
const maxVarbyte = 1024000

func bytesFamily() []Family {
	return []Family{{
		Types: []string{"bytea"}, Shown: "bytea", Redshift: "VARBYTE(1024000)",
		Lost:    "more than 1,024,000 bytes, and none at all, are misfits",
		mapping: func(Type) Mapping { return varbyte() },
	}}
}

// varbyte writes the hexadecimal digits of a bytea, without the \x that PostgreSQL
// prints before them under bytea_output = hex. An empty value is a misfit: COPY
// documents an empty field outside of character types as NULL.
// https://docs.aws.amazon.com/redshift/latest/dg/copy-usage-varbyte.html
// https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-conversion.html
func varbyte() Mapping {
	spelled := "VARBYTE(" + strconv.Itoa(maxVarbyte) + ")"
	return Mapping{Type: spelled, Append: func(dst, value []byte) ([]byte, error) {
		digits, ok := bytes.CutPrefix(value, []byte(`\x`))
		kind := ""
		switch {
		case !ok || len(digits)%2 != 0 || !allHex(digits):
			kind = Malformed
		case len(digits) == 0:
			kind = Empty
		case len(digits)/2 > maxVarbyte:
			kind = TooLong
		}
		if kind != "" {
			return dst, &Misfit{Kind: kind, Type: spelled, Size: len(value)}
		}
		return append(dst, digits...), nil
	}}
}

// allHex tells whether s is hexadecimal digits only, as PostgreSQL prints them.
func allHex(s []byte) bool {
	for _, c := range s {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
