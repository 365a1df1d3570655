package redshift

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"rowshift/replicator"
	"rowshift/schema"
	"rowshift/test/redshifttest"
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

// A target that we made must never be taken for one that somebody altered.
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

// otherNames are the other names of types of ours.
// https://docs.aws.amazon.com/redshift/latest/dg/c_Supported_data_types.html
var otherNames = map[string]string{
	"NUMERIC": "DECIMAL", "CHARACTER VARYING": "VARCHAR", "NVARCHAR": "VARCHAR", "CHARACTER": "CHAR", "BPCHAR": "CHAR", "BINARY VARYING": "VARBYTE", "VARBINARY": "VARBYTE",
	"INT": "INTEGER", "INT2": "SMALLINT", "INT4": "INTEGER", "INT8": "BIGINT", "FLOAT": "DOUBLE PRECISION", "FLOAT8": "DOUBLE PRECISION", "FLOAT4": "REAL", "BOOL": "BOOLEAN",
	"TIME WITHOUT TIME ZONE": "TIME", "TIME WITH TIME ZONE": "TIMETZ", "TIMESTAMP WITHOUT TIME ZONE": "TIMESTAMP", "TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ",
}

// spellings returns the ways in which the catalogue, or a person, writes a type of ours.
func spellings(kind string) []string {
	name, sizes, sized := strings.Cut(kind, "(")
	all := []string{kind, strings.ToLower(kind), " " + kind + " "}
	for other, ours := range otherNames {
		if ours != name {
			continue
		}
		if sized {
			other += "(" + sizes
		}
		all = append(all, strings.ToLower(other), strings.ReplaceAll(strings.ToLower(other), "(", " ("), strings.ReplaceAll(other, ",", ", "))
	}
	return all
}

// TestCatalogueTypes shows that every type that a column of ours may have is recognized by its
// long name and by its short one.
func TestCatalogueTypes(t *testing.T) {
	kinds := map[string]bool{
		"SUPER": true, "REAL": true, "DOUBLE PRECISION": true, "SMALLINT": true, "INTEGER": true, "BIGINT": true, "BOOLEAN": true, "DATE": true, "TIME": true, "TIMETZ": true,
		"TIMESTAMP": true, "TIMESTAMPTZ": true, "GEOMETRY": true, "GEOGRAPHY": true, "CHAR(7)": true, "VARBYTE(12)": true, "DECIMAL(38,37)": true, "DECIMAL(12,0)": true, "VARCHAR(20)": true,
	}
	for _, typ := range types() {
		kinds[declaredType(schema.MappingOf(typ).Type)] = true
	}
	for kind := range kinds {
		for _, text := range spellings(kind) {
			if is := catalogueType(text); is != kind || !fits(is, kind) {
				t.Errorf("%s is %s, not %s", text, is, kind)
			}
		}
	}
	if len(kinds) < 25 {
		t.Errorf("%d types only", len(kinds))
	}
}

// TestCatalogueTypesThatCannotBeRead shows that a type that cannot be parsed is not taken for
// one that fits, nor for one that may be altered, and is reported as the catalogue gives it.
func TestCatalogueTypesThatCannotBeRead(t *testing.T) {
	w := New(Options{Schema: "Sales"})
	for _, text := range []string{"", "numeric(8", "numeric(8,2", "numeric(8,x)", "numeric(,2)", "numeric(-8,2)", "numeric(8,2,1)", "character varying()", "character varying(a)", "varchar(4,2)", "varchar(9))",
		"VARCHAR(x)", "binary varying(4,2)", "integer(4)", "timestamp(3) without time zone", "super(1)", `"char"`, "bigint; drop"} {
		for _, kind := range []string{"VARCHAR(65535)", "VARCHAR(4)", "DECIMAL(8,2)", "DECIMAL(30,4)", "BIGINT", "SMALLINT", "VARBYTE(4)", "DOUBLE PRECISION", "TIMESTAMP", "SUPER", "CHAR(1)"} {
			is := catalogueType(text)
			if fits(is, kind) || holds(is, kind) || holds(kind, is) {
				t.Errorf("%q is taken for one like %s", text, kind)
			}
			table := plain()
			table.Columns = table.Columns[:1]
			table.Columns[0].Mapping.Type = kind
			d, err := w.dueOf(replicator.Alteration{Table: table}, map[string]string{table.Columns[0].Target: is}, traits{})
			u, ok := errors.AsType[*replicator.Unfit](err)
			if len(d.alterations) > 0 || !ok || !strings.Contains(u.Why.Found, strconv.Quote(text)) {
				t.Errorf("%q for %s: %q, %v", text, kind, d.alterations, err)
			}
		}
	}
}

func TestFits(t *testing.T) {
	tests := []struct {
		catalogue, declared string
		want                bool
	}{
		{"character varying(65535)", "VARCHAR(65535)", true},
		{"character varying(10)", "VARCHAR(65535)", false},
		{"character varying", "VARCHAR(65535)", true},
		{"character(10)", "CHAR(10)", true},
		{"character(10)", "VARCHAR(10)", false},
		{"numeric(10,2)", "DECIMAL(10,2)", true},
		{"numeric(10,2)", "NUMERIC(10, 2)", true},
		{"numeric(10,0)", "decimal(10)", true},
		{"numeric(10)", "DECIMAL(10,0)", true},
		{"numeric(10,3)", "DECIMAL(10,2)", false},
		{"numeric", "DECIMAL(10,2)", true},
		{"binary varying(1024000)", "VARBYTE(1024000)", true},
		{"binary varying", "VARBYTE(1024000)", true},
		{"binary varying(64000)", "VARBYTE(1024000)", false},
		{"timestamp without time zone", "TIMESTAMP", true},
		{"timestamp with time zone", "TIMESTAMP", false},
		{"double precision", "FLOAT8", true},
		{"integer", "INT", true},
		{"integer", "BIGINT", false},
		{"super", "SUPER", true},
		{"hllsketch", "SUPER", false},
	}
	for _, test := range tests {
		if is := catalogueType(test.catalogue); fits(is, test.declared) != test.want {
			t.Errorf("%s for %s: %v", is, test.declared, !test.want)
		}
	}
}

// external are the views of the catalogue that also show external schemas. Every query of one
// asks Glue, Hive or another database for everything in it, which is slow, and fails if one of
// these cannot be reached. https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_TABLES.html
var external = []string{"svv_tables", "svv_columns", "svv_all_", "svv_external_", "information_schema"}

// TestExternalSchemasAreNotLookedAt shows that a pipeline begins, loads, alters, merges and is
// checked even if no such view answers.
func TestExternalSchemasAreNotLookedAt(t *testing.T) {
	w := newWorld(t)
	var faults []*redshifttest.Injected
	for _, name := range external {
		faults = append(faults, w.server.Inject(redshifttest.Fault{Match: name, Application: "rowshift/", Code: "XX000", Message: "Failed to get metadata from the external catalog"}))
	}
	r, table := w.warehouse(analysts), keyed()
	table.Configured = table.Name
	if planned, err := r.Plan(t.Context(), []*schema.Table{table}, replicator.Foreseen{}); err != nil || len(planned) == 0 {
		t.Fatalf("planned %q, %v", planned, err)
	}
	w.fence(r, table)
	l := w.loading(r, table, 1, "a|1|x", "b|2|y")
	w.apply(r, held(batch(t, table, "insert c|3|z"), l, 0))
	w.applyAll(r, table, l)
	w.join(r, table, l.Into)
	now := wordsWith(func(t *schema.Table) { t.Columns = append(t.Columns, column(5, "note", bigint, false)) })
	m := w.merging()
	m.Alterations = []replicator.Alteration{{Table: now, Diff: schema.Diff{Added: []int{3}}}}
	if merged, err := r.Merge(t.Context(), m); err != nil || len(merged.Altered) != 1 {
		t.Fatalf("altered %q, %v", merged.Altered, err)
	}
	r = w.warehouse(analysts)
	w.fence(r, now) // regrants, and sweeps
	w.loading(r, now, 2, "a|1|x|~")
	for _, f := range w.check(r, now) {
		if f.Verdict != replicator.Fine {
			t.Errorf("%+v", f)
		}
	}
	if left, err := r.Plan(t.Context(), []*schema.Table{now}, replicator.Foreseen{}); err != nil || len(left) != 0 {
		t.Errorf("planned %q, %v", left, err)
	}
	if _, err := r.Checkpoint(t.Context()); err != nil {
		t.Error(err)
	}
	w.want(w.ask("SELECT word, n FROM public_copy.words ORDER BY word"), "a|1", "b|2", "c|3")
	for i, f := range faults {
		if f.Hits() > 0 {
			t.Errorf("%s was asked %d times", external[i], f.Hits())
		}
	}
}
