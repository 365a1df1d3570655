package schema

// A composite crosses as PostgreSQL prints it: (1,"a b",).
func composites() []Family {
	return []Family{{
		Category: 'C', Shown: "composites", Redshift: "VARCHAR(65535)",
		Lost:    "it is text, and more bytes than that are a misfit",
		mapping: func(Type) Mapping { return text(maxVarchar) },
	}}
}
