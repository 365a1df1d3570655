package schema

import (
	"fmt"
	"slices"
	"strings"
)

// MaxName is the length in bytes beyond which Redshift cuts a name.
// https://docs.aws.amazon.com/redshift/latest/dg/r_names.html
const MaxName = 127

// maxColumns is Redshift's limit for one table.
// https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html
const maxColumns = 1600

// systemColumns are names that no column of a Redshift table can have.
var systemColumns = []string{"oid", "tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"}

// names faults names that Redshift refuses, cuts, or takes for the same name.
func (v *resolver) names(t *Table) {
	v.name(t.Target, "set another "+v.config("target"), "the target's name")
	first := map[string]string{}
	for _, c := range t.Columns {
		rename := "give it another name: " + v.config("rename") + ", or leave it out"
		v.name(c.Target, rename, fmt.Sprintf("the name of column %q", c.Name))
		if slices.Contains(systemColumns, c.Target) {
			v.fault(rename, "column %q has the name of one of Redshift's system columns", c.Name)
		}
		if other, taken := first[c.Target]; taken {
			v.fault(rename, "columns %q and %q are one name to Redshift: %q", other, c.Name, c.Target)
			continue
		}
		first[c.Target] = c.Name
	}
}

// name faults a name that Redshift cannot hold.
func (v *resolver) name(name, repair, what string) {
	if len(name) > MaxName {
		v.fault(repair, "%s has %d bytes, and Redshift cuts it after %d", what, len(name), MaxName)
	}
	if name == "" || strings.ContainsRune(name, 0) {
		v.fault(repair, "%s is empty or holds a zero byte", what)
	}
}

// width faults a table if its held table would be too wide. Beside the table's columns that
// has the columns of an origin key, a flag for each column that may be left unchanged, one
// that says that the row is gone, and three columns that tell the folds apart.
func (v *resolver) width(t *Table) {
	wide := len(t.Columns) + len(t.Key) + 4 + len(t.Toastable())
	if wide > maxColumns {
		v.fault("leave columns out", "needs %d columns in the table that holds its changes, and Redshift takes %d", wide, maxColumns)
	}
}
