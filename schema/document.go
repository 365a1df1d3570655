package schema

// A JSON document crosses as its text. SUPER would lose the precision of numbers and
// refuse duplicate keys, and rows with one of more than 64 KB fail in joins: it is
// taken where the operator chooses it.
// https://docs.aws.amazon.com/redshift/latest/dg/limitations-super.html
//
// NULL takes the place of one that is too long: its beginning would be no document, and
// one such row fails a whole query that parses the column.
func documents() []Family {
	const lost = "it is text"
	whole := func(Type) Mapping { return text(maxVarchar, false) }
	return []Family{
		{Types: []string{"json", "jsonb"}, Shown: "json, jsonb", Redshift: "VARCHAR(65535)", Choices: "SUPER",
			Lost: lost + "; JSON_PARSE makes a SUPER of it", mapping: whole,
			as: asSuper(func(_ Type, dst, value []byte) ([]byte, bool) { return append(dst, value...), true })},
		{Types: []string{"jsonpath", "xml"}, Shown: "jsonpath, xml", Redshift: "VARCHAR(65535)", Lost: lost, mapping: whole},
	}
}
