package schema

import "slices"

// Follow returns the choice as it is to be resolved with a relation that was known with
// those columns: a name of the config that the relation has no more, because the column
// was renamed, gives way to the one that it has now. A column that goes by the config's
// name is the one that the config means, whatever it was before.
func (c Choice) Follow(was []Shape, r Relation) Choice {
	for _, s := range was {
		known := s.Known
		if known == "" {
			known = s.Name
		}
		i := slices.IndexFunc(r.Attributes, func(a Attribute) bool { return a.Attnum == s.Attnum })
		taken := slices.ContainsFunc(r.Attributes, func(a Attribute) bool { return a.Name == known })
		if i < 0 || taken || !c.names(known) {
			continue
		}
		c = c.renamed(known, r.Attributes[i].Name)
	}
	return c
}

// names tells whether the choice speaks of a column by that name.
func (c Choice) names(name string) bool {
	_, ruled := c.Rules[name]
	_, renamed := c.Rename[name]
	_, typed := c.Types[name]
	return ruled || renamed || typed || c.DistKey == name ||
		slices.Contains(c.Columns, name) || slices.Contains(c.SortKey, name) || slices.Contains(c.Hash, name)
}

// renamed returns the choice with another name for one column.
func (c Choice) renamed(from, to string) Choice {
	c.Columns, c.SortKey, c.Hash = put(c.Columns, from, to), put(c.SortKey, from, to), put(c.Hash, from, to)
	if c.DistKey == from {
		c.DistKey = to
	}
	c.Types = putKey(c.Types, from, to)
	c.Rules, c.Rename = putKey(c.Rules, from, to), putKey(c.Rename, from, to)
	c.Followed = putKey(c.Followed, "", "")
	c.Followed[to] = from
	return c
}

// knownAs is the name by which the config knows a column.
func (c Choice) knownAs(name string) string {
	if known, ok := c.Followed[name]; ok {
		return known
	}
	return name
}

// put returns the names with one in the place of another.
func put(names []string, from, to string) []string {
	if i := slices.Index(names, from); i >= 0 {
		names = slices.Clone(names)
		names[i] = to
	}
	return names
}

// putKey returns a copy of a map with one key in the place of another.
func putKey[V any](of map[string]V, from, to string) map[string]V {
	changed := map[string]V{}
	for k, v := range of {
		if k == from {
			k = to
		}
		changed[k] = v
	}
	return changed
}
