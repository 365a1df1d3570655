package schema

// others takes what no other family does, as the text of its output function: full text
// search, pg_lsn, snapshots, names of objects, and the types of extensions.
func others() []Family {
	return []Family{{
		Shown: "all others: tsvector, tsquery, pg_lsn, pg_snapshot, regclass, types of extensions", Redshift: "VARCHAR(65535)",
		Lost:    "it is text",
		mapping: func(Type) Mapping { return text(maxVarchar, false) },
	}}
}
