package schema

// A range or multirange crosses as PostgreSQL prints it: [1,10).
// https://www.postgresql.org/docs/current/rangetypes.html#RANGETYPES-IO
func ranges() []Family {
	return []Family{{
		Category: 'R', Shown: "ranges, multiranges", Redshift: "VARCHAR(65535)",
		Lost:    "it is text",
		mapping: func(Type) Mapping { return text(maxVarchar, false) },
	}}
}
