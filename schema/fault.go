package schema

import (
	"errors"
	"fmt"
)

// Fault is one thing that is wrong with a Choice when it meets a Relation.
type Fault struct {
	Table  Name   // as the config has it
	Found  string // what was found
	Repair string // the statement or the config line that repairs it
}

func (f *Fault) Error() string { return f.Table.String() + ": " + f.Found + "; " + f.Repair }

// Faults returns the faults that err joins, in the order in which they were found.
func Faults(err error) []*Fault {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*Fault
		for _, e := range joined.Unwrap() {
			all = append(all, Faults(e)...)
		}
		return all
	}
	if f, ok := errors.AsType[*Fault](err); ok {
		return []*Fault{f}
	}
	return nil
}

// Together returns an error if some of the tables cannot stand side by side in the
// warehouse because they would share a target. It joins one *Fault for each, which names it
// as the config does.
func Together(tables []*Table) error {
	var faults []error
	first := map[string]*Table{}
	for _, t := range tables {
		if other, taken := first[t.Target]; taken {
			faults = append(faults, &Fault{
				Table:  t.Configured,
				Found:  fmt.Sprintf("its target %q is that of %s as well", t.Target, other.Configured),
				Repair: fmt.Sprintf("give one of them another target: in the config under tables.%s", t.Configured),
			})
			continue
		}
		first[t.Target] = t
	}
	return errors.Join(faults...)
}
