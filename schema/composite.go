package schema

// A composite crosses as PostgreSQL prints it: (1,"a b",).
// https://www.postgresql.org/docs/current/rowtypes.html#ROWTYPES-IO-SYNTAX
func composites() []Family {
	return []Family{{
		Category: 'C', Shown: "composites", Redshift: "VARCHAR(65535)",
		Lost:    "it is text, without the fields' names",
		mapping: func(Type) Mapping { return text(maxVarchar, false) },
	}}
}
