package schema

// Choice is what the operator wants of one table. Exactly one of Columns, Exclude and All
// is set; an empty list that is not nil is set.
type Choice struct {
	Name    Name
	Columns []string // only these
	Exclude []string // all but these
	All     bool     // all, also those that are added later

	Target  string   // name in the warehouse; empty: the source's table name
	DistKey string   // a source column; empty: the first key column of a suitable type
	SortKey []string // source columns; empty: the same one

	// Types are Redshift types, by source column, that are wanted in place of the ones that
	// the columns' own types map to.
	Types map[string]string

	// Rules say, by source column and kind of Misfit, what is done with a value that does
	// not fit, in place of the type's own rule. The kind AnyMisfit stands for all that are
	// not named.
	Rules map[string]map[string]Rule

	Hash    []string          // source columns whose values are hashed on the way
	HashKey *HashKey          // what they are hashed with
	Rename  map[string]string // by source column: its name in the warehouse

	// Where is a condition, in the source's SQL, on the rows that are replicated. Empty:
	// all are.
	Where string

	// UnlistedOnWire allows columns that are not chosen to cross the replication
	// connection where PostgreSQL cannot keep them back.
	UnlistedOnWire bool

	// Followed is set by Follow: for columns that were renamed in the source, by their name
	// there, the name that the config still has for them.
	Followed map[string]string
}

// Resolve makes the Table that c wants of r, as a server of that major version would
// publish it. The error joins one *Fault for each thing that is wrong (see Faults): an
// unknown column, a key column left out, no key, two names that Redshift takes for one, a
// partial column list that the server or the replica identity does not admit without
// UnlistedOnWire, a column to hash without a key, an unlogged or temporary table.
//
// The key is the primary key under IdentityDefault and IdentityFull, and the index's
// columns under IdentityIndex. Generated columns are left out unless Columns names them,
// which only PostgreSQL 18 and later can publish. A name that Redshift would refuse or take
// for another is a fault; no name is changed except by Fold.
func (c Choice) Resolve(r Relation, major int) (*Table, error) {
	v := resolver{choice: c, relation: r, major: major}
	if !v.takeable() {
		return nil, v.err()
	}
	t := &Table{OID: r.OID, Name: r.Name, Configured: v.configured(), Identity: r.Identity, Heap: r.Heap, Target: c.Target}
	if t.Target == "" {
		t.Target = t.Configured.Table
	}
	t.Target = Fold(t.Target)
	t.Columns = v.columns()
	v.made(t.Columns)
	t.Listed = v.listed()
	t.Key = v.key(t.Columns)
	v.types(t)
	v.partitions(t)
	v.where(t)
	v.rules(t)
	t.DistKey = v.distKey(t)
	t.SortKey = v.sortKey(t)
	v.names(t)
	v.width(t)
	if err := v.err(); err != nil {
		return nil, err
	}
	return t, nil
}
