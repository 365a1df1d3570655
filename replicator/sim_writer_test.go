package replicator_test

import (
	"fmt"
	"slices"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
)

// writer makes one transaction of the source.
type writer struct {
	*world
	tx      *tx
	locked  map[string]bool    // keys that a transaction which is not seen yet holds
	touched map[*simTable]bool // tables that such a one has changed
}

// step is one thing that a transaction does.
type step struct {
	op   replicator.Op
	v    *version
	was  string // the key of the row that is gone
	row  row    // the new row
	old  replicator.Tuple
	new  replicator.Tuple
	lean bool // it is sent with values that are unchanged

	what  string                              // an alteration
	alter func(map[string]row) map[string]row // what it does to the rows
}

// published reports whether the log has the step.
func (s step) published() bool { return s.alter == nil && s.v.row.OID != 0 }

// write appends a random transaction to the log. Snapshots see it after late; until then
// others leave its rows alone.
func (w *world) write(late time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.elsewhere()
	n := 1 + w.rng.IntN(4)
	if w.rng.IntN(8) == 0 {
		n = 12 + w.rng.IntN(40) // larger than a batch
		w.tall.count("large transaction")
	}
	alters := 0
	if w.alters() && w.rng.IntN(w.seldom()) == 0 {
		alters = max(1, w.rng.IntN(5)-1)
		n = w.rng.IntN(n + 1) // idle tables are altered too
	}
	altered := w.victim()
	if w.mildly() && w.rng.IntN(4) > 0 && !w.isLive(altered) {
		alters = 0 // its load would never end
	}
	w.transact(late, func(wr *writer) {
		for n+alters > 0 {
			if w.rng.IntN(n+alters) >= alters {
				n--
				wr.change(w.source.tables[w.rng.IntN(len(w.source.tables))])
				continue
			}
			alters--
			wr.alter(altered)
		}
	})
}

// victim is a table to alter: mostly one that is live.
func (w *world) victim() (t *simTable) {
	if w.mildly() && w.rng.IntN(4) > 0 {
		return w.source.tables[w.seed/8%3]
	}
	for range 4 {
		t = w.source.tables[w.rng.IntN(len(w.source.tables))]
		if w.isLive(t) {
			break
		}
	}
	return t
}

func (w *world) isLive(t *simTable) bool { return w.warehouse.known()[t.name].State == replicator.Live }

// seldom returns how seldom a transaction alters tables. It is more often once the pipeline
// has begun, since it begins only with tables that can be replicated.
func (w *world) seldom() int {
	switch {
	case w.warehouse.streaming && w.mildly():
		return 3
	case w.warehouse.streaming:
		return 5
	case len(w.source.log) > 0:
		return 20
	}
	return 1 << 20
}

// transact appends a transaction to the log.
func (w *world) transact(late time.Duration, do func(*writer)) {
	s := &w.source
	if s.xid++; s.xid < 3 {
		s.xid = 3 // those below are never a transaction's
	}
	wr := &writer{world: w, tx: &tx{xid: s.xid, at: time.Now(), seen: time.Now().Add(late)}}
	wr.locked, wr.touched = w.locks()
	do(wr)
	if len(wr.tx.steps) == 0 {
		return
	}
	wr.tx.commit = s.flushed + 1
	wr.tx.end = s.flushed + 2 + replicator.LSN(w.rng.IntN(20))
	wr.tx.after = asOf{rows: s.now.clone()}
	for _, t := range s.tables {
		wr.tx.after.at = append(wr.tx.after.at, t.now())
	}
	s.flushed = wr.tx.end
	w.say("transaction %d commits at %v, seen %v later", s.wide(wr.tx.xid), wr.tx.end, late)
	for _, c := range wr.tx.steps {
		w.say("  %v %v %s %q %q", c.op, c.v.table.name, c.what, c.old, c.new)
	}
	s.log = append(s.log, wr.tx)
	close(s.next)
	s.next = make(chan struct{})
}

// elsewhere lets the log grow by changes of tables that are not ours.
func (w *world) elsewhere() {
	if w.rng.IntN(3) == 0 {
		w.source.flushed += replicator.LSN(w.rng.IntN(2000))
	}
}

// locks returns the rows that transactions which are not seen yet hold, and their tables.
func (w *world) locks() (locked map[string]bool, touched map[*simTable]bool) {
	locked, touched = map[string]bool{}, map[*simTable]bool{}
	for _, t := range w.source.log {
		if !t.seen.After(time.Now()) {
			continue
		}
		w.tall.count("commit not seen yet")
		for _, c := range t.steps {
			touched[c.v.table] = true
			if c.alter != nil {
				continue
			}
			locked[c.v.lock(c.was)] = true
			if c.new != nil {
				locked[c.v.lock(string(c.v.keyOf(c.row)))] = true
			}
		}
	}
	return locked, touched
}

func (v *version) lock(key string) string { return fmt.Sprint(v.rel.OID, key) }

// change makes a random change of a table's rows, unless somebody alters it or it is gone.
func (w *writer) change(t *simTable) {
	v := t.now()
	if v.rel.OID == 0 || w.touched[t] && t.altering() {
		return
	}
	kind := w.rng.IntN(12)
	if !v.writable() {
		kind %= 3
	}
	switch kind {
	case 0, 1, 2:
		w.insert(v)
	case 3, 4, 5, 6:
		w.update(v)
	case 7:
		w.rekey(v)
	case 8:
		w.swap(v)
	case 9, 10:
		w.remove(v)
	case 11:
		w.truncate(v)
	}
}

// pick returns a row that is there and not locked.
func (w *writer) pick(v *version) (row, bool) {
	at := w.source.now[v.rel.OID]
	for i := range 30 {
		for _, k := range []string{fmt.Sprint("k", w.rng.IntN(12)), fmt.Sprint("k", i)} {
			key := string(v.keyOf(row{k, k}))
			r, ok := at[key]
			if ok && !w.locked[v.lock(key)] {
				return r, true
			}
		}
	}
	return row{}, false
}

// fresh returns the key columns of a row that is not there.
func (w *writer) fresh(v *version) (row, bool) {
	for range 12 {
		k := fmt.Sprint("k", w.rng.IntN(30))
		r := row{k, k}
		key := string(v.keyOf(r))
		_, taken := w.source.now[v.rel.OID][key]
		if !taken && !w.locked[v.lock(key)] {
			return r, true
		}
	}
	return row{}, false
}

func (w *writer) text() string {
	if w.rng.IntN(6) == 0 {
		return null
	}
	return fmt.Sprint(w.rng.IntN(1000000))
}

// any returns a value for a column: that of the third is short.
func (w *writer) any(a schema.Attribute) string {
	if a.Attnum == 3 {
		return w.text()
	}
	return "big" + w.text()
}

func (w *writer) insert(v *version) {
	r, ok := w.fresh(v)
	if !ok {
		return
	}
	for _, a := range v.rel.Attributes[2:] {
		r[a.Attnum-1] = w.any(a)
	}
	w.do(step{op: replicator.Insert, v: v, row: r, new: v.tuple(r, nil)})
}

func (w *writer) update(v *version) {
	if old, ok := w.pick(v); ok {
		w.replace(v, old, old, w.rng.IntN(2) == 0)
	}
}

// rekey moves a row to another key, mostly with its large value unchanged.
func (w *writer) rekey(v *version) {
	old, ok := w.pick(v)
	to, free := w.fresh(v)
	if ok && free {
		w.tall.count("key change")
		w.replace(v, old, to, w.rng.IntN(4) > 0)
	}
}

// swap lets two rows change keys in one transaction, by way of a third key.
func (w *writer) swap(v *version) {
	a, ok := w.pick(v)
	b, ok2 := w.pick(v)
	third, free := w.fresh(v)
	if !ok || !ok2 || !free || a == b {
		return
	}
	w.tall.count("key swap")
	ka, kb := a, b
	a = w.replace(v, a, third, true)
	w.replace(v, b, ka, true)
	w.replace(v, a, kb, true)
}

// replace updates a row to the key columns of to; its large values stay and are not
// sent if toast.
func (w *writer) replace(v *version, old, to row, toast bool) row {
	r := old
	r[0], r[1] = to[0], to[1]
	var unsent func(schema.Attribute) replicator.Kind
	lean := false
	for _, a := range v.rel.Attributes[2:] {
		if !toast || !a.Toastable {
			r[a.Attnum-1] = w.any(a)
		}
	}
	if toast {
		w.tall.count("unchanged TOAST")
		unsent = func(a schema.Attribute) replicator.Kind {
			if !a.Toastable {
				return 0
			}
			lean = true
			return replicator.Unchanged
		}
	}
	st := step{op: replicator.Update, v: v, was: string(v.keyOf(old)), row: r, new: v.tuple(r, unsent), lean: lean}
	if v.rel.Identity == schema.IdentityFull {
		st.old = v.tuple(old, nil)
	} else if st.was != string(v.keyOf(r)) {
		st.old = v.keyTuple(old)
	}
	w.do(st)
	return r
}

// keyTuple returns the old row when only its key is sent.
func (v *version) keyTuple(r row) replicator.Tuple {
	return v.tuple(r, func(a schema.Attribute) replicator.Kind {
		if slices.Contains(v.key, a.Attnum) {
			return 0
		}
		return replicator.Null
	})
}

func (w *writer) remove(v *version) {
	r, ok := w.pick(v)
	if !ok {
		return
	}
	st := step{op: replicator.Delete, v: v, was: string(v.keyOf(r)), old: v.keyTuple(r)}
	if v.rel.Identity == schema.IdentityFull {
		st.old = v.tuple(r, nil)
	}
	w.do(st)
}

// truncate empties a table, by giving it another file.
func (w *writer) truncate(v *version) {
	if len(w.locked) > 0 || w.rng.IntN(3) > 0 {
		return
	}
	w.tall.count("TRUNCATE")
	n := *v
	n.rel.Heap.File = w.file()
	n.made = map[string]*schema.Table{}
	for choice, t := range v.made {
		to := *t
		to.Heap.File = n.rel.Heap.File
		n.made[choice] = &to
	}
	v.table.versions = append(v.table.versions, dated{version: &n, seen: w.tx.seen})
	w.do(step{op: replicator.Truncate, v: &n})
}

// do adds a step to the transaction and does it.
func (w *writer) do(s step) {
	w.tx.steps = append(w.tx.steps, s)
	w.tx.sent = w.tx.sent || s.published()
	w.source.now.do(s)
}

// do does a step to the rows.
func (rs rows) do(s step) {
	oid := s.v.rel.OID
	if rs[oid] == nil {
		rs[oid] = map[string]row{}
	}
	switch {
	case s.alter != nil:
		rs[oid] = s.alter(rs[oid])
	case s.op == replicator.Truncate:
		clear(rs[oid])
	default:
		delete(rs[oid], s.was)
		if s.op != replicator.Delete {
			rs[oid][string(s.v.keyOf(s.row))] = s.row
		}
	}
}

// replay does what the transactions that keep says did.
func (s *simSource) replay(keep func(*tx) bool) rows {
	state := rows{}
	for _, t := range s.log {
		if !keep(t) {
			continue
		}
		for _, st := range t.steps {
			state.do(st)
		}
	}
	return state
}
