package replicator

import (
	"slices"
	"testing"
	"time"

	"rowshift/schema"
)

// A column that was renamed while its table's target could not be altered is renamed before the
// table is loaded, whatever name it has by then. A load would else add a column of the new name,
// which lacks the masking policies and rights of the one that is there.
func TestRenameOfAParkedTableIsCarriedOut(t *testing.T) {
	at := func(oid uint32, attnum int16, name, target string, typ uint32, more ...schema.Column) *schema.Table {
		column := func(n int16, name string, typ uint32) schema.Column {
			return schema.Column{Attribute: schema.Attribute{Attnum: n, Name: name, Type: schema.Type{OID: typ, Base: typ, Typmod: -1}}, Configured: name, Target: name}
		}
		columns := append([]schema.Column{column(1, "id", 20), column(attnum, name, typ)}, more...)
		return &schema.Table{OID: oid, Name: schema.Name{Table: "t"}, Configured: schema.Name{Table: "t"}, Target: target, Columns: columns, Key: []int{0}, Heap: schema.Heap{File: 1, Last: 9}}
	}
	type names = []schema.Rename
	other := schema.Column{Attribute: schema.Attribute{Attnum: 10, Name: "email", Type: schema.Type{OID: 25, Base: 25, Typmod: -1}}, Configured: "email", Target: "email"}
	late := schema.Column{Attribute: schema.Attribute{Attnum: 10, Name: "late", Missing: true, Type: schema.Type{OID: 25, Base: 25, Typmod: -1}}, Configured: "late", Target: "late"}
	for name, c := range map[string]struct {
		then *schema.Table
		want names
	}{
		"as it was renamed":                  {at(1, 2, "mail", "t", 25), names{{From: "email", To: "mail"}}},
		"renamed again":                      {at(1, 2, "post", "t", 25), names{{From: "email", To: "post"}, {From: "mail", To: "post"}}},
		"renamed back":                       {at(1, 2, "email", "t", 25), names{{From: "mail", To: "email"}}},
		"with a column that a load brings":   {at(1, 2, "mail", "t", 25, late), names{{From: "email", To: "mail"}}},
		"dropped, and another has its name":  {at(1, 10, "mail", "t", 25), nil},
		"and another has the name of before": {at(1, 2, "mail", "t", 25, other), nil},
		"of another type":                    {at(1, 2, "mail", "t", 20), nil},
		"another table of that name":         {at(5, 2, "mail", "t", 25), nil},
		"into another target":                {at(1, 2, "mail", "u", 25), nil},
	} {
		t.Run(name, func(t *testing.T) {
			was, held := at(1, 2, "email", "t", 25), at(1, 2, "mail", "t", 25)
			known := &shapes{every: time.Hour}
			opened := func(t *schema.Table) Opened { return Opened{Tables: []Published{{Table: t}}} }
			cp := Checkpoint{Tables: []TableState{{OID: 1, Name: was.Configured, Target: "t", State: Live, Shape: was.Shape(), Heap: was.Heap}}}
			cp = *known.plan(cp, opened(held), new(loads)).first
			known.learn(&Unfit{OID: 1, Name: was.Configured, Why: &Halt{Reason: TargetDrift}, Passes: true})
			cp = known.plan(cp, opened(held), new(loads)).next
			if cp.Tables[0].State != Parked || known.plan(cp, opened(held), new(loads)).changed {
				t.Errorf("it is not parked once: %+v", cp.Tables[0])
			}
			known.unfit = nil // it is time to try it again
			p := known.plan(cp, opened(c.then), new(loads))
			got := p.alterations[0]
			if !slices.Equal(got.Diff.Renamed, c.want) || !got.Loads || p.next.Tables[0].State != Loading || p.next.Tables[0].Renaming != nil {
				t.Errorf("%+v, by the state %+v", got.Diff, p.next.Tables[0])
			}
			if c.want != nil && (p.first == nil && !slices.Equal(cp.Tables[0].Renaming, c.want) || p.first != nil && !slices.Equal(p.first.Tables[0].Renaming, c.want)) {
				t.Errorf("a pass that dies now would not know what its target's columns are called: %+v", p.first)
			}
		})
	}
}

// A column that is renamed by what also has its table loaded, or while it is, is renamed before the
// load.
func TestRenameThatComesWithALoad(t *testing.T) {
	at := func(name string, more ...schema.Column) *schema.Table {
		column := func(n int16, name string) schema.Column {
			return schema.Column{Attribute: schema.Attribute{Attnum: n, Name: name, Type: schema.Type{OID: 25, Base: 25, Typmod: -1}}, Configured: name, Target: name}
		}
		return &schema.Table{OID: 1, Configured: schema.Name{Table: "t"}, Target: "t", Columns: append([]schema.Column{column(1, "id"), column(2, name)}, more...), Key: []int{0}, Heap: schema.Heap{File: 1, Last: 9}}
	}
	late := schema.Column{Attribute: schema.Attribute{Attnum: 10, Name: "late", Missing: true, Type: schema.Type{OID: 20, Base: 20, Typmod: -1}}, Configured: "late", Target: "late"}
	typed, beside := at("mail"), at("mail")
	typed.Columns[1].Mapping.Type, beside.Columns[0].Mapping.Type = "VARCHAR(9)", "VARCHAR(9)"
	type names = []schema.Rename
	once := names{{From: "email", To: "mail"}}
	for name, c := range map[string]struct {
		remembered TableState
		asked      []schema.Name
		then       *schema.Table
		row        PublicationID
		want       names
	}{
		"beside a default":              {TableState{State: Live}, nil, at("mail", late), PublicationID{}, once},
		"out of the publication":        {TableState{State: Live}, nil, at("mail"), PublicationID{OID: 7}, once},
		"asked for":                     {TableState{State: Live}, []schema.Name{{Table: "t"}}, at("mail"), PublicationID{}, once},
		"beside another type":           {TableState{State: Live}, nil, beside, PublicationID{}, once},
		"into another type":             {TableState{State: Live}, nil, typed, PublicationID{}, nil},
		"while it loads":                {TableState{State: Loading, Load: &LoadState{Into: "l", Loaded: true}}, nil, at("mail"), PublicationID{}, once},
		"once more while it is renamed": {TableState{State: Live, Renaming: once}, nil, at("post"), PublicationID{}, names{{From: "email", To: "post"}, {From: "mail", To: "post"}}},
		"back while it is renamed":      {TableState{State: Live, Renaming: once}, nil, at("email"), PublicationID{}, names{{From: "mail", To: "email"}}},
	} {
		t.Run(name, func(t *testing.T) {
			s, was := c.remembered, at("email")
			s.OID, s.Name, s.Target, s.Shape, s.Heap = 1, was.Configured, "t", was.Shape(), was.Heap
			p := new(shapes).plan(Checkpoint{Tables: []TableState{s}, Resyncs: c.asked}, Opened{Tables: []Published{{Table: c.then, Row: c.row}}}, new(loads))
			got := p.alterations[0]
			if !slices.Equal(got.Diff.Renamed, c.want) || !got.Loads || p.next.Tables[0].State != Loading || p.next.Tables[0].Renaming != nil {
				t.Errorf("%+v, by the state %+v", got.Diff, p.next.Tables[0])
			}
			if c.want != nil && (p.first == nil || !slices.Equal(p.first.Tables[0].Renaming, c.want) || p.first.Tables[0].State != s.State) {
				t.Errorf("a pass that dies now would not know what its target's columns are called: %+v", p.first)
			}
		})
	}
}

// A table that the source found to be unfit, and of which a column was renamed, is likewise
// renamed before it is loaded.
func TestUnfitSourceKeepsRenames(t *testing.T) {
	at := func(name string) *schema.Table {
		return &schema.Table{OID: 1, Configured: schema.Name{Table: "t"}, Target: "t", Columns: []schema.Column{{Attribute: schema.Attribute{Attnum: 1, Name: name}, Configured: name, Target: name}}}
	}
	names := []schema.Rename{{From: "a", To: "b"}}
	cp := Checkpoint{Tables: []TableState{{OID: 1, Name: at("a").Configured, Target: "t", State: Live, Shape: at("a").Shape(), Renaming: names}}}
	known := &shapes{}
	cp = known.plan(cp, Opened{Unfit: []Unfit{{OID: 1, Name: at("a").Configured, Why: &Halt{Reason: TableUnfit}}}}, new(loads)).next
	p := known.plan(cp, Opened{Tables: []Published{{Table: at("c")}}}, new(loads))
	if want := []schema.Rename{{From: "a", To: "c"}, {From: "b", To: "c"}}; !slices.Equal(p.alterations[0].Diff.Renamed, want) {
		t.Errorf("%+v", p.alterations[0].Diff)
	}
}
