package schema

// An array crosses as PostgreSQL prints it: {1,NULL,3}, with its bounds before it where
// they do not begin at 1.
// https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
func arrays() []Family {
	return []Family{{
		Category: 'A', Shown: "arrays", Redshift: "VARCHAR(65535)",
		Lost:    "it is text",
		mapping: func(Type) Mapping { return text(maxVarchar, false) },
	}}
}
