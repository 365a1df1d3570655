package schema

// A path of labels, such as Top.Science.Astronomy, and the patterns for paths cross as
// text.
// https://www.postgresql.org/docs/current/ltree.html
func ltrees() []Family {
	return []Family{{
		Types: []string{"ltree", "lquery", "ltxtquery"}, Extension: true, Shown: "ltree, lquery, ltxtquery", Redshift: "VARCHAR(65535)",
		Lost:    "it is text",
		mapping: func(Type) Mapping { return text(maxVarchar, false) },
	}}
}
