package schema

func bits() []Family {
	return []Family{{
		Types: []string{"bit", "varbit"}, Shown: "bit(n), bit varying(n)", Redshift: "VARCHAR(n), VARCHAR(65535) at most and without a length",
		Lost: "more bits than that are a misfit", mapping: bitsOf,
	}}
}

// bitsOf makes a Mapping of the length that is the type's typmod.
func bitsOf(t Type) Mapping {
	if t.Typmod <= 0 || t.Typmod > maxVarchar {
		return text(maxVarchar)
	}
	return text(int(t.Typmod))
}
