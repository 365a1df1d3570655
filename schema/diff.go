package schema

import (
	"fmt"
	"slices"
)

// Diff says what became of a table since it was remembered. A column is known by its
// attnum, which neither a new name nor a new place changes.
type Diff struct {
	// Uncertain says why what the warehouse holds of the table cannot be brought in line
	// without loading it again: its rows, or the names in its log, may mean something else
	// now. Empty: the fields below bring it in line.
	Uncertain string

	Added   []int    // indices of columns that were not there, and are NULL in all earlier rows
	Renamed []Rename // columns that go by another name in the warehouse
	Dropped []Shape  // columns that are gone, or not chosen any more
	Named   bool     // a column goes by another name in the source
	Longer  bool     // a column needs a longer type in the warehouse
}

// Rename is a new name of a column in the warehouse.
type Rename struct{ From, To string }

// Empty reports whether nothing became of the table.
func (d Diff) Empty() bool {
	return d.Uncertain == "" && len(d.Added) == 0 && len(d.Renamed) == 0 && len(d.Dropped) == 0 && !d.Named && !d.Longer
}

// Compare returns what became of a table that had those columns, and that the source held
// as heap says. If the table was remembered by a rowshift that did not look at its heap,
// only the names and types of its columns are compared.
func Compare(was []Shape, heap Heap, t *Table) Diff {
	c := comparison{was: was, heap: heap, table: t, now: t.Shape()}
	c.run()
	return c.diff
}

// Kept returns what columns that had those shapes were and are called in the warehouse, if the
// column there can be kept when the table is loaded again. It cannot if its values are to be
// something else, as with a hash, if its type may not hold them, or if another column had the
// new name or has the old one.
func Kept(was []Shape, t *Table) (names []Rename) {
	is := t.Shape()
	for _, w := range was {
		i := slices.IndexFunc(is, func(n Shape) bool { return n.Attnum == w.Attnum })
		if i < 0 {
			continue
		}
		n := is[i]
		other := func(s Shape) bool {
			return s.Attnum != n.Attnum && (s.target() == w.target() || s.target() == n.target())
		}
		same := w.Type == n.Type && w.Typmod == n.Typmod || longer(w, n)
		if same && w.Hash == n.Hash && w.Stored == n.Stored && !slices.ContainsFunc(was, other) && !slices.ContainsFunc(is, other) {
			names = append(names, Rename{From: w.target(), To: n.target()})
		}
	}
	return names
}

// comparison is one Compare under way.
type comparison struct {
	was   []Shape
	heap  Heap
	table *Table
	now   []Shape
	diff  Diff
}

func (c *comparison) uncertain(format string, args ...any) {
	if c.diff.Uncertain == "" {
		c.diff.Uncertain = fmt.Sprintf(format, args...)
	}
}

func (c *comparison) run() {
	for _, was := range c.was {
		i := slices.IndexFunc(c.now, func(now Shape) bool { return now.Attnum == was.Attnum })
		if i < 0 {
			c.gone(was)
			continue
		}
		c.content(was, i)
		c.column(was, c.now[i])
	}
	for _, r := range c.diff.Renamed {
		if slices.ContainsFunc(c.was, func(was Shape) bool { return was.target() == r.To }) {
			c.uncertain("column %q of the warehouse is to be called %q, as another one was", r.From, r.To)
		}
	}
	for i, now := range c.now {
		if !slices.ContainsFunc(c.was, func(was Shape) bool { return was.Attnum == now.Attnum }) {
			c.added(i, now)
		}
	}
}

// gone notes a column that is not there any more.
func (c *comparison) gone(was Shape) {
	if was.Key > 0 {
		c.uncertain("column %q, which was of the key, is gone", was.Name)
	}
	if slices.ContainsFunc(c.now, func(now Shape) bool { return now.Name == was.Name }) {
		c.uncertain("column %q was dropped, and another one has its name", was.Name)
	}
	c.diff.Dropped = append(c.diff.Dropped, was)
}

// added notes a column that was not there before. It is NULL in all earlier rows, unless it
// was there but not chosen, or they got values by a default or because the table was
// written anew: then it is uncertain what they have.
func (c *comparison) added(i int, now Shape) {
	dropped := slices.ContainsFunc(c.table.Heap.Dropped, func(n int16) bool { return n > c.heap.Last })
	switch {
	case now.Attnum <= c.heap.Last || c.heap.Last == 0:
		c.uncertain("column %q is chosen, and was not before", now.Name)
	case now.Key > 0:
		c.uncertain("column %q joined the key", now.Name)
	case c.table.Columns[i].Missing:
		c.uncertain("column %q was added with a default, which older rows have", now.Name)
	case c.heap.File != c.table.Heap.File:
		c.uncertain("column %q was added, and the table was written anew", now.Name)
	case dropped:
		c.uncertain("column %q was added, and one that was added too was dropped", now.Name)
	}
	c.diff.Added = append(c.diff.Added, i)
}

// content compares the Content of a column's type with what it was. Labels that were added
// make no difference. For another type the comparison would say nothing.
func (c *comparison) content(was Shape, i int) {
	now := c.now[i]
	if was.Type == now.Type && was.Content != "" && was.Content != now.Content && !c.table.Columns[i].Content.keeps(was.Content) {
		c.uncertain("labels or attributes of the type of column %q were altered, and with them the texts in older rows", now.Name)
	}
}

// column compares a column with what it was.
func (c *comparison) column(was, now Shape) {
	if c.heap.Last == 0 { // nothing else is known of it
		was.XMin, was.Key, was.Into = now.XMin, now.Key, now.Into
	}
	anew := c.heap.Last != 0 && c.heap.File != c.table.Heap.File
	switch {
	case was.Key != now.Key:
		c.uncertain("column %q joined, left or moved in the key", now.Name)
	case anew && was.XMin != now.XMin:
		c.uncertain("column %q was altered, and the table was written anew", now.Name)
	case was.Hash != now.Hash:
		c.uncertain("what is made of column %q on the way is something else", now.Name)
	case was.Type == now.Type && was.Typmod == now.Typmod && was.Into != now.Into:
		c.uncertain("column %q has another type in the warehouse", now.Name)
	case (was.Type != now.Type || was.Typmod != now.Typmod) && !longer(was, now):
		c.uncertain("column %q has another type", now.Name)
	}
	if was.Into != now.Into {
		c.diff.Longer = true
	}
	if was.Name != now.Name {
		c.renamed(was, now)
	}
	if from, to := was.target(), now.target(); from != to {
		c.diff.Renamed = append(c.diff.Renamed, Rename{From: from, To: to})
	}
	if was.Stored != now.Stored {
		c.uncertain("what is made of column %q on the way is something else", now.Name)
	}
}

// renamed notes a column that has another name. If some other column had or has one of the
// two names, the log does not tell which column it speaks of.
func (c *comparison) renamed(was, now Shape) {
	c.diff.Named = true
	other := func(s Shape) bool { return s.Attnum != now.Attnum && (s.Name == was.Name || s.Name == now.Name) }
	if slices.ContainsFunc(c.was, other) || slices.ContainsFunc(c.now, other) {
		c.uncertain("column %q was renamed to %q, and another one had or has such a name", was.Name, now.Name)
	}
}

// target returns the column's name in the warehouse.
func (s Shape) target() string {
	if s.Target != "" {
		return s.Target
	}
	return Fold(s.Name)
}

// OIDs of text and varchar, whose values are the same bytes.
// https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_type.dat
const (
	oidText    = 25
	oidVarchar = 1043
)

// longer reports whether a column's texts are what they were, and only may be longer now.
// PostgreSQL does not write the table anew for that.
// https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES
func longer(was, now Shape) bool {
	texts := []uint32{oidText, oidVarchar}
	return slices.Contains(texts, was.Type) && slices.Contains(texts, now.Type) && limit(was) <= limit(now)
}

// limit returns the greatest length that a text may have.
func limit(s Shape) int32 {
	if s.Typmod < 0 {
		return 1<<31 - 1
	}
	return s.Typmod
}
