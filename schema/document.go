package schema

// A JSON document crosses as its text. SUPER would lose the precision of numbers and
// refuse duplicate keys, and rows with one of more than 64 KB fail in joins.
// https://docs.aws.amazon.com/redshift/latest/dg/limitations-super.html
//
// NULL takes the place of one that is too long: its beginning would be no document, and
// one such row fails a whole query that parses the column.
func documents() []Family {
	return []Family{{
		Types: []string{"json", "jsonb", "jsonpath", "xml"}, Shown: "json, jsonb, jsonpath, xml", Redshift: "VARCHAR(65535)",
		Lost:    "it is text; JSON_PARSE makes a SUPER of it",
		mapping: func(Type) Mapping { return text(maxVarchar, false) },
	}}
}
