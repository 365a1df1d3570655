package replicator_test

import (
	"maps"
	"slices"
	"strings"

	"rowshift/replicator"
	"rowshift/schema"
)

// In this world a value of column v that ends in 3 is adjusted, a row with one that ends
// in 7 is refused, and COPY refuses one that ends in 013, though it should fit.

// entry is a value that was adjusted, or a row that was refused.
type entry struct {
	oid     uint32
	key     string
	lsn     replicator.LSN
	value   string
	refused bool
}

func isCursed(v string) bool { return strings.HasSuffix(v, "013") }

func isRefused(v string) bool { return strings.HasSuffix(v, "7") }

func isAdjusted(v string) bool { return strings.HasSuffix(v, "3") && !isCursed(v) }

// account is the Stager's: it returns the row as it is staged, its key gone if it is
// refused, and its entry if it has one.
func account(t *schema.Table, r replicator.Row, refused replicator.Rows) (replicator.Row, *entry) {
	if r.New == nil {
		return r, nil
	}
	v := string(r.New.At(2).Text)
	e := &entry{oid: t.OID, key: string(r.Key), lsn: r.Written.LSN, value: v}
	unknown := r.New.At(3).Kind == replicator.Unchanged && r.Origin == nil
	switch {
	case isRefused(v) || unknown || refused[string(r.New)]:
		e.refused = true
		r.New, r.Origin = nil, nil
		return r, e
	case isAdjusted(v):
		return r, e
	}
	return r, nil
}

// putEntries lays entries into the bucket.
func (w *world) putEntries(epoch replicator.Epoch, entries []entry) (f replicator.Files) {
	if len(entries) > 0 {
		f = w.put(epoch, nil, 0, false)
		w.mu.Lock()
		defer w.mu.Unlock()
		o := w.bucket[f.Manifest]
		o.entries = entries
		w.bucket[f.Manifest] = o
	}
	return f
}

// cursed returns the error of a COPY of rows, some of which it refuses.
func (n *node) cursed(t *schema.Table, o object, load bool) error {
	refused := &replicator.Refused{Table: t, Load: load, Rows: replicator.Rows{}, Halt: &replicator.Halt{Reason: replicator.LoadRefused}}
	for _, r := range o.rows {
		if r.New == nil || !isCursed(string(r.New.At(2).Text)) {
			continue
		}
		refused.Rows[string(r.New)] = true
	}
	if len(refused.Rows) == 0 {
		return nil
	}
	n.tall.count("COPY refuses a row")
	return refused
}

// books are what accounts for a target, or for a load table.
type books struct {
	ledger map[entry]int
	open   map[string]bool // keys of rows that are refused
}

func newBooks() *books { return &books{ledger: map[entry]int{}, open: map[string]bool{}} }

func (b *books) clone() *books {
	return &books{ledger: maps.Clone(b.ledger), open: maps.Clone(b.open)}
}

// enter adds entries, behind what they lift.
func (b *books) enter(entries []entry) {
	for _, e := range entries {
		if e.refused {
			b.open[e.key] = true
		} else {
			b.ledger[e]++
		}
	}
}

// join takes in the books of a load. What was refused before is lifted.
func (b *books) join(load *books) {
	for e, n := range load.ledger {
		b.ledger[e] += n
	}
	b.open = maps.Clone(load.open)
}

func cloneBooks[K comparable](all map[K]*books) map[K]*books {
	cloned := map[K]*books{}
	for k, b := range all {
		cloned[k] = b.clone()
	}
	return cloned
}

// sameBut tells whether rows are what is wanted, but for those that are refused.
func sameBut(rows map[string]row, open map[string]bool, want map[string]row) bool {
	if len(rows)+len(open) != len(want) {
		return false
	}
	for k, r := range want {
		has, there := rows[k]
		if there == open[k] || there && has != r {
			return false
		}
	}
	return true
}

// balanced holds the books of a live table to what they promise.
func (n *node) balanced(t replicator.TableState, want map[string]row) {
	w := &n.warehouse
	b := w.books[t.OID]
	for e, count := range b.ledger {
		switch {
		case count != 1:
			n.broken(1, "%v: %+v is in the ledger %d times", t.Name, e, count)
		case e.lsn > w.checkpoint.LSN:
			n.broken(1, "%v: %+v is in the ledger before its row", t.Name, e)
		}
	}
	accounted := map[string]bool{}
	for e := range b.ledger {
		accounted[e.key+"\x00"+e.value] = true
	}
	for k, r := range w.targets[t.OID] {
		if isAdjusted(r[2]) && !accounted[k+"\x00"+r[2]] && !w.spoiled[t.OID] {
			n.broken(6, "%v has an adjusted value of %q that is not in the ledger", t.Name, k)
		}
	}
	for k := range b.open {
		if v := want[k][2]; !isRefused(v) && !isCursed(v) && !n.leans(t.OID, k) {
			n.broken(6, "%v: row %q fits, and is in quarantine", t.Name, k)
		}
	}
}

// leans tells whether the last change of a key up to the checkpoint has left a value
// unchanged.
func (n *node) leans(oid uint32, key string) bool {
	for _, t := range slices.Backward(n.source.log) {
		if t.end > n.warehouse.checkpoint.LSN {
			continue
		}
		for _, c := range slices.Backward(t.changes) {
			if c.Table.OID == oid && c.New != nil && string(rowOfChange(c).key(c.Table)) == key {
				return c.New.At(3).Kind == replicator.Unchanged
			}
		}
	}
	return false
}
