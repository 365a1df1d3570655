package replicator_test

import (
	"maps"
	"slices"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
)

// sheet is a table of the warehouse: its columns and its rows, by the slots of their
// names. A column that is not there is empty.
type sheet struct {
	columns [slots]bool
	rows    map[string]row
}

func newSheet(t *schema.Table) *sheet { return &sheet{columns: columnsOf(t), rows: map[string]row{}} }

func (s *sheet) clone() *sheet {
	if s == nil {
		return nil
	}
	return &sheet{columns: s.columns, rows: maps.Clone(s.rows)}
}

func cloneSheets(all map[string]*sheet) map[string]*sheet {
	cloned := map[string]*sheet{}
	for name, s := range all {
		cloned[name] = s.clone()
	}
	return cloned
}

func columnsOf(t *schema.Table) (columns [slots]bool) {
	for _, c := range t.Columns {
		columns[slotOf(c.Target)] = true
	}
	return columns
}

// lacks reports whether a table has a column that s has not.
func (s *sheet) lacks(t *schema.Table) bool {
	for i, has := range columnsOf(t) {
		if has && !s.columns[i] {
			return true
		}
	}
	return false
}

// each lets all rows be changed.
func (s *sheet) each(change func(*row)) {
	for k, r := range s.rows {
		change(&r)
		s.rows[k] = r
	}
}

// add adds a column, which is NULL in all rows.
func (s *sheet) add(slot int) {
	s.columns[slot] = true
	s.each(func(r *row) { r[slot] = null })
}

// move gives a column another name.
func (s *sheet) move(from, to int) {
	s.columns[from], s.columns[to] = false, s.columns[from]
	s.each(func(r *row) { r[to], r[from] = r[from], "" })
}

// row reads a tuple of t as a row. What it leaves unchanged is as in origin.
func (s *sheet) row(t *schema.Table, tuple replicator.Tuple, origin row) (r row) {
	for i, has := range s.columns {
		if has {
			r[i] = null
		}
	}
	for _, c := range t.Columns {
		var v replicator.Value
		v, tuple = tuple.Next()
		switch slot := slotOf(c.Target); v.Kind {
		case replicator.Null:
			r[slot] = null
		case replicator.Unchanged:
			r[slot] = origin[slot]
		default:
			r[slot] = string(v.Text)
		}
	}
	return r
}

// drifted is the error for a target that is not what it was.
func drifted(t *schema.Table, found string) error {
	return &replicator.Unfit{OID: t.OID, Name: t.Configured, Why: &replicator.Halt{Reason: replicator.TargetDrift, Found: found}}
}

// alter brings targets in line, each for itself, and returns what is to be done in the
// transaction.
func (n *node) alter(m *replicator.Merge) (fills []func(*simWarehouse), err error) {
	for _, a := range m.Alterations {
		if n.fault("alteration of a target fails") {
			return nil, retryable{}
		}
		more, err := n.alterOne(m, a)
		if err != nil {
			return nil, err
		}
		fills = append(fills, more...)
	}
	return fills, nil
}

func (n *node) alterOne(m *replicator.Merge, a replicator.Alteration) (fills []func(*simWarehouse), err error) {
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	w := &n.warehouse
	if w.checkpoint.Epoch != m.Checkpoint.Epoch {
		return nil, replicator.ErrFenced
	}
	name := a.Table.Target
	at := w.targets[name]
	if at == nil {
		return nil, nil
	}
	if w.stuck[name] && (at.lacks(a.Table) || len(a.Diff.Renamed) > 0) {
		n.tall.count("alteration of a target is refused")
		return nil, drifted(a.Table, "a view stands in the way")
	}
	if at.lacks(a.Table) || len(a.Diff.Renamed) > 0 {
		if err := n.waitForReader(a.Table); err != nil {
			return nil, err
		}
	}
	for _, r := range a.Diff.Renamed {
		from, to := slotOf(r.From), slotOf(r.To)
		switch {
		case !at.columns[from] || n.bug == renameIsAdd:
		case at.columns[to] && a.Loads:
		case at.columns[to]:
			fills = append(fills, func(w *simWarehouse) { w.targets[name].each(func(r *row) { r[to] = r[from] }) })
		default:
			n.tall.count("target's column renamed")
			at.move(from, to)
			if still := w.still[name]; still != nil {
				still.move(from, to)
			}
			if a.Loads {
				n.tall.count("target's column renamed before a load")
			}
		}
	}
	for i, c := range a.Table.Columns {
		slot := slotOf(c.Target)
		switch {
		case !at.columns[slot]:
			n.tall.count("target's column added")
			at.add(slot)
		case slices.Contains(a.Diff.Added, i) && n.bug != keepOfDropped:
			n.tall.count("target's column emptied")
			fills = append(fills, func(w *simWarehouse) { w.targets[name].each(func(r *row) { r[slot] = null }) })
		}
	}
	return fills, nil
}

// stick puts something in the way of altering a target or, if something is, takes it away
// and has the table loaded again.
func (w *world) stick() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.warehouse.stuck) > 0 {
		w.unstick()
		return
	}
	name := w.source.tables[w.die("stick").IntN(len(w.source.tables))].name.Table
	w.warehouse.stuck[name] = true
	w.say("%s cannot be altered", name)
}

// patience is how long a target's reader is waited for.
const patience = 10 * time.Second

// waitForReader returns an error if somebody reads a target that is to be altered. From some
// time on it says that this is the table's own trouble.
func (n *node) waitForReader(t *schema.Table) error {
	if !n.warehouse.read[t.Target] {
		delete(n.since, t.Target)
		return nil
	}
	n.tall.count("alteration of a target waits for a reader")
	if n.since == nil {
		n.since = map[string]time.Time{}
	}
	if n.since[t.Target].IsZero() {
		n.since[t.Target] = time.Now()
	}
	if time.Since(n.since[t.Target]) < patience {
		return retryable{}
	}
	n.tall.count("table is parked for a reader of its target")
	return &replicator.Unfit{OID: t.OID, Name: t.Configured, Passes: true, Why: &replicator.Halt{Reason: replicator.TargetDrift, Found: "it is read"}}
}

// beginReading has somebody read a target until somebody begins to read another.
func (w *world) beginReading() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.warehouse.read)
	name := w.source.tables[w.die("read").IntN(len(w.source.tables))].name.Table
	w.warehouse.read[name] = true
	w.say("%s is read", name)
}

// unstick takes away what stands in the way of alterations.
func (w *world) unstick() {
	clear(w.warehouse.read)
	for name := range w.warehouse.stuck {
		w.say("%s can be altered again, and is asked for", name)
		w.warehouse.ask(schema.Name{Schema: "public", Table: name})
	}
	clear(w.warehouse.stuck)
}

// asOf is what the source had at some commit.
type asOf struct {
	rows rows
	at   []*version
}

// of returns the version of a table, nil if that was another one.
func (a asOf) of(s replicator.TableState) *version {
	for _, v := range a.at {
		if v.rel.OID == s.OID {
			return v
		}
	}
	return nil
}

// excused reports whether a table may differ from what the source had, because the
// difference left no trace in the log and nobody has looked since.
func (n *node) excused(s replicator.TableState, a asOf) bool {
	is := a.of(s)
	if is == nil {
		return true
	}
	was := is.table.of(s)
	if was != nil && was.content == is.content {
		return false
	}
	n.tall.count("merge before an alteration is seen")
	return true
}

// excusedNow reports whether a table may differ from what the source has.
func (n *node) excusedNow(oid uint32) bool {
	s := n.warehouse.checkpoint.Table(oid)
	if s == nil {
		return true
	}
	a := asOf{}
	for _, t := range n.source.tables {
		a.at = append(a.at, t.now())
	}
	return n.excused(*s, a)
}

// same reports whether a table, apart from refused rows, has the rows that the source had,
// in the shape that is remembered of it.
func same(at *sheet, open map[string]bool, s replicator.TableState, a asOf) bool {
	v, want := a.of(s), a.rows[s.OID]
	if v == nil || at == nil || len(at.rows)+len(open) != len(want) {
		return false
	}
	for _, c := range s.Shape {
		if !at.columns[slotOf(c.Name)] {
			return false
		}
	}
	key := keyOfShape(s.Shape)
	other := !slices.Equal(key, v.key)
	for k, r := range want {
		if other {
			k = string((&version{key: key}).keyOf(r))
		}
		has, there := at.rows[k]
		if there == open[k] || there && !sameRow(has, s, r, v.rel.Heap.Last) {
			return false
		}
	}
	return true
}

// sameRow reports whether a row is what the source had. A column that was added later is
// NULL, and one that was dropped by then keeps its value.
func sameRow(has row, s replicator.TableState, r row, last int16) bool {
	for _, c := range s.Shape {
		is, want := has[slotOf(c.Name)], r[c.Attnum-1]
		switch {
		case want == "" && c.Attnum <= last:
		case want == "" && is != null, want != "" && is != want:
			return false
		}
	}
	return true
}

// standsStill checks that a table that is not live is not written to.
func (n *node) standsStill(t replicator.TableState) {
	at, was := n.warehouse.targets[t.Target], n.warehouse.still[t.Target]
	switch {
	case t.State == replicator.Live || at == nil:
		delete(n.warehouse.still, t.Target)
		return
	case was == nil:
		n.warehouse.still[t.Target] = at.clone()
		return
	}
	same := len(at.rows) == len(was.rows)
	for k, r := range was.rows {
		for i, has := range was.columns {
			same = same && (!has || at.rows[k][i] == r[i])
		}
	}
	if !same {
		n.broken(3, "%v, which is %s, is written to", t.Name, t.State)
	}
}
