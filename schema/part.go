package schema

import (
	"cmp"
	"slices"
	"strings"
)

// Part is a table below the root of a partitioned table: a partition, or one that is
// partitioned again.
type Part struct {
	OID  uint32 `json:"oid"`
	File uint32 `json:"file"` // pg_class.relfilenode, which changes when it is truncated or written anew; 0: it has no rows of its own

	// XMin is of its pg_inherits row, and changes when it is detached and attached again.
	// 0: it was remembered by a rowshift that did not look at it.
	XMin uint32 `json:"xmin,omitempty"`

	Name        Name     `json:"-"`
	Kind        byte     `json:"-"` // pg_class.relkind: 'r' table, 'p' partitioned again, 'f' foreign table
	Persistence byte     `json:"-"` // pg_class.relpersistence
	Identity    Identity `json:"-"`
	Key         []string `json:"-"` // names of its replica identity's columns; empty under FULL and NOTHING

	// Born says that it was made as a partition, and so was empty when it became one. That
	// is certain only of one that came since the server's run began.
	Born bool `json:"-"`
}

// partitions faults what is below the root of a partitioned table and cannot be followed.
// Changes cross as the root's, and are marked by the root's replica identity. But the log
// of each partition has the old row by the partition's own replica identity.
// https://www.postgresql.org/docs/current/sql-createpublication.html
func (v *resolver) partitions(t *Table) {
	if v.relation.Kind != 'p' {
		return
	}
	t.Partitioned, t.Run = true, v.relation.Run
	if v.relation.Identity == IdentityFull {
		v.fault("ALTER TABLE "+v.table()+" REPLICA IDENTITY DEFAULT, which changes nothing but the mark",
			"is the root of a partitioned table with REPLICA IDENTITY FULL, so its changes would be marked as having whole old rows, which its partitions need not log")
	}
	var key []string
	for _, k := range t.Key {
		key = append(key, t.Columns[k].Name)
	}
	slices.Sort(key)
	for _, p := range v.relation.Parts {
		t.Parts = append(t.Parts, p)
		if p.Kind != 'p' {
			v.partition(p, key, t.Listed)
		}
	}
}

// partition faults one partition of a root whose key has those columns.
func (v *resolver) partition(p Part, key []string, listed bool) {
	name := quote(p.Name.Schema) + "." + quote(p.Name.Table)
	like := "ALTER TABLE " + name + " REPLICA IDENTITY DEFAULT"
	if v.relation.Identity == IdentityIndex {
		like = "ALTER TABLE " + name + " REPLICA IDENTITY USING INDEX <the one below the root's>"
	}
	switch {
	case p.Kind != 'r':
		v.fault("detach it, or list the other partitions instead of the root", "has the partition %s, a %s, which has no changes of its own in the log", p.Name, kindName(p.Kind))
	case p.Persistence != 'p':
		v.fault("ALTER TABLE "+name+" SET LOGGED", "has the partition %s, which is unlogged, so its changes are not in the log", p.Name)
	case p.Identity == IdentityNothing:
		v.fault(like, "has the partition %s with REPLICA IDENTITY NOTHING, so updates and deletes of it would fail", p.Name)
	case p.Identity == IdentityFull && listed:
		v.fault(like, "has the partition %s with REPLICA IDENTITY FULL, which admits no column list: updates and deletes of it would fail", p.Name)
	case p.Identity != IdentityFull && !slices.Equal(slices.Sorted(slices.Values(p.Key)), key):
		v.fault(like, "has the partition %s, whose replica identity is (%s) and not (%s), as the root's key is", p.Name, strings.Join(p.Key, ", "), strings.Join(key, ", "))
	}
}

// Unseen says what became of a table's partitions that the log does not tell of; empty if
// nothing did. A table that is attached brings rows, a partition that is detached or
// dropped takes them away, and one that is truncated alone loses them, and none of this is
// logged as a change of the root's rows. A partition that was detached for a while may have
// other rows. A table that was made as a partition was empty. But whether it was made so
// cannot be told if the server has recovered since it was, so sameRun must say that the
// partitions were, and now are, read in the same run of the server.
func Unseen(was, now []Part, sameRun bool) string {
	isNow, wasThere := finder(now), finder(was)
	for _, w := range was {
		n := isNow(w.OID)
		switch {
		case n == nil:
			return "a partition was dropped or detached"
		case n.File != w.File:
			return "partition " + n.Name.String() + " was truncated, or written anew"
		case w.XMin != 0 && n.XMin != w.XMin:
			return "partition " + n.Name.String() + " was detached, and attached again"
		}
	}
	for i := range now {
		n := &now[i]
		switch {
		case wasThere(n.OID) != nil:
		case !n.Born:
			return "partition " + n.Name.String() + " was attached"
		case !sameRun:
			return "partition " + n.Name.String() + " came while the server was started or recovered, so it may have been attached"
		}
	}
	return ""
}

// finder returns a function that finds partitions by their OIDs. It is quickest if it is asked
// for them in the order of the OIDs, in which the catalogue is read. A table may have tens of
// thousands, and nothing else gets on while two such lists are compared.
func finder(parts []Part) func(oid uint32) *Part {
	if byOID := func(a, b Part) int { return cmp.Compare(a.OID, b.OID) }; !slices.IsSortedFunc(parts, byOID) {
		parts = slices.SortedFunc(slices.Values(parts), byOID)
	}
	next := 0
	return func(oid uint32) *Part {
		there := next < len(parts) && parts[next].OID == oid
		if !there {
			next, there = slices.BinarySearchFunc(parts, oid, func(p Part, oid uint32) int { return cmp.Compare(p.OID, oid) })
		}
		if !there {
			return nil
		}
		next++
		return &parts[next-1]
	}
}
