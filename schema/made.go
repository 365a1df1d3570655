package schema

import (
	"maps"
	"slices"
)

// column makes the Column of an attribute, with what the choice makes of it on the way.
func (v *resolver) column(a Attribute) Column {
	c := Column{Attribute: a, Known: v.choice.knownAs(a.Name), Target: Fold(a.Name), Mapping: MappingOf(a.Type)}
	if name, renamed := v.choice.Rename[a.Name]; renamed {
		c.Target = Fold(name)
	}
	if slices.Contains(v.choice.Hash, a.Name) && v.choice.HashKey != nil {
		c.HashKey = v.choice.HashKey
		c.Mapping = c.HashKey.mapping()
	}
	return c
}

// made faults what the choice wants to make of columns that are not chosen, and hashes
// without a key.
func (v *resolver) made(columns []Column) {
	for i, name := range v.choice.Hash {
		if slices.Contains(v.choice.Hash[:i], name) {
			v.fault("name it once: "+v.config("hash"), "column %q is named twice", name)
			continue
		}
		v.chosen("hash", name, columns)
	}
	if len(v.choice.Hash) > 0 && v.choice.HashKey == nil {
		v.fault("name the secret that holds one: hash_key in the config", "has columns to hash, and there is no key to hash them with")
	}
	for _, name := range slices.Sorted(maps.Keys(v.choice.Rename)) {
		v.chosen("rename", name, columns)
	}
}
