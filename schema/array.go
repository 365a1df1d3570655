package schema

// An array crosses as PostgreSQL prints it: {1,NULL,3}.
func arrays() []Family {
	return []Family{{
		Category: 'A', Shown: "arrays", Redshift: "VARCHAR(65535)",
		Lost:    "it is text, and more bytes than that are a misfit",
		mapping: func(Type) Mapping { return text(maxVarchar) },
	}}
}
