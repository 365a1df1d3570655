package replicator

import (
	"fmt"
	"slices"
	"testing"

	"rowshift/schema"
)

// rowsNamed returns n rows, which are others for another prefix.
func rowsNamed(prefix string, n int) Rows {
	rows := Rows{}
	for i := range n {
		rows[fmt.Sprint(prefix, i)] = true
	}
	return rows
}

// Rows that COPY refuses halt the pipeline unless they are new and few: otherwise the same rows
// would be met for ever.
func TestRefusalsEndInAHalt(t *testing.T) {
	halt := &Halt{Reason: LoadRefused}
	refused := func(oid uint32, rows Rows) *Refused {
		return &Refused{Table: &schema.Table{OID: oid}, Rows: rows, Halt: halt, until: 10}
	}
	load := func(rows Rows) *Refused {
		return &Refused{Table: &schema.Table{OID: 1}, Rows: rows, Halt: halt, Load: true}
	}
	var scattered []*Refused
	for n := range 2 * mostRefusals {
		scattered = append(scattered, load(rowsNamed(fmt.Sprint(n, " "), 1)))
	}
	for name, c := range map[string]struct {
		errs []*Refused // all but the last are learned
		goes bool
	}{
		"a load for each of its rows":           {scattered, true},
		"a load of what a merge has met":        {[]*Refused{refused(1, rowsNamed("a", 1)), load(rowsNamed("a", 1))}, true},
		"it again and again":                    {append([]*Refused{refused(1, rowsNamed("a", 1))}, slices.Repeat([]*Refused{load(rowsNamed("a", 1))}, mostRefusals)...), false},
		"a load that fails for other than rows": {[]*Refused{load(nil)}, false},
		"a row":                                 {[]*Refused{refused(1, rowsNamed("a", 1))}, true},
		"another row":                           {[]*Refused{refused(1, rowsNamed("a", 1)), refused(1, rowsNamed("b", 1))}, true},
		"a row of another table":                {[]*Refused{refused(1, rowsNamed("a", 1)), refused(2, rowsNamed("a", 1))}, true},
		"the same row":                          {[]*Refused{refused(1, rowsNamed("a", 1)), refused(1, rowsNamed("a", 1))}, false},
		"as many as there may be":               {[]*Refused{refused(1, rowsNamed("a", mostRefused))}, true},
		"one more":                              {[]*Refused{refused(1, rowsNamed("a", mostRefused)), refused(1, rowsNamed("b", 1))}, false},
		"none, so it was not a row":             {[]*Refused{refused(1, nil)}, false},
	} {
		var r refusals
		last := len(c.errs) - 1
		for _, e := range c.errs[:last] {
			if err := r.learn(e); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := r.learn(c.errs[last]); (err == nil) != c.goes {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A pass that ends for refused rows is followed by another only so often, unless there is
// progress in between.
func TestRefusalsWithoutProgress(t *testing.T) {
	for _, progress := range []bool{false, true} {
		var r refusals
		var err error
		for n := range mostRefusals + 1 {
			err = r.learn(&Refused{Table: &schema.Table{OID: 1}, Rows: rowsNamed(fmt.Sprint(n, " "), 1), Halt: &Halt{}, until: LSN(n + 1)})
			if progress {
				r.reached(LSN(n+1), nil)
			}
		}
		if (err == nil) != progress {
			t.Errorf("with progress in between, %v: %v", progress, err)
		}
	}
}

// What COPY refused is known until nobody meets it any more: in the merges, once the checkpoint
// has passed the one that met it; in a load, once its table has joined.
func TestHowLongRefusalsAreKnown(t *testing.T) {
	join := []Join{{Table: &schema.Table{OID: 1}}}
	for name, c := range map[string]struct {
		merge, load bool
		reached     LSN
		joins       []Join
		known       bool
	}{
		"a merge, before its end":        {true, false, 9, nil, true},
		"a merge, at its end":            {true, false, 10, nil, false},
		"a load":                         {false, true, 99, nil, true},
		"a load, beside another's join":  {false, true, 99, []Join{{Table: &schema.Table{OID: 2}}}, true},
		"a load whose table joined":      {false, true, 1, join, false},
		"both, and the table has joined": {true, true, 9, join, true},
		"both, and the merge is over":    {true, true, 10, nil, true},
		"both, and both are over":        {true, true, 10, join, false},
	} {
		var r refusals
		if c.merge {
			_ = r.learn(&Refused{Table: &schema.Table{OID: 1}, Rows: rowsNamed("a", 1), until: 10})
		}
		if c.load {
			_ = r.learn(&Refused{Table: &schema.Table{OID: 1}, Rows: rowsNamed("b", 1), Load: true})
		}
		r.reached(c.reached, c.joins)
		if known := r.known()[1] != nil; known != c.known {
			t.Errorf("%s: it is known: %v", name, known)
		}
	}
}
