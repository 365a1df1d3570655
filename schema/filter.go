package schema

import (
	"slices"
	"strings"
)

// Filter is how the source reads a Choice's Where.
type Filter struct {
	Text    string  // as the source spells it; two filters are the same if their texts are
	Columns []int16 // attnums of the columns that it looks at

	Refused string // why it is no condition on rows of the table; else empty
	Repair  string
}

// where takes the choice's filter. It faults a filter by which PostgreSQL would not
// publish, that would make the owner's statements fail, or that would bring rows with
// values that nobody knows.
func (v *resolver) where(t *Table) {
	if v.choice.Where == "" {
		return
	}
	f := v.relation.Filter
	switch {
	case v.major < ColumnListMajor:
		v.fault("take it out: "+v.config("where"), "has where, and PostgreSQL %d publishes all rows of a table", v.major)
		return
	case f.Refused != "":
		v.fault(f.Repair, "has a where that PostgreSQL does not take: %s", f.Refused)
		return
	}
	t.Where, t.Filter = v.choice.Where, f
	if v.relation.Identity == IdentityFull {
		return
	}
	full := "let " + v.config("where") + " look at key columns only, or ALTER TABLE " + v.table() + " REPLICA IDENTITY FULL and choose all columns"
	for _, a := range v.relation.Attributes {
		if slices.Contains(f.Columns, a.Attnum) && !slices.Contains(v.relation.Replica, a.Attnum) {
			v.fault(full, "has a where that looks at column %q, which is not in the replica identity: PostgreSQL would refuse every UPDATE and DELETE", a.Name)
		}
	}
	var large []string
	for i, c := range t.Columns {
		if c.Toastable && !slices.Contains(t.Key, i) {
			large = append(large, c.Name)
		}
	}
	if len(large) > 0 {
		v.fault("ALTER TABLE "+v.table()+" REPLICA IDENTITY FULL and choose all columns, or leave those out of the config",
			"has a where, and columns that may be stored out of line (%s): a row that an update brings into it would come without their values", strings.Join(large, ", "))
	}
}
