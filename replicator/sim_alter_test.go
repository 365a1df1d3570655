package replicator_test

import (
	"slices"

	"rowshift/replicator"
	"rowshift/schema"
)

// alters reports whether tables are altered in this world.
func (w *world) alters() bool { return w.seed%2 == 1 }

// mildly reports whether tables are mostly altered in ways that can be followed, and so
// stay live.
func (w *world) mildly() bool { return w.seed/4%2 == 0 }

// sought are the changes of shape, as alter numbers them, that show bugs which would
// otherwise need some luck to be found. They are made more often in worlds where such a bug
// is planted.
var sought = map[bug]int{forgetRenaming: 4, overlookGap: 19}

// alter makes a random change of a table's shape. Nobody else may have changed the table
// in a transaction that is not seen yet.
func (w *writer) alter(t *simTable) {
	if w.touched[t] || w.rng.IntN(2) == 0 && w.repair(t) {
		return
	}
	if t.now().rel.OID == 0 {
		return
	}
	kind := w.rng.IntN(20)
	if w.mildly() && w.rng.IntN(5) > 0 {
		kind %= 9
	}
	if t.dropped != "" && w.rng.IntN(3) == 0 {
		kind = 0
	}
	if seeks, ok := sought[w.bug]; ok && w.rng.IntN(2) == 0 {
		kind = seeks
	}
	switch kind {
	case 0, 1:
		w.addColumn(t, "", false)
	case 2, 3:
		w.dropColumn(t)
	case 4, 5:
		w.rename(t)
	case 6:
		w.lengthen(t)
	case 7:
		w.rewrite(t)
	case 8, 9:
		w.addColumn(t, "", true)
	case 10, 11:
		w.swapNames(t)
	case 12:
		w.retype(t)
	case 13:
		w.rekeyTable(t)
	case 14:
		w.loseKey(t)
	case 15:
		w.drop(t)
		if w.rng.IntN(2) == 0 {
			w.recreate(t)
		}
	default:
		if t.now().row.OID != 0 {
			w.publish(t, false)
		}
	}
}

// alterAgain renames columns of a table whose target was altered a moment ago, for an
// alteration that nobody remembers.
func (w *world) alterAgain(name schema.Name) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.alters() {
		return
	}
	w.transact(0, func(wr *writer) {
		for _, t := range w.source.tables {
			if t.name == name && !wr.touched[t] && t.now().rel.OID != 0 && w.rng.IntN(2) == 0 {
				wr.rename(t)
			}
		}
	})
}

// become makes another version the table's, and changes its rows by effect.
func (w *writer) become(what string, v *version, effect func(row) row) {
	t := v.table
	for _, s := range w.source.snapshots {
		if !s.yielded && !s.isDead() && slices.ContainsFunc(s.taken.Tables, func(of *schema.Table) bool { return of.OID == t.now().rel.OID }) {
			w.tall.count("alteration waits for a snapshot")
			s.yielded = true
		}
	}
	t.versions = append(t.versions, dated{version: v, seen: w.tx.seen})
	w.tall.count(what)
	if len(w.tx.steps) > 0 && w.tx.steps[len(w.tx.steps)-1].alter != nil {
		w.tall.count("several alterations in a transaction")
	} else if len(w.tx.steps) > 0 {
		w.tall.count("alteration behind a row")
	}
	w.do(step{v: v, alter: func(rows map[string]row) map[string]row {
		after := map[string]row{}
		for _, r := range rows {
			if effect != nil {
				r = effect(r)
			}
			after[string(v.keyOf(r))] = r
		}
		return after
	}, what: what})
}

// file returns the number of a file that no table had.
func (w *writer) file() uint32 {
	w.source.files++
	return 1000 + w.source.files
}

// free returns a name that no column has and that is not in the config's list, empty if
// there is none.
func (w *writer) free(v *version) string {
	if name := v.table.dropped; name != "" && v.named(name) == nil && w.rng.IntN(4) > 0 {
		return name // its target has a column of that name still
	}
	for _, i := range w.rng.Perm(slots - listed) {
		if name := columnNames[listed+i]; v.named(name) == nil {
			return name
		}
	}
	if v.table.choice.All {
		for _, i := range w.rng.Perm(listed) {
			if name := columnNames[i]; v.named(name) == nil {
				return name
			}
		}
	}
	return ""
}

// addColumn adds a column, of that name if it has one. In earlier rows it has a default's
// value or NULL.
func (w *writer) addColumn(t *simTable, name string, missing bool) {
	v := t.now().other()
	if name == "" {
		name = w.free(v)
	}
	n := v.rel.Heap.Last + 1
	if name == "" || n > slots {
		return
	}
	v.rel.Heap.Last = n
	v.rel.Attributes = append(v.rel.Attributes, schema.Attribute{
		Attnum: n, Name: name, XMin: w.tx.xid, Type: textType(), Missing: missing && w.bug != forgetMissing, Toastable: w.rng.IntN(2) == 0,
	})
	if i := slotOf(name); !t.choice.All && i < listed {
		v.list[i] = n
	}
	fill, what := null, "column added"
	if missing {
		fill, what = "default", "column added with a default"
		if t.choice.All {
			v.content++
		}
	}
	w.become(what, v, func(r row) row {
		r[n-1] = fill
		return r
	})
}

// some returns a column that is not of the key, nil if there is none.
func (w *writer) some(v *version) *schema.Attribute {
	var of []*schema.Attribute
	for i := range v.rel.Attributes {
		if a := &v.rel.Attributes[i]; a.Attnum > 2 {
			of = append(of, a)
		}
	}
	if len(of) == 0 {
		return nil
	}
	return of[w.rng.IntN(len(of))]
}

// dropColumn drops a column. One that the publication lists takes the table out of it.
func (w *writer) dropColumn(t *simTable) {
	v := t.now().other()
	a := w.some(v)
	if a == nil {
		return
	}
	n, what := a.Attnum, "column dropped"
	if i := slices.Index(v.list[:], n); !t.choice.All && i >= 0 {
		v.list[i], v.row = 0, replicator.PublicationID{}
		v.content++
		what = "listed column dropped"
	} else if slotOf(a.Name) >= listed || t.choice.All {
		t.dropped = a.Name
	}
	v.rel.Attributes = slices.DeleteFunc(v.rel.Attributes, func(a schema.Attribute) bool { return a.Attnum == n })
	v.rel.Heap.Dropped = append(v.rel.Heap.Dropped, n)
	w.become(what, v, func(r row) row {
		r[n-1] = ""
		return r
	})
}

func (w *writer) rename(t *simTable) {
	v := t.now().other()
	a := &v.rel.Attributes[w.rng.IntN(len(v.rel.Attributes))]
	if name := w.free(v); name != "" {
		a.Name, a.XMin = name, w.tx.xid
		w.become("column renamed", v, nil)
	}
}

// swapNames lets two columns swap names. The config's list goes by names, so a column in it
// swaps with another one in it.
func (w *writer) swapNames(t *simTable) {
	v := t.now().other()
	a := &v.rel.Attributes[w.rng.IntN(len(v.rel.Attributes))]
	b := &v.rel.Attributes[w.rng.IntN(len(v.rel.Attributes))]
	if a == b || v.sends(*a) != v.sends(*b) {
		return
	}
	a.Name, b.Name = b.Name, a.Name
	a.XMin, b.XMin = w.tx.xid, w.tx.xid
	w.become("names swapped", v, nil)
}

// retype gives a column another type, and its values another text.
func (w *writer) retype(t *simTable) {
	v := t.now().other()
	a := w.some(v)
	if a == nil {
		return
	}
	if w.bug != overlookRewrite {
		if a.Type.OID == oidText {
			a.Type = schema.Type{OID: oidVarchar, Base: oidVarchar, Typmod: 104, Name: "varchar", Category: 'S'}
		} else {
			a.Type = textType()
		}
		a.XMin = w.tx.xid
		w.anew(v)
	}
	if v.sends(*a) {
		v.content++
	}
	n := a.Attnum
	w.become("column retyped", v, func(r row) row {
		if r[n-1] != null {
			r[n-1] = "r" + r[n-1]
		}
		return r
	})
}

// anew writes a table to another file, with what its earlier rows lacked.
func (w *writer) anew(v *version) {
	v.rel.Heap.File = w.file()
	for i := range v.rel.Attributes {
		v.rel.Attributes[i].Missing = false
	}
}

func (w *writer) rewrite(t *simTable) {
	v := t.now().other()
	w.anew(v)
	w.become("table written anew", v, nil)
}

// lengthen lets a varchar be longer, or any text.
func (w *writer) lengthen(t *simTable) {
	v := t.now().other()
	i := slices.IndexFunc(v.rel.Attributes, func(a schema.Attribute) bool { return a.Type.OID == oidVarchar })
	if i < 0 {
		return
	}
	a := &v.rel.Attributes[i]
	a.XMin = w.tx.xid
	if a.Type.Typmod += 10; w.rng.IntN(3) == 0 {
		a.Type = textType()
	}
	w.become("column made longer", v, nil)
}

func (w *writer) rekeyTable(t *simTable) {
	v := t.now().other()
	keys := [][]int16{{1}, {2}, {1, 2}, {2, 1}}
	v.key = keys[w.rng.IntN(len(keys))]
	if slices.Equal(v.key, t.now().key) || v.keyless() {
		return
	}
	v.keyed()
	w.become("key altered", v, nil)
}

func (w *writer) loseKey(t *simTable) {
	v := t.now().other()
	if !v.keyless() {
		v.rel.Primary, v.rel.Replica = nil, nil
		w.become("key lost", v, nil)
	}
}

func (w *writer) drop(t *simTable) {
	v := t.now().other()
	v.rel.OID, v.row = 0, replicator.PublicationID{}
	w.become("table dropped", v, nil)
}

func (w *writer) recreate(t *simTable) {
	w.source.oids++
	v := t.anew(100+w.source.oids, t.versions[0].rel.Identity, w.tx.xid)
	v.rel.Heap.File = w.file()
	if w.publicationIsTheirs() {
		v.row = w.publicationRow()
	}
	w.become("table recreated", v, nil)
}

// publicationRow is a row of the publication's tables that was not there before.
func (w *writer) publicationRow() replicator.PublicationID {
	w.source.published++
	return replicator.PublicationID{OID: 100 + w.source.published, XMin: w.tx.xid}
}

// publish puts a table into the publication, or takes it out.
func (w *writer) publish(t *simTable, in bool) {
	v := t.now().other()
	v.content++
	what := "out of the publication"
	if v.row = (replicator.PublicationID{}); in {
		v.row, what = w.publicationRow(), "back in the publication"
	}
	w.become(what, v, nil)
}

// repair makes a table fit for replication that is not. It returns false if there is
// nothing to do.
func (w *writer) repair(t *simTable) bool {
	v := t.now()
	missing := !t.choice.All && slices.Contains(v.list[:], 0)
	_, err := v.resolve(v.knownIn(w.warehouse.known()))
	switch {
	case v.rel.OID == 0:
		w.recreate(t)
	case v.keyless():
		v = v.other()
		v.keyed()
		w.become("key is back", v, nil)
	case missing && int(v.rel.Heap.Last) == slots:
		w.drop(t)
		w.recreate(t)
	case missing:
		w.addColumn(t, columnNames[slices.Index(v.list[:], 0)], false)
	case err != nil:
		w.renameBack(t)
	case v.row.OID == 0 && (w.publicationIsTheirs() || w.rng.IntN(2) == 0):
		w.publish(t, true)
	default:
		return false
	}
	w.tall.count("table repaired")
	return true
}

// renameBack gives the columns of the config's list the names that the config has, if
// nothing is remembered by which a rename could be followed.
func (w *writer) renameBack(t *simTable) {
	v := t.now().other()
	for i, n := range v.list {
		v.attribute(n).Name, v.attribute(n).XMin = columnNames[i], w.tx.xid
	}
	w.become("columns are renamed back", v, nil)
}

// mend repairs all tables, but for one in some worlds.
func (w *world) mend() {
	if !w.alters() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	left := -1
	if w.seed%16 == 1 && w.warehouse.streaming {
		left = int(w.seed / 16 % 3)
	}
	w.transact(0, func(wr *writer) {
		for i, t := range w.source.tables {
			for i != left && wr.repair(t) {
			}
		}
	})
}
