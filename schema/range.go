package schema

// A range or multirange crosses as PostgreSQL prints it: [1,10).
func ranges() []Family {
	return []Family{{
		Category: 'R', Shown: "ranges, multiranges", Redshift: "VARCHAR(65535)",
		Lost:    "it is text, and more bytes than that are a misfit",
		mapping: func(Type) Mapping { return text(maxVarchar) },
	}}
}
