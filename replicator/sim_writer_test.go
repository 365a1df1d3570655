package replicator_test

import (
	"fmt"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
)

// writer makes one transaction of the source.
type writer struct {
	*world
	tx     *tx
	locked map[string]bool // keys that a transaction which is not seen yet holds
}

// write appends a random transaction to the log. It is seen by snapshots after
// late; until then others leave its rows alone.
func (w *world) write(late time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := &w.source
	w.elsewhere()
	s.xid++
	wr := writer{world: w, tx: &tx{xid: s.xid, at: time.Now(), seen: time.Now().Add(late)}, locked: w.locks()}
	n := 1 + w.rng.IntN(4)
	if w.rng.IntN(8) == 0 {
		n = 12 + w.rng.IntN(40) // larger than a batch
		w.tall.count("large transaction")
	}
	for range n {
		wr.change(s.tables[w.rng.IntN(len(s.tables))])
	}
	if len(wr.tx.changes) == 0 {
		return // the walsender says nothing of it
	}
	wr.tx.commit = s.flushed + 1
	wr.tx.end = s.flushed + 2 + replicator.LSN(w.rng.IntN(20))
	wr.tx.after = s.now.clone()
	s.flushed = wr.tx.end
	w.say("transaction %d commits at %v, seen %v later", s.wide(wr.tx.xid), wr.tx.end, late)
	for _, c := range wr.tx.changes {
		w.say("  %v %v %q %q", c.Op, c.Table.Name, c.Key, c.New)
	}
	s.log = append(s.log, wr.tx)
	close(s.next)
	s.next = make(chan struct{})
}

// elsewhere lets the log grow by what is not ours.
func (w *world) elsewhere() {
	if w.rng.IntN(3) == 0 {
		w.source.flushed += replicator.LSN(w.rng.IntN(2000))
	}
}

// locks returns the rows that transactions which are not seen yet hold.
func (w *world) locks() map[string]bool {
	locked := map[string]bool{}
	for _, t := range w.source.log {
		if !t.seen.After(time.Now()) {
			continue
		}
		w.tall.count("commit not seen yet")
		for _, c := range t.changes {
			locked[lock(c.Table, c.Key)] = true
			if c.New != nil {
				locked[lock(c.Table, rowOfChange(c).key(c.Table))] = true
			}
		}
	}
	return locked
}

func lock(t *schema.Table, key replicator.Tuple) string { return fmt.Sprint(t.OID, string(key)) }

// rowOfChange reads a change's new row; what it leaves unchanged is empty.
func rowOfChange(c replicator.Change) (r row) {
	rest := c.New
	for i := range r {
		var v replicator.Value
		v, rest = rest.Next()
		r[i] = string(v.Text)
	}
	return r
}

// change makes a random change of a table.
func (w *writer) change(t *schema.Table) {
	switch w.rng.IntN(12) {
	case 0, 1, 2:
		w.insert(t)
	case 3, 4, 5, 6:
		w.update(t)
	case 7:
		w.rekey(t)
	case 8:
		w.swap(t)
	case 9, 10:
		w.remove(t)
	case 11:
		w.truncate(t)
	}
}

// pick returns a row that is there and not locked.
func (w *writer) pick(t *schema.Table) (row, bool) {
	at := w.source.now[t.OID]
	for i := range 30 {
		for _, k := range []string{fmt.Sprint("k", w.rng.IntN(12)), fmt.Sprint("k", i)} {
			r, ok := at[string(row{k, k}.key(t))]
			if ok && !w.locked[lock(t, r.key(t))] {
				return r, true
			}
		}
	}
	return row{}, false
}

// fresh returns the key columns of a row that is not there.
func (w *writer) fresh(t *schema.Table) (row, bool) {
	for range 12 {
		k := fmt.Sprint("k", w.rng.IntN(30))
		r := row{k, k}
		_, taken := w.source.now[t.OID][string(r.key(t))]
		if !taken && !w.locked[lock(t, r.key(t))] {
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

func (w *writer) insert(t *schema.Table) {
	r, ok := w.fresh(t)
	if !ok {
		return
	}
	r[2], r[3] = w.text(), "big"+w.text()
	w.source.now[t.OID][string(r.key(t))] = r
	w.add(replicator.Change{Op: replicator.Insert, Table: t, New: r.tuple()})
}

func (w *writer) update(t *schema.Table) {
	if old, ok := w.pick(t); ok {
		w.replace(t, old, old, w.rng.IntN(2) == 0)
	}
}

// rekey moves a row to another key, mostly with its large value unchanged.
func (w *writer) rekey(t *schema.Table) {
	old, ok := w.pick(t)
	to, free := w.fresh(t)
	if ok && free {
		w.tall.count("key change")
		w.replace(t, old, to, w.rng.IntN(4) > 0)
	}
}

// swap lets two rows change keys in one transaction, by way of a third key.
func (w *writer) swap(t *schema.Table) {
	a, ok := w.pick(t)
	b, ok2 := w.pick(t)
	third, free := w.fresh(t)
	if !ok || !ok2 || !free || a == b {
		return
	}
	w.tall.count("key swap")
	ka, kb := a, b
	a = w.replace(t, a, third, true)
	w.replace(t, b, ka, true)
	w.replace(t, a, kb, true)
}

// replace updates a row to the key columns of to; its large value stays and is not
// sent if toast.
func (w *writer) replace(t *schema.Table, old, to row, toast bool) row {
	r := row{to[0], to[1], w.text(), old[3]}
	if !toast {
		r[3] = "big" + w.text()
	}
	at := w.source.now[t.OID]
	delete(at, string(old.key(t)))
	at[string(r.key(t))] = r
	c := replicator.Change{Op: replicator.Update, Table: t, New: r.tuple()}
	if toast && old[3] != null {
		w.tall.count("unchanged TOAST")
		c.New = nil
		for _, v := range r[:3] {
			c.New = c.New.Append(value(v))
		}
		c.New = c.New.Append(replicator.Value{Kind: replicator.Unchanged})
	}
	if string(old.key(t)) != string(r.key(t)) || t.Identity == schema.IdentityFull {
		c.Key = old.key(t)
	}
	if t.Identity == schema.IdentityFull {
		c.Old = old.tuple()
	}
	w.add(c)
	return r
}

func (w *writer) remove(t *schema.Table) {
	r, ok := w.pick(t)
	if !ok {
		return
	}
	delete(w.source.now[t.OID], string(r.key(t)))
	w.add(replicator.Change{Op: replicator.Delete, Table: t, Key: r.key(t)})
}

func (w *writer) truncate(t *schema.Table) {
	if len(w.locked) > 0 || w.rng.IntN(3) > 0 {
		return
	}
	w.tall.count("TRUNCATE")
	clear(w.source.now[t.OID])
	w.add(replicator.Change{Op: replicator.Truncate, Table: t})
}

func (w *writer) add(c replicator.Change) { w.tx.changes = append(w.tx.changes, c) }

// replay applies the changes of the transactions that keep says, one by one, as the
// source did.
func (s *simSource) replay(keep func(*tx) bool) rows {
	state := rows{}
	for _, t := range s.tables {
		state[t.OID] = map[string]row{}
	}
	for _, t := range s.log {
		if !keep(t) {
			continue
		}
		for _, c := range t.changes {
			replayOne(state[c.Table.OID], c)
		}
	}
	return state
}

func replayOne(at map[string]row, c replicator.Change) {
	switch c.Op {
	case replicator.Truncate:
		clear(at)
	case replicator.Delete:
		delete(at, string(c.Key))
	case replicator.Insert:
		r := rowOf(c.New)
		at[string(r.key(c.Table))] = r
	case replicator.Update:
		r := rowOfChange(c)
		was := c.Key
		if was == nil {
			was = r.key(c.Table)
		}
		rest := c.New
		for i := range r {
			var v replicator.Value
			v, rest = rest.Next()
			switch v.Kind {
			case replicator.Null:
				r[i] = null
			case replicator.Unchanged:
				r[i] = at[string(was)][i]
			}
		}
		delete(at, string(was))
		at[string(r.key(c.Table))] = r
	}
}
