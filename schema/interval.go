package schema

// An interval of PostgreSQL has months, days and microseconds side by side; each of
// Redshift's interval types holds only some of them. Its text is shorter than that in
// any IntervalStyle.
func intervals() []Family {
	return []Family{{
		Types: []string{"interval"}, Shown: "interval", Redshift: "VARCHAR(128)",
		Lost: "it is text", mapping: ascii(128),
	}}
}
