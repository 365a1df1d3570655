package schema

import (
	"slices"
	"strconv"
)

// Family is a set of PostgreSQL types that cross in the same way. It is what the
// manual's table of types is made of.
type Family struct {
	Types    []string // as pg_type.typname spells them; none for a family that is known by its category
	Category byte     // pg_type.typcategory; 0 for a family that is known by its names
	Shown    string   // the types as the manual shows them
	Redshift string   // what holds them, as the manual shows it
	Lost     string   // what does not cross, or crosses as something else

	mapping func(Type) Mapping
}

// firstUserOID is the lowest OID of a type that is not PostgreSQL's own, so that a
// user's type named "uuid" is not taken for one.
// https://github.com/postgres/postgres/blob/master/src/include/access/transam.h
const firstUserOID = 16384

// Families returns all families, the most particular first. Every type belongs to
// the first that takes it, and the last takes all.
func Families() []Family {
	return slices.Concat(
		integers(), decimals(), floats(), money(), booleans(),
		texts(), uuids(), bytesFamily(), documents(),
		dates(), times(), intervals(),
		bits(), networks(), geometries(),
		arrays(), enums(), composites(), ranges(),
		others(),
	)
}

// MappingOf says how values of t are held by Redshift.
func MappingOf(t Type) Mapping {
	families := Families()
	for _, f := range families {
		if f.takes(t) {
			return f.mapping(t)
		}
	}
	return families[len(families)-1].mapping(t)
}

// takes tells whether t is of the family.
func (f Family) takes(t Type) bool {
	if f.Category != 0 {
		return t.Category == f.Category
	}
	return t.Base < firstUserOID && slices.Contains(f.Types, t.Name)
}

// asIs is the Mapping of a type whose text COPY reads as PostgreSQL prints it, and
// whose every value fits.
func asIs(redshift string) func(Type) Mapping {
	return func(Type) Mapping { return Mapping{Type: redshift} }
}

// ascii is the Mapping of a type whose text is never longer than n bytes, all of
// them ASCII.
func ascii(n int) func(Type) Mapping {
	return func(Type) Mapping { return Mapping{Type: varchar(n), Text: true} }
}

// varchar spells a character type of n bytes.
func varchar(n int) string { return "VARCHAR(" + strconv.Itoa(n) + ")" }
