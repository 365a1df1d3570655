package schema

import "bytes"

// money is printed by the source's lc_monetary, which is pinned to C: $1,234.50. It becomes
// a DECIMAL only where the operator chooses that, because the locale of the database may
// count in something else than hundredths.
// https://www.postgresql.org/docs/current/datatype-money.html
func money() []Family {
	return []Family{{
		Types: []string{"money"}, Shown: "money", Redshift: "VARCHAR(64)", Choices: "DECIMAL(p,s) of 17 digits before the point and 2 behind it",
		Lost:    "it is text, as the locale C prints it",
		mapping: func(Type) Mapping { return text(64, false) },
		longest: atMost(len("-$92,233,720,368,547,758.08")),
		as:      amount,
	}}
}

// amount returns the Mapping of money to a DECIMAL, without the currency and the commas.
func amount(_ Type, s spelling) (Mapping, bool) {
	if s.name != "DECIMAL" || s.scale < 2 || s.size-s.scale < 17 {
		return Mapping{}, false
	}
	spelled := s.String()
	return Mapping{
		Type: spelled, Remedies: []Remedy{{Kind: Malformed, Default: Quarantine}},
		Append: func(dst, value []byte) ([]byte, error) {
			start, digits := len(dst), bytes.TrimPrefix(value, []byte("-"))
			if len(digits) < len(value) {
				dst = append(dst, '-')
			}
			for _, c := range bytes.TrimPrefix(digits, []byte("$")) {
				if c != ',' {
					dst = append(dst, c)
				}
			}
			if decimalFault(dst[start:], s.size-s.scale, s.scale) != "" {
				return dst[:start], &Misfit{Kind: Malformed, Type: spelled, Size: len(value)}
			}
			return dst, nil
		},
	}, true
}
