package schema

// others takes what no other family does, by the text of its output function: full
// text search, pg_lsn, snapshots, object identifiers' names, and the types of
// extensions.
func others() []Family {
	return []Family{{
		Shown: "all others: tsvector, tsquery, pg_lsn, regclass, hstore, citext, ltree, geometry, ...", Redshift: "VARCHAR(65535)",
		Lost:    "it is text, and more bytes than that are a misfit",
		mapping: func(Type) Mapping { return text(maxVarchar) },
	}}
}
