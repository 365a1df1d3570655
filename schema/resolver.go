package schema

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// resolver makes a Choice into a Table, and gathers what is wrong.
type resolver struct {
	choice   Choice
	relation Relation
	major    int
	faults   []error
}

func (v *resolver) err() error { return errors.Join(v.faults...) }

func (v *resolver) fault(repair, found string, args ...any) {
	v.faults = append(v.faults, &Fault{Table: v.configured(), Found: fmt.Sprintf(found, args...), Repair: repair})
}

// configured returns the table's name in the config.
func (v *resolver) configured() Name {
	if v.choice.Name == (Name{}) {
		return v.relation.Name
	}
	return v.choice.Name
}

// config returns how a person finds a key of the table's entry in the config.
func (v *resolver) config(key string) string {
	return "tables." + v.configured().String() + "." + key + " in the config"
}

// table returns the table's name for a statement.
func (v *resolver) table() string {
	return quote(v.relation.Name.Schema) + "." + quote(v.relation.Name.Table)
}

// takeable reports whether logical replication carries a relation of this kind. If not, it
// is faulted for that, and nothing else is worth saying.
// https://www.postgresql.org/docs/current/logical-replication-restrictions.html
func (v *resolver) takeable() bool {
	remove := "take tables." + v.configured().String() + " out of the config"
	switch v.relation.Kind {
	case 'r', 'p':
	default:
		v.fault(remove+", and list the tables that it reads instead", "is a %s, which has no changes of its own in the log", kindName(v.relation.Kind))
		return false
	}
	switch v.relation.Persistence {
	case 'u':
		v.fault("ALTER TABLE "+v.table()+" SET LOGGED, or "+remove, "is unlogged, so its changes are not in the log")
		return false
	case 't':
		v.fault(remove, "is temporary, so its changes are not in the log")
		return false
	}
	return true
}

// kindName returns the name of a pg_class.relkind.
func kindName(kind byte) string {
	switch kind {
	case 'v':
		return "view"
	case 'm':
		return "materialized view"
	case 'f':
		return "foreign table"
	case 'S':
		return "sequence"
	case 'i', 'I':
		return "index"
	case 'c':
		return "composite type"
	case 't':
		return "TOAST table"
	}
	return fmt.Sprintf("relation of kind %q", kind)
}

// columns returns the chosen columns by attnum.
func (v *resolver) columns() []Column {
	wanted := v.wanted()
	var columns []Column
	for _, a := range v.relation.Attributes {
		if !wanted(a.Name) || a.Generated && !v.generated(a) {
			continue
		}
		columns = append(columns, v.column(a))
	}
	return columns
}

// wanted returns a function that reports whether the choice wants a name. It faults what is
// wrong with the choice itself.
func (v *resolver) wanted() func(string) bool {
	c := v.choice
	ways := 0
	for _, set := range []bool{c.Columns != nil, c.Exclude != nil, c.All} {
		if set {
			ways++
		}
	}
	if ways != 1 {
		v.fault("set one of them: "+v.config("columns"), "has %d of columns, exclude and all, where one is due", ways)
	}
	v.checkNames("columns", c.Columns)
	v.checkNames("exclude", c.Exclude)
	switch {
	case c.Columns != nil:
		return func(name string) bool { return slices.Contains(c.Columns, name) }
	case c.Exclude != nil:
		return func(name string) bool { return !slices.Contains(c.Exclude, name) }
	}
	return func(string) bool { return true }
}

// checkNames faults names that the table does not have, or that come twice.
func (v *resolver) checkNames(key string, names []string) {
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			v.fault("name it once: "+v.config(key), "column %q is named twice", name)
			continue
		}
		if v.attribute(name) != nil {
			continue
		}
		repair := "correct " + v.config(key)
		for _, a := range v.relation.Attributes {
			if strings.EqualFold(a.Name, name) {
				repair += fmt.Sprintf(": the table has %q", a.Name)
			}
		}
		v.fault(repair, "column %q does not exist", name)
	}
}

func (v *resolver) attribute(name string) *Attribute {
	for i := range v.relation.Attributes {
		if v.relation.Attributes[i].Name == name {
			return &v.relation.Attributes[i]
		}
	}
	return nil
}

// generated reports whether a generated column is taken: only if it is named, since a
// publication without a column list leaves it out by default. It faults one that cannot be
// published.
func (v *resolver) generated(a Attribute) bool {
	if !slices.Contains(v.choice.Columns, a.Name) {
		return false
	}
	if a.Virtual {
		v.fault("take it out of "+v.config("columns")+", and compute it in a view of the warehouse",
			"column %q is generated when it is read, and is in no row that PostgreSQL publishes", a.Name)
		return true
	}
	if v.major < GeneratedMajor {
		v.fault("take it out of "+v.config("columns")+", and compute it in a view of the warehouse",
			"column %q is generated, and PostgreSQL %d does not publish those", a.Name, v.major)
	}
	return true
}

// listed reports whether the publication is to name the columns. It faults columns that
// would cross the wire though they were not chosen.
func (v *resolver) listed() bool {
	if v.choice.All {
		return false
	}
	full := v.relation.Identity == IdentityFull
	if v.major >= ColumnListMajor && !full {
		return true
	}
	left := v.leftOut()
	if len(left) == 0 || v.choice.UnlistedOnWire {
		return false
	}
	why := fmt.Sprintf("PostgreSQL %d has no column lists", v.major)
	if full {
		why = "REPLICA IDENTITY FULL admits no column list"
	}
	v.fault("choose all columns, or allow it: "+v.config("unlisted_on_wire")+" = true",
		"%s, so columns that are not chosen would cross the replication connection: %s", why, strings.Join(left, ", "))
	return false
}

// leftOut returns the names of the columns that the log carries and the choice does not want.
func (v *resolver) leftOut() []string {
	c := v.choice
	var left []string
	for _, a := range v.relation.Attributes {
		chosen := c.Columns != nil && slices.Contains(c.Columns, a.Name) || c.Exclude != nil && !slices.Contains(c.Exclude, a.Name)
		if !a.Generated && !chosen {
			left = append(left, a.Name)
		}
	}
	return left
}
