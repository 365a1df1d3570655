package schema

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Family is a set of PostgreSQL types that cross in the same way. The manual's table of
// types is made of the families.
type Family struct {
	Types     []string // as pg_type.typname spells them; none for a family that is known by its category
	Category  byte     // pg_type.typcategory; 0 for a family that is known by its names
	Extension bool     // the types are an extension's, not PostgreSQL's own
	Shown     string   // the types as the manual shows them
	Redshift  string   // what holds them, as the manual shows it
	Choices   string   // what else may hold them, by the operator's choice; besides, every type may be a VARCHAR(n) that is long enough
	Lost      string   // what does not cross, or crosses as something else

	mapping func(Type) Mapping
	longest func(Type) int // bytes of the longest text of a value; nil or 0: there is no bound
	cut     bool           // the beginning of a value's text is a value of the type as well
	as      func(Type, spelling) (Mapping, bool)
}

// FirstUserOID is the lowest OID of anything that is made after initdb. By it a user's type
// named "uuid" is not taken for PostgreSQL's own.
// https://www.postgresql.org/docs/current/system-catalog-initial-data.html#SYSTEM-CATALOG-OID-ASSIGNMENT
const FirstUserOID = 16384

// Families returns all families, the most particular first. Every type belongs to
// the first that takes it, and the last takes all.
func Families() []Family {
	return slices.Concat(
		integers(), decimals(), floats(), money(), booleans(),
		texts(), uuids(), bytesFamily(), documents(),
		dates(), times(), intervals(),
		bits(), networks(), geometries(),
		arrays(), enums(), composites(), ranges(),
		hstores(), ltrees(), others(),
	)
}

// allFamilies returns the families, which are made only once: they are asked for each
// column whenever tables are compared.
var allFamilies = sync.OnceValue(Families)

// familyOf returns the family that t belongs to.
func familyOf(t Type) Family {
	families := allFamilies()
	for _, f := range families {
		if f.takes(t) {
			return f
		}
	}
	return families[len(families)-1]
}

// takes reports whether t is of the family. An enum or composite that has the name of an
// extension's type is not.
func (f Family) takes(t Type) bool {
	switch {
	case f.Category != 0:
		return t.Category == f.Category
	case f.Extension:
		return t.Base >= FirstUserOID && slices.Contains(f.Types, t.Name) && t.Category != 'E' && t.Category != 'C'
	}
	return t.Base < FirstUserOID && slices.Contains(f.Types, t.Name)
}

// MappingOf returns how Redshift holds values of t.
func MappingOf(t Type) Mapping { return familyOf(t).mapping(t) }

// MappingAs returns how values of t are held by the Redshift type that the operator has
// chosen for them. The error says why that type cannot hold them.
func MappingAs(t Type, chosen string) (Mapping, error) {
	s, err := spell(chosen)
	if err != nil {
		return Mapping{}, err
	}
	f := familyOf(t)
	if m := f.mapping(t); m.Type == s.String() {
		return m, nil
	}
	if s.name == "VARCHAR" {
		if f.longest != nil && f.longest(t) > s.size {
			return Mapping{}, fmt.Errorf("%s is too short for values of %s, whose text has up to %d bytes", s, t.Name, f.longest(t))
		}
		return text(s.size, f.cut), nil
	}
	if f.as != nil {
		if m, ok := f.as(t, s); ok {
			return m, nil
		}
	}
	choices := "VARCHAR(n)"
	if f.Choices != "" {
		choices = f.Choices + " or " + choices
	}
	return Mapping{}, fmt.Errorf("%s cannot hold the values of %s; %s, or %s, can", s, t.Name, f.mapping(t).Type, choices)
}

// types gives columns the types that the choice names.
//
// A timetz in a key is held as text. Redshift keeps a TIMETZ in UTC, so 10:00+00 and
// 11:00+01 would be one key there, and PostgreSQL tells them apart.
func (v *resolver) types(t *Table) {
	for i := range t.Columns {
		c := &t.Columns[i]
		key := slices.Contains(t.Key, i)
		if key && c.Mapping.Type == "TIMETZ" {
			c.Mapping = text(timetzText, false)
		}
		chosen, ok := v.choice.Types[c.Name]
		if !ok {
			continue
		}
		m, err := MappingAs(c.Type, chosen)
		switch {
		case c.HashKey != nil:
			v.fault("take out "+v.config("types."+c.Name), "column %q is hashed, and its hash is %s", c.Name, c.Mapping.Type)
		case err != nil:
			v.fault("correct "+v.config("types."+c.Name), "column %q: %v", c.Name, err)
		case key && m.Type == "TIMETZ":
			v.fault("take out "+v.config("types."+c.Name), "column %q is of the key, and times that differ in their offset only are one TIMETZ", c.Name)
		case key && WithoutEquality(m.Type):
			v.fault("take out "+v.config("types."+c.Name), "column %q is of the key, and values of %s are not compared", c.Name, m.Type)
		default:
			c.Mapping = m
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.choice.Types)) {
		v.chosen("types", name, t.Columns)
	}
}

// WithoutEquality reports whether values of a Redshift type have no equality to rely on.
func WithoutEquality(kind string) bool {
	name, _, _ := strings.Cut(kind, "(")
	return slices.Contains([]string{"SUPER", "GEOMETRY", "GEOGRAPHY"}, name)
}

// asIs returns the Mapping of a type whose every value fits, and whose text COPY reads as
// PostgreSQL prints it.
func asIs(redshift string) func(Type) Mapping {
	return func(Type) Mapping { return Mapping{Type: redshift} }
}

// ascii returns the Mapping of a type whose text is never longer than n bytes, is all
// ASCII, and never ends in a blank.
func ascii(n int) func(Type) Mapping {
	return func(Type) Mapping { return Mapping{Type: varchar(n), Text: true, Blankless: true} }
}

// atMost returns the longest text of a type whose texts all have up to n bytes.
func atMost(n int) func(Type) int { return func(Type) int { return n } }

// wider lets values be held by any of the given types, each of which holds all of them as
// they are.
func wider(types ...string) func(Type, spelling) (Mapping, bool) {
	return func(_ Type, s spelling) (Mapping, bool) {
		return Mapping{Type: s.String()}, slices.Contains(types, s.name)
	}
}

// checked returns a Mapping that writes a value as it is unless fault returns a kind of
// Misfit for it.
func checked(spelled string, fault func(value []byte) string, adjust adjuster, remedies ...Remedy) Mapping {
	return Mapping{Type: spelled, Remedies: remedies, adjust: adjust, Append: func(dst, value []byte) ([]byte, error) {
		if kind := fault(value); kind != "" {
			return dst, &Misfit{Kind: kind, Type: spelled, Size: len(value)}
		}
		return append(dst, value...), nil
	}}
}

// varchar returns the name of a character type of n bytes.
func varchar(n int) string { return "VARCHAR(" + strconv.Itoa(n) + ")" }
