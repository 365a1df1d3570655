package schema

func bits() []Family {
	return []Family{{
		Types: []string{"bit", "varbit"}, Shown: "bit(n), bit varying(n)", Redshift: "VARCHAR(n), VARCHAR(65535) at most and without a length",
		Lost: "it is text, of 0 and 1", mapping: bitsOf,
	}}
}

// bitsOf returns the Mapping for the length that is the type's typmod. The beginning of a
// value that is too long would be another value, so NULL takes its place.
func bitsOf(t Type) Mapping {
	n := int(t.Typmod)
	if n <= 0 || n > maxVarchar {
		n = maxVarchar
	}
	return text(n, false)
}
