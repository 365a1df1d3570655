package schema

// A boolean is printed as t or f, which COPY reads.
// https://docs.aws.amazon.com/redshift/latest/dg/r_Boolean_type.html
func booleans() []Family {
	return []Family{{Types: []string{"bool"}, Shown: "boolean", Redshift: "BOOLEAN", mapping: asIs("BOOLEAN"), longest: atMost(1)}}
}
