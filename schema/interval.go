package schema

// An interval of PostgreSQL has months, days and microseconds side by side; each of
// Redshift's interval types holds only some of them. It is printed in ISO 8601, as
// P1Y2M3DT4H5M6S. The longest text of any IntervalStyle fits.
func intervals() []Family {
	return []Family{{
		Types: []string{"interval"}, Shown: "interval", Redshift: "VARCHAR(128)",
		Lost: "it is text, as ISO 8601 has it", mapping: ascii(128), longest: atMost(80),
	}}
}
