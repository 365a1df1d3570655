package schema

// An hstore crosses as it prints itself: "a"=>"1", "b"=>NULL.
// https://www.postgresql.org/docs/current/hstore.html#HSTORE-EXTERNAL-REP
func hstores() []Family {
	return []Family{{
		Types: []string{"hstore"}, Extension: true, Shown: "hstore", Redshift: "VARCHAR(65535)",
		Lost:    "it is text",
		mapping: func(Type) Mapping { return text(maxVarchar, false) },
	}}
}
