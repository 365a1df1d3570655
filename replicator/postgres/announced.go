package postgres

import (
	"errors"
	"maps"
	"slices"

	"rowshift/schema"
)

// announced remembers the partitions that the stream named and the catalogue, as it was
// read, did not have. None is ever forgotten, because the same log may be read again.
type announced struct {
	root map[uint32]uint32 // by a partition's OID: the OID of its root
	told map[uint32]bool   // by a partition's OID: the core knows that it was missed
}

// recorder returns a function that records an unknown partition. The function reports
// whether the partition was already recorded when recorder was called, that is, whether the
// catalogue has been read since a stream first named it.
func (a *announced) recorder() func(partition, root uint32) bool {
	before := maps.Clone(a.root)
	return func(partition, root uint32) bool {
		if a.root == nil {
			a.root, a.told = map[uint32]uint32{}, map[uint32]bool{}
		}
		a.root[partition] = root
		_, looked := before[partition]
		return looked
	}
}

// missed reports whether the stream named a partition of t that t does not have, and the
// core has not been told of it yet.
func (a *announced) missed(t *schema.Table) bool {
	for partition, root := range a.root {
		have := slices.ContainsFunc(t.Parts, func(p schema.Part) bool { return p.OID == partition })
		if root == t.OID && !have && !a.told[partition] {
			return true
		}
	}
	return false
}

// tell notes that the core knows what was missed.
func (a *announced) tell() {
	for partition := range a.root {
		a.told[partition] = true
	}
}

// errPartitions is why a row cannot be read if it is of an unknown partition.
var errPartitions = errors.New("the partitions are not what they were")
