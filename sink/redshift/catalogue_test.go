package redshift

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"rowshift/schema"
)

// types are types of every family, with modifiers where they have any.
func types() map[string]schema.Type {
	all := map[string]schema.Type{}
	for _, f := range schema.Families() {
		if f.Category != 0 {
			all[f.Shown] = schema.Type{OID: 99999, Base: 99999, Typmod: -1, Name: "own", Category: f.Category}
		}
		for _, name := range f.Types {
			for _, typmod := range []int32{-1, 4 + 7, 10<<16 | 2 + 4, 38<<16 | 37 + 4, 19<<16 | 4} {
				all[name+"/"+strconv.Itoa(int(typmod))] = schema.Type{OID: 20, Base: 20, Typmod: typmod, Name: name}
			}
		}
	}
	return all
}

// A target that we have made must never be taken for one that somebody altered.
func TestOurTypesDoNotDrift(t *testing.T) {
	w := newWorld(t)
	r := w.warehouse(nil)
	byType := map[string]schema.Column{}
	for name, typ := range types() {
		c := schema.Column{Attribute: schema.Attribute{Name: name, Type: typ}, Mapping: schema.MappingOf(typ)}
		c.Target = "c_" + strconv.Itoa(len(byType))
		if _, known := byType[c.Mapping.Type]; !known {
			byType[c.Mapping.Type] = c
		}
	}
	table := plain()
	for _, c := range byType {
		table.Columns = append(table.Columns, c)
	}
	if len(byType) < 15 {
		t.Errorf("%d types only", len(byType))
	}
	w.fence(r)
	w.make(r, table)
	if err := r.MakeLoad(t.Context(), w.epoch, table, loadState(fmt.Sprintf("load_0_0_%d", table.OID))); err != nil {
		t.Errorf("the target that we have made: %v", err)
	}
}

func TestFits(t *testing.T) {
	tests := []struct {
		kind, length, precision, scale, declared string
		want                                     bool
	}{
		{"character varying", "65535", "", "", "VARCHAR(65535)", true},
		{"character varying", "10", "", "", "VARCHAR(65535)", false},
		{"numeric", "", "10", "2", "DECIMAL(10,2)", true},
		{"numeric", "", "10", "2", "NUMERIC(10, 2)", true},
		{"numeric", "", "10", "0", "decimal(10)", true},
		{"numeric", "", "10", "3", "DECIMAL(10,2)", false},
		{"binary varying", "1024000", "", "", "VARBYTE(1024000)", true},
		{"binary varying", "", "", "", "VARBYTE(1024000)", true},
		{"binary varying", "64000", "", "", "VARBYTE(1024000)", false},
		{"timestamp without time zone", "", "", "", "TIMESTAMP", true},
		{"timestamp with time zone", "", "", "", "TIMESTAMP", false},
		{"double precision", "", "", "", "FLOAT8", true},
		{"integer", "", "32", "0", "INT", true},
		{"integer", "", "32", "0", "BIGINT", false},
		{"super", "", "", "", "SUPER", true},
	}
	for _, test := range tests {
		is := catalogueType(test.kind, test.length, test.precision, test.scale)
		if fits(is, test.declared) != test.want || strings.Contains(is, "()") {
			t.Errorf("%s for %s: %v", is, test.declared, !test.want)
		}
	}
}
