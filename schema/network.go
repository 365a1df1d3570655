package schema

// Addresses cross as text of a bounded length.
func networks() []Family {
	return []Family{
		{Types: []string{"inet", "cidr"}, Shown: "inet, cidr", Redshift: "VARCHAR(64)", mapping: ascii(64), longest: atMost(49)},
		{Types: []string{"macaddr"}, Shown: "macaddr", Redshift: "VARCHAR(17)", mapping: ascii(17), longest: atMost(17)},
		{Types: []string{"macaddr8"}, Shown: "macaddr8", Redshift: "VARCHAR(23)", mapping: ascii(23), longest: atMost(23)},
	}
}
