package schema

// A JSON document crosses as its text. SUPER would lose the precision of numbers and
// refuse duplicate keys, and rows with one of more than 64 KB fail in joins.
// https://docs.aws.amazon.com/redshift/latest/dg/limitations-super.html
func documents() []Family {
	return []Family{{
		Types: []string{"json", "jsonb", "jsonpath", "xml"}, Shown: "json, jsonb, jsonpath, xml", Redshift: "VARCHAR(65535)",
		Lost:    "documents of more bytes than that are misfits; JSON_PARSE makes a SUPER of one",
		mapping: func(Type) Mapping { return text(maxVarchar) },
	}}
}
