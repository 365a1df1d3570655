package replicator

import (
	"bytes"
	"iter"
	"slices"
	"sync"
	"time"

	"rowshift/schema"
)

// Fold is the net effect of a stretch of the stream on one table: at most one row
// per key. Applied to a target that stands where the stretch begins, by
//
//	delete all, if truncated
//	fill what rows leave unchanged from the target's row of their origin key
//	delete the rows of all keys
//	insert the rows that are not gone
//
// in this order, it gives what the source had where the stretch ends. Filling
// after the delete, or by the new key, would corrupt rows that swap their keys.
type Fold struct {
	Table     *schema.Table
	Into      string // the load table that it applies to; empty: the target
	Held      string // the held table that it waits in for its load table; empty: it is applied at once
	XID       uint32 // if it was held before the snapshot was known: its only transaction; else 0
	Truncated bool   // all earlier rows are gone
	Counts    Counts

	rows    series[folded]
	written []Written // the transactions that wrote its rows, in order
	index   index
	arena   *arena // of the batch, or its own
	key     Tuple  // scratch: the key of the row at hand
	row     Tuple  // scratch: the row at hand, filled
}

// spareRows holds blocks of rows that no fold uses.
var spareRows sync.Pool

// folded is a Row at rest. It has no pointers, so the garbage collector need not scan rows.
type folded struct {
	key, new, origin place  // key is the beginning of new if new begins with it, as rows often do
	room             uint32 // bytes that new has room for
	written          int32  // index into Fold.written; -1 if the writer is not known
	hash             uint32 // of the key
}

// Written says which transaction of the source wrote a row, by its commit.
type Written struct {
	LSN  LSN       // where the commit record starts: below the transaction's position, not below the one before
	Time time.Time // by the source's clock
}

// Row is what a fold says of one key. Its tuples are valid until the fold's batch is
// staged: then another batch reuses their memory.
type Row struct {
	// Key is the key that the row is about, with the columns of Table.Key.
	Key Tuple

	// New is the row that the key has now, nil if it is gone.
	New Tuple

	// Origin is the key under which the target, before this fold is applied to it, holds
	// the values that New leaves unchanged. It is nil if New leaves none unchanged, or if
	// their earlier values cannot be known: such a row cannot be filled.
	Origin Tuple

	// Written says which transaction wrote the row last.
	Written Written
}

// NewFold returns an empty fold of t that applies to the load table of that name,
// or to the target if it is empty.
func NewFold(t *schema.Table, into string) *Fold {
	return &Fold{Table: t, Into: into, index: newIndex(), arena: new(arena)}
}

// At says which transaction wrote the changes that are added next.
func (f *Fold) At(w Written) {
	if n := len(f.written); n == 0 || f.written[n-1] != w {
		f.written = append(f.written, w)
	}
}

// Add folds a change of the fold's table. It keeps copies of what it needs.
func (f *Fold) Add(c Change) { f.add(c, place{}) }

// add folds a change. If the fold's arena has the change's new row already, kept is its place.
func (f *Fold) add(c Change, kept place) {
	switch c.Op {
	case Insert:
		f.Counts.Inserts++
		f.put(f.keyOf(c.New, nil), c.New, kept, nil)
	case Update:
		f.Counts.Updates++
		f.update(c, kept)
	case Delete:
		f.Counts.Deletes++
		f.drop(c.Key)
	case Truncate:
		f.Counts.Truncates++
		f.Truncated = true
		if f.rows.length > 0 {
			f.rows.reset(&spareRows)
			f.index.clear()
		}
	}
}

// update folds an update, which may change the row's key.
func (f *Fold) update(c Change, kept place) {
	key := f.keyOf(c.New, c.Key)
	moved := c.Key != nil && !bytes.Equal(c.Key, key)
	if !moved && !leavesUnchanged(c.New) {
		f.put(key, c.New, kept, nil)
		return
	}
	was := c.Key
	if was == nil {
		was = key
	}
	earlier := f.find(was)
	var origin Tuple
	switch {
	case earlier != nil:
		origin = f.arena.at(earlier.origin)
	case !f.Truncated:
		origin = was
	}
	f.row = f.fill(f.row[:0], c, earlier)
	if moved {
		f.drop(was)
	}
	f.put(key, f.row, place{}, origin)
}

// fill appends c.New to row. Values that c leaves unchanged are taken from the old row or
// key if the source sent them, else from the fold's earlier row.
func (f *Fold) fill(row Tuple, c Change, earlier *folded) Tuple {
	var before Tuple
	if earlier != nil {
		before = f.arena.at(earlier.new)
	}
	old, rest := c.Old, c.New
	for column := 0; len(rest) > 0; column++ {
		var v, o, b Value
		v, rest = rest.Next()
		if len(old) > 0 {
			o, old = old.Next()
		}
		if len(before) > 0 {
			b, before = before.Next()
		}
		if v.Kind == Unchanged {
			v = f.carried(column, c.Key, o, b)
		}
		row = row.Append(v)
	}
	return row
}

// carried returns the value of a column that a change leaves unchanged, or Unchanged if it
// is not known. old and before are the column's values in the old row and in the fold's
// earlier row; the zero Value if there is no such row.
func (f *Fold) carried(column int, key Tuple, old, before Value) Value {
	if old.Kind != 0 && old.Kind != Unchanged {
		return old
	}
	if key != nil {
		if i := slices.Index(f.Table.Key, column); i >= 0 {
			return key.At(i)
		}
	}
	if before.Kind != 0 {
		return before
	}
	return Value{Kind: Unchanged}
}

// put makes row the row of key. If the arena has row already, kept is its place.
func (f *Fold) put(key, row Tuple, kept place, origin Tuple) {
	if !leavesUnchanged(row) {
		origin = nil
	}
	at, fresh := f.take(key)
	begins := bytes.HasPrefix(row, key)
	switch {
	case kept.size > at.room:
		at.new, at.room = kept, kept.size
	case !begins && at.key.within(at.new):
		at.new = f.arena.add(row) // what is overwritten must not be the key
		at.room = at.new.size
	default:
		at.new, at.room = f.arena.overwrite(at.new, at.room, row)
	}
	switch {
	case fresh && begins:
		at.key = at.new
		at.key.size = uint32(len(key))
	case fresh:
		at.key = f.arena.add(key)
	}
	switch {
	case origin == nil:
		at.origin = place{}
	case bytes.Equal(origin, key):
		at.origin = at.key
	case !bytes.Equal(origin, f.arena.at(at.origin)):
		at.origin = f.arena.add(origin)
	}
}

// drop marks key as gone.
func (f *Fold) drop(key Tuple) {
	at, fresh := f.take(key)
	if fresh {
		at.key = f.arena.add(key)
	}
	at.new, at.room, at.origin = place{}, 0, place{}
}

// take returns the row of key, which it adds if there is none, and notes the transaction at
// hand as its writer. A fresh row has no key yet: the key can be the beginning of the tuple
// that the row gets.
func (f *Fold) take(key Tuple) (at *folded, fresh bool) {
	written := int32(len(f.written)) - 1
	hash := f.index.hash(key)
	if i := f.index.find(f, hash, key); i >= 0 {
		at := f.rows.at(i)
		at.written = written
		return at, false
	}
	at = f.rows.add(&spareRows, folded{written: written, hash: hash})
	f.index.add(&f.rows)
	return at, true
}

// find returns the row of key, nil if there is none.
func (f *Fold) find(key Tuple) *folded {
	if i := f.index.find(f, f.index.hash(key), key); i >= 0 {
		return f.rows.at(i)
	}
	return nil
}

// keyOf returns the key of row, in scratch space. Key columns that row leaves unchanged are
// taken from old, the key before.
func (f *Fold) keyOf(row, old Tuple) Tuple {
	f.key = f.key[:0]
	for i, column := range f.Table.Key {
		v := row.At(column)
		if v.Kind == Unchanged && old != nil {
			v = old.At(i)
		}
		f.key = f.key.Append(v)
	}
	return f.key
}

func leavesUnchanged(row Tuple) bool {
	for len(row) > 0 {
		var v Value
		if v, row = row.Next(); v.Kind == Unchanged {
			return true
		}
	}
	return false
}

// Rows returns the fold's rows, one per key, in the order in which their keys
// first came.
func (f *Fold) Rows() iter.Seq[Row] {
	return func(yield func(Row) bool) {
		for i := range f.rows.length {
			r := f.rows.at(i)
			row := Row{Key: f.arena.at(r.key), New: f.arena.at(r.new), Origin: f.arena.at(r.origin)}
			if r.written >= 0 {
				row.Written = f.written[r.written]
			}
			if !yield(row) {
				return
			}
		}
	}
}

// Len returns the number of rows.
func (f *Fold) Len() int { return f.rows.length }

// Unchanged returns the indices of the columns that some row may leave unchanged,
// ascending; none if no row leaves any. Which columns the rows of a fold leave unchanged is
// chance, so all toastable ones are returned. Otherwise each choice would need other
// statements in the warehouse, and Redshift takes seconds to compile a statement that it
// has not seen.
// https://docs.aws.amazon.com/redshift/latest/dg/c-query-performance.html
func (f *Fold) Unchanged() []int {
	some, seen := false, make([]bool, len(f.Table.Columns))
	for _, column := range f.Table.Toastable() {
		seen[column] = true
	}
	for i := range f.rows.length {
		r := f.rows.at(i)
		if r.origin.size == 0 {
			continue
		}
		row := f.arena.at(r.new)
		for column := 0; len(row) > 0; column++ {
			var v Value
			v, row = row.Next()
			if v.Kind == Unchanged {
				some, seen[column] = true, true
			}
		}
	}
	if !some {
		return nil
	}
	var columns []int
	for column, may := range seen {
		if may {
			columns = append(columns, column)
		}
	}
	return columns
}

// foldedBytes is what a row costs besides its tuples: itself, and its places in the index.
const foldedBytes = 48 + 16

// emptyBytes is about what an empty fold costs. There may be as many folds as transactions.
const emptyBytes = 512

// writtenBytes is what a Written costs.
const writtenBytes = 32

// size returns about how many bytes of memory the fold holds, without its arena.
func (f *Fold) size() int {
	return emptyBytes + f.rows.room()*foldedBytes + len(f.written)*writtenBytes
}

// release gives the memory of the rows to other folds, except what is in the arena.
func (f *Fold) release() {
	f.rows.release(&spareRows)
	f.index.release()
}
