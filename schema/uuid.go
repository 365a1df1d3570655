package schema

func uuids() []Family {
	return []Family{{Types: []string{"uuid"}, Shown: "uuid", Redshift: "VARCHAR(36)", mapping: ascii(36), longest: atMost(36)}}
}
