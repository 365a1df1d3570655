package schema

import "errors"

// Choice is what the operator wants of one table. Exactly one of Columns, Exclude
// and All is set.
type Choice struct {
	Name    Name
	Columns []string // only these
	Exclude []string // all but these
	All     bool     // all, also those that are added later

	Target  string   // name in the warehouse; empty: the source's table name
	DistKey string   // a source column; empty: the first key column
	SortKey []string // source columns; empty: the first key column

	// UnlistedOnWire allows columns that are not chosen to cross the replication
	// connection where PostgreSQL cannot keep them back.
	UnlistedOnWire bool
}

// Fault is one thing that is wrong with a Choice when it meets a Relation.
type Fault struct {
	Table  Name
	Found  string // what was found
	Repair string // the statement or the config line that repairs it
}

func (f *Fault) Error() string { return f.Table.String() + ": " + f.Found + "; " + f.Repair }

// errNotBuilt is replaced with the code.
var errNotBuilt = errors.New("schema: not built")

// Resolve makes the Table that c wants of r, as a server of that major version
// would publish it. The error joins one *Fault for each thing that is wrong: an
// unknown column, a key column left out, no key, two names that Redshift takes
// for one, a partial column list that the server or the replica identity does not
// admit without UnlistedOnWire, an unlogged or temporary table.
func (c Choice) Resolve(r Relation, major int) (*Table, error) {
	return nil, errNotBuilt
}
