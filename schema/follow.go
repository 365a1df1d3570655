package schema

import "slices"

// Follow returns the choice as it is to be resolved with r, whose columns were known as
// was. A name in the config that r does not have any more, because the column was renamed,
// is replaced by the column's name of now. If some column of r does have the name, the
// config means that one, whatever it was before.
func (c Choice) Follow(was []Shape, r Relation) Choice {
	for _, s := range was {
		known := s.Configured
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

// names reports whether the choice speaks of a column by that name.
func (c Choice) names(name string) bool {
	_, ruled := c.Rules[name]
	_, renamed := c.Rename[name]
	_, typed := c.Types[name]
	return ruled || renamed || typed || c.DistKey == name ||
		slices.Contains(c.Columns, name) || slices.Contains(c.SortKey, name) || slices.Contains(c.Hash, name)
}

// renamed returns a choice that calls one column by another name.
func (c Choice) renamed(from, to string) Choice {
	c.Columns, c.SortKey, c.Hash = withName(c.Columns, from, to), withName(c.SortKey, from, to), withName(c.Hash, from, to)
	if c.DistKey == from {
		c.DistKey = to
	}
	c.Types = withKey(c.Types, from, to)
	c.Rules, c.Rename = withKey(c.Rules, from, to), withKey(c.Rename, from, to)
	c.Followed = withKey(c.Followed, "", "")
	c.Followed[to] = from
	return c
}

// configuredAs returns the config's name for a column.
func (c Choice) configuredAs(name string) string {
	if known, ok := c.Followed[name]; ok {
		return known
	}
	return name
}

// withName returns names with from replaced by to.
func withName(names []string, from, to string) []string {
	if i := slices.Index(names, from); i >= 0 {
		names = slices.Clone(names)
		names[i] = to
	}
	return names
}

// withKey returns a copy of a map with key from replaced by to.
func withKey[V any](of map[string]V, from, to string) map[string]V {
	changed := map[string]V{}
	for k, v := range of {
		if k == from {
			k = to
		}
		changed[k] = v
	}
	return changed
}
