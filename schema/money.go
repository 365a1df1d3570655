package schema

// money is printed by the source's lc_monetary, so its text says more than a number
// would, and a number could not be had of it without knowing that locale.
func money() []Family {
	return []Family{{
		Types: []string{"money"}, Shown: "money", Redshift: "VARCHAR(64)",
		Lost:    "it is text as the source's lc_monetary prints it",
		mapping: func(Type) Mapping { return text(64) },
	}}
}
