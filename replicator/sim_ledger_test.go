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
	table   string
	key     string
	lsn     replicator.LSN
	value   string
	refused bool
}

func isCursed(v string) bool { return strings.HasSuffix(v, "013") }

func isRefused(v string) bool { return strings.HasSuffix(v, "7") }

func isAdjusted(v string) bool { return strings.HasSuffix(v, "3") && !isCursed(v) }

// accounted returns the value of a row that the rules look at: that of the third column,
// whatever its name.
func accounted(t *schema.Table, r replicator.Tuple) string {
	for i, c := range t.Columns {
		if c.Attnum == 3 {
			return string(r.At(i).Text)
		}
	}
	return ""
}

// leans reports whether a row leaves a value unchanged.
func leans(r replicator.Tuple) bool {
	for len(r) > 0 {
		var v replicator.Value
		if v, r = r.Next(); v.Kind == replicator.Unchanged {
			return true
		}
	}
	return false
}

// account plays the Stager's part: it returns the row as it is staged, with its key gone if
// it is refused, and its entry if it has one.
func account(t *schema.Table, r replicator.Row, refused replicator.Rows) (replicator.Row, *entry) {
	if r.New == nil {
		return r, nil
	}
	v := accounted(t, r.New)
	e := &entry{table: t.Target, key: string(r.Key), lsn: r.Written.LSN, value: v}
	switch {
	case isRefused(v) || r.Origin == nil && leans(r.New) || refused[string(r.New)]:
		e.refused = true
		r.New, r.Origin = nil, nil
		return r, e
	case isAdjusted(v):
		return r, e
	}
	return r, nil
}

// putEntries lays entries into the bucket.
func (n *node) putEntries(epoch replicator.Epoch, entries []entry) (f replicator.Files) {
	if len(entries) > 0 {
		f = n.put(object{epoch: epoch, entries: entries})
	}
	return f
}

// cursed returns the error of a COPY of rows, some of which it refuses.
func (n *node) cursed(t *schema.Table, o object, load bool) error {
	refused := &replicator.Refused{Table: t, Load: load, Rows: replicator.Rows{}, Halt: &replicator.Halt{Reason: replicator.LoadRefused}}
	for _, r := range o.rows {
		if r.New == nil || !isCursed(accounted(t, r.New)) {
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

// balanced checks that the books of a live table keep what they promise.
func (n *node) balanced(t replicator.TableState, as asOf) {
	w, b := &n.warehouse, n.warehouse.books[t.Target]
	for e, count := range b.ledger {
		switch {
		case count != 1:
			n.broken(1, "%v: %+v is in the ledger %d times", t.Name, e, count)
		case e.lsn > w.checkpoint.LSN:
			n.broken(1, "%v: %+v is in the ledger before its row", t.Name, e)
		}
	}
	known := map[string]bool{}
	for e := range b.ledger {
		known[e.key+"\x00"+e.value] = true
	}
	rows, want := w.targets[t.Target].rows, as.rows[t.OID]
	for _, c := range t.Shape {
		if c.Attnum != 3 || !slices.Equal(keyOfShape(t.Shape), as.of(t).key) {
			continue
		}
		for k, r := range rows {
			if v := r[slotOf(c.Name)]; isAdjusted(v) && !known[k+"\x00"+v] && want[k][2] == v {
				n.broken(6, "%v has an adjusted value of %q that is not in the ledger", t.Name, k)
			}
		}
		for k := range b.open {
			if v := want[k][2]; v != "" && !isRefused(v) && !isCursed(v) && !n.leans(t.OID, k) {
				n.broken(6, "%v: row %q fits, and is in quarantine", t.Name, k)
			}
		}
	}
}

// keyOfShape returns the attnums of the key, in its order.
func keyOfShape(shape []schema.Shape) (key []int16) {
	key = make([]int16, len(shape))
	n := 0
	for _, c := range shape {
		if c.Key > 0 {
			key[c.Key-1], n = c.Attnum, n+1
		}
	}
	return key[:n]
}

// leans reports whether the last change of a key up to the checkpoint has left a value
// unchanged.
func (n *node) leans(oid uint32, key string) bool {
	for _, t := range slices.Backward(n.source.log) {
		if t.end > n.warehouse.checkpoint.LSN {
			continue
		}
		for _, s := range slices.Backward(t.steps) {
			if s.v.rel.OID == oid && s.new != nil && string(s.v.keyOf(s.row)) == key {
				return s.lean
			}
		}
	}
	return false
}
