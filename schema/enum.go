package schema

// An enum's labels are of 63 bytes at most, unless PostgreSQL was built for longer
// names. https://www.postgresql.org/docs/current/datatype-enum.html
func enums() []Family {
	return []Family{{
		Category: 'E', Shown: "enums", Redshift: "VARCHAR(256)",
		Lost: "their order", mapping: func(Type) Mapping { return text(256, false) },
	}}
}
