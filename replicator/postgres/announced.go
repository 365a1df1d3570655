package postgres

import (
	"errors"
	"maps"
	"slices"

	"rowshift/schema"
)

// announced remembers the partitions that the stream has named and that were not known:
// by their OIDs their root's, and whether the core was told of those that are gone. The
// log may name one again, as long as it is read.
type announced struct {
	root map[uint32]uint32
	gone map[uint32]bool
}

// looks returns what takes a partition that is not known, and tells whether the catalogue
// has been read since a stream named it first.
func (a *announced) looks() func(partition, root uint32) bool {
	before := maps.Clone(a.root)
	return func(partition, root uint32) bool {
		if a.root == nil {
			a.root, a.gone = map[uint32]uint32{}, map[uint32]bool{}
		}
		a.root[partition] = root
		_, looked := before[partition]
		return looked
	}
}

// missed tells whether a partition of t was named that t does not have, and the core was
// not told yet.
func (a *announced) missed(t *schema.Table) bool {
	for partition, root := range a.root {
		have := slices.ContainsFunc(t.Parts, func(p schema.Part) bool { return p.OID == partition })
		if root == t.OID && !have && !a.gone[partition] {
			return true
		}
	}
	return false
}

// told says that the core knows what was missed.
func (a *announced) told() {
	for partition := range a.root {
		a.gone[partition] = true
	}
}

// errPartitions is why a row cannot be read: it is of a partition that is not known.
var errPartitions = errors.New("the partitions are not what they were")
