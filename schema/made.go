package schema

import (
	"maps"
	"slices"
)

// column returns the Column of an attribute, renamed or hashed if the choice says so.
func (v *resolver) column(a Attribute) Column {
	c := Column{Attribute: a, Configured: v.choice.configuredAs(a.Name), Target: Fold(a.Name), Mapping: MappingOf(a.Type)}
	if name, renamed := v.choice.Rename[a.Name]; renamed {
		c.Target = Fold(name)
	}
	if slices.Contains(v.choice.Hash, a.Name) && v.choice.HashKey != nil {
		c.HashKey = v.choice.HashKey
		c.Mapping = c.HashKey.mapping()
	}
	return c
}

// made faults columns to hash or rename that are not chosen, and columns to hash where
// there is no key.
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
