package replicator

// Foreseen is what an opening of the source makes of the tables.
type Foreseen struct {
	Tables      []TableState // as they stand then
	Alterations []Alteration // of targets that are there, as far as the tables tell; and each table that is loaded
}

// Foresee says what the next daemon makes of the tables if it finds the source like that:
// which it loads again and why, which it parks, and what becomes of the others. cp is nil
// if nothing is remembered. What only the stream could tell it does not know.
func Foresee(cp *Checkpoint, o Opened) Foreseen {
	was := Checkpoint{}
	if cp != nil {
		was = *cp
		was.Tables = cp.Known().In(o.System, o.Database)
	}
	p := (&daemon{}).plan(was, o)
	return Foreseen{Tables: p.next.Tables, Alterations: p.alterations}
}

// Of returns what is foreseen of the table with that OID. The state is nil, and the
// alteration empty, if that is nothing.
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
