package schema

import "bytes"

// maxVarbyte is the most bytes that a VARBYTE holds on every cluster; newer ones
// take more. https://docs.aws.amazon.com/redshift/latest/dg/r_VARBYTE_type.html
const maxVarbyte = 1024000

func bytesFamily() []Family {
	return []Family{{
		Types: []string{"bytea"}, Shown: "bytea", Redshift: "VARBYTE(1024000)", Choices: "VARBYTE(n)",
		Lost:    "a value of no bytes becomes NULL",
		mapping: func(Type) Mapping { return varbyte(maxVarbyte) },
		as: func(_ Type, s spelling) (Mapping, bool) {
			return varbyte(s.size), s.name == "VARBYTE"
		},
	}}
}

// varbyte returns the Mapping to a VARBYTE of n bytes. It writes the hexadecimal digits of
// a bytea without the \x that PostgreSQL prints before them under bytea_output = hex. An
// empty value is a misfit: COPY documents an empty field outside of character types as
// NULL.
// https://docs.aws.amazon.com/redshift/latest/dg/copy-usage-varbyte.html
// https://docs.aws.amazon.com/redshift/latest/dg/copy-parameters-data-conversion.html
func varbyte(n int) Mapping {
	spelled := spelling{name: "VARBYTE", size: n}.String()
	return Mapping{
		Type: spelled,
		Remedies: []Remedy{
			{Kind: TooLong, Default: Null, Truncate: true},
			{Kind: Empty, Default: Null},
			{Kind: Malformed, Default: Quarantine},
		},
		Append: func(dst, value []byte) ([]byte, error) {
			digits, ok := bytes.CutPrefix(value, []byte(`\x`))
			kind := ""
			switch {
			case !ok || len(digits)%2 != 0 || !allHex(digits):
				kind = Malformed
			case len(digits) == 0:
				kind = Empty
			case len(digits)/2 > n:
				kind = TooLong
			}
			if kind != "" {
				return dst, &Misfit{Kind: kind, Type: spelled, Size: len(value)}
			}
			return append(dst, digits...), nil
		},
		adjust: func(dst, value []byte, _ string, _ Rule) []byte {
			return append(dst, value[len(`\x`):][:2*n]...)
		},
	}
}

// allHex reports whether s is hexadecimal digits only: PostgreSQL prints them in lower
// case, PostGIS in upper case.
func allHex(s []byte) bool {
	for _, c := range s {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}
