package schema

import (
	"slices"
	"strings"
)

// key returns the indices of the key columns, in the key's order.
func (v *resolver) key(columns []Column) []int {
	attnums := v.keyAttnums()
	var key []int
	for _, n := range attnums {
		i := slices.IndexFunc(columns, func(c Column) bool { return c.Attnum == n })
		if i < 0 {
			v.keyLeftOut(n)
			continue
		}
		if c := columns[i]; !c.NotNull {
			v.fault("ALTER TABLE "+v.table()+" ALTER COLUMN "+quote(c.Name)+" SET NOT NULL",
				"key column %q can be NULL, and a row whose key is NULL cannot be found again", c.Name)
		}
		key = append(key, i)
	}
	return key
}

// keyAttnums returns the attnums of the key. If there is no key, it faults that and returns
// none.
// https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-REPLICA-IDENTITY
func (v *resolver) keyAttnums() []int16 {
	r := v.relation
	switch r.Identity {
	case IdentityNothing:
		repair := "ALTER TABLE " + v.table() + " REPLICA IDENTITY DEFAULT"
		if len(r.Primary) == 0 {
			repair = v.cures()
		}
		v.fault(repair, "has REPLICA IDENTITY NOTHING, so updates and deletes do not say which row they are of")
		return nil
	case IdentityIndex:
		if len(r.Replica) == 0 {
			v.fault(v.cures(), "has REPLICA IDENTITY USING INDEX, and the index is gone")
		}
		return r.Replica
	case IdentityDefault:
		if len(r.Primary) == 0 {
			v.fault(v.cures(), "has no primary key (a deferrable one does not count), so its rows cannot be told apart")
		}
		return r.Primary
	case IdentityFull:
		if len(r.Primary) == 0 {
			v.fault(v.cures(), "has REPLICA IDENTITY FULL and no primary key (a deferrable one does not count), so its rows cannot be told apart")
		}
		return r.Primary
	}
	v.fault("ALTER TABLE "+v.table()+" REPLICA IDENTITY DEFAULT", "has a replica identity that is not known: %q", byte(r.Identity))
	return nil
}

// cures returns the two ways to give a table a key.
func (v *resolver) cures() string {
	return "either ALTER TABLE " + v.table() + " ADD PRIMARY KEY (...), " +
		"or CREATE UNIQUE INDEX i ON " + v.table() + " (...) over columns that are NOT NULL and ALTER TABLE " + v.table() + " REPLICA IDENTITY USING INDEX i"
}

// keyLeftOut faults a key column that is not among the chosen ones.
func (v *resolver) keyLeftOut(attnum int16) {
	i := slices.IndexFunc(v.relation.Attributes, func(a Attribute) bool { return a.Attnum == attnum })
	if i < 0 {
		v.fault("run again: the table is being altered", "has a key over a column that is gone")
		return
	}
	a := v.relation.Attributes[i]
	switch {
	case a.Generated:
		v.fault(v.cures(), "key column %q is generated, and so is not in the stream", a.Name)
	case v.choice.Columns != nil:
		v.fault("add it to "+v.config("columns"), "key column %q is not chosen", a.Name)
	default:
		v.fault("take it out of "+v.config("exclude"), "key column %q is excluded", a.Name)
	}
}

// distKey returns the index of the distribution key, -1 if there is none.
func (v *resolver) distKey(t *Table) int {
	if v.choice.DistKey == "" {
		return firstSpread(t)
	}
	i := v.chosen("distkey", v.choice.DistKey, t.Columns)
	if i >= 0 {
		v.spread("distkey", t.Columns[i])
	}
	return i
}

// maxSortKey is Redshift's limit of columns in a compound sort key.
// https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html
const maxSortKey = 400

// sortKey returns the indices of the sort key's columns.
func (v *resolver) sortKey(t *Table) []int {
	names := v.choice.SortKey
	if len(names) == 0 {
		if i := firstSpread(t); i >= 0 {
			return []int{i}
		}
		return nil
	}
	if len(names) > maxSortKey {
		v.fault("shorten "+v.config("sortkey"), "has a sort key of %d columns, and Redshift takes %d", len(names), maxSortKey)
	}
	var key []int
	for n, name := range names {
		if slices.Contains(names[:n], name) {
			v.fault("name it once: "+v.config("sortkey"), "column %q is named twice", name)
			continue
		}
		if i := v.chosen("sortkey", name, t.Columns); i >= 0 {
			v.spread("sortkey", t.Columns[i])
			key = append(key, i)
		}
	}
	return key
}

// firstSpread returns the default of distkey and sortkey: the first key column of a type
// that can be one, -1 if none is. So a table whose key is one bytea is spread evenly and
// not sorted.
func firstSpread(t *Table) int {
	for _, i := range t.Key {
		if spreads(t.Columns[i]) {
			return i
		}
	}
	return -1
}

// chosen returns the index of the column that a config key names. If that is not one of the
// chosen columns, it faults that and returns -1.
func (v *resolver) chosen(key, name string, columns []Column) int {
	i := slices.IndexFunc(columns, func(c Column) bool { return c.Name == name })
	if i < 0 {
		v.fault("name a chosen column: "+v.config(key), "%s %q is not one of the chosen columns", key, name)
	}
	return i
}

// spread faults a column whose type Redshift can neither distribute nor sort by.
func (v *resolver) spread(key string, c Column) {
	if !spreads(c) {
		v.fault("name a column of another type: "+v.config(key), "%s %q is %s, which Redshift does not take for that", key, c.Name, c.Mapping.Type)
	}
}

// spreadable are the types that a DISTKEY and a SORTKEY may have, by AWS's lists. SUPER,
// VARBYTE, GEOMETRY, GEOGRAPHY and HLLSKETCH are not among them.
// https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html
// https://docs.aws.amazon.com/redshift/latest/dg/r_VARBYTE_type.html
var spreadable = []string{
	"BOOLEAN", "REAL", "DOUBLE PRECISION", "SMALLINT", "INTEGER", "BIGINT", "DECIMAL",
	"DATE", "TIME", "TIMETZ", "TIMESTAMP", "TIMESTAMPTZ", "CHAR", "VARCHAR",
}

// spreads reports whether Redshift can distribute and sort rows by a column.
func spreads(c Column) bool {
	name, _, _ := strings.Cut(c.Mapping.Type, "(")
	return slices.Contains(spreadable, name)
}
