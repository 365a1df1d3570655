package replicator

// Foreseen is what an opening of the source would make of the tables.
type Foreseen struct {
	Tables      []TableState // their states after it
	Alterations []Alteration // of existing targets, as far as the tables tell; and one for each table that is loaded
}

// Foresee says what the next daemon would make of the tables if it found the source like o:
// which ones it loads again and why, which ones it parks, and what becomes of the others.
// cp is nil if nothing is remembered. What only the stream could tell is not foreseen.
func Foresee(cp *Checkpoint, o Opened) Foreseen {
	was := Checkpoint{}
	if cp != nil {
		was = *cp
		was.Tables = cp.Known().In(o.System, o.Database)
	}
	p := new(shapes).plan(was, o, new(loads))
	return Foreseen{Tables: p.next.Tables, Alterations: p.alterations}
}

// Of returns what is foreseen of the table with that OID. If nothing is, the state is nil
// and the alteration empty.
func (f Foreseen) Of(oid uint32) (state *TableState, a Alteration) {
	for i := range f.Tables {
		if f.Tables[i].OID == oid {
			state = &f.Tables[i]
		}
	}
	for _, one := range f.Alterations {
		if one.Table.OID == oid {
			a = one
		}
	}
	return state, a
}
