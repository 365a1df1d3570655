package replicator_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
)

// slots is how many columns a row has room for: in the source by attnum, in the
// warehouse by name.
const slots = 8

// columnNames are all names that columns ever have. The config's list knows the first
// four of them.
var columnNames = [slots]string{"k", "l", "v", "big", "a", "b", "c", "d"}

const listed = 4

// slotOf returns where the warehouse's rows have the column of that name.
func slotOf(name string) int { return slices.Index(columnNames[:], name) }

// version is a table of the source between two changes of its shape. It is not changed once
// it is in the catalogue.
type version struct {
	table *simTable
	rel   schema.Relation          // an OID of 0: it is dropped
	row   replicator.PublicationID // of the publication; zero: the table is out of it
	key   []int16                  // attnums by which the world knows its rows, also once the key is lost
	list  [listed]int16            // the attnum of each column that the config lists; 0: it is dropped

	// content counts what gave rows other values, or left changes out of the log, without a
	// trace in the log: the table then has to be loaded again.
	content int

	made map[string]*schema.Table // what choices make of it, by their columns
}

// simTable is a table of the source by its name.
type simTable struct {
	name     schema.Name
	choice   schema.Choice
	versions []dated // the last is what a transaction that begins now sees
	dropped  string  // the name of the column that was dropped last
}

// dated is a version with when others see it.
type dated struct {
	*version
	seen time.Time
}

func (t *simTable) now() *version { return t.versions[len(t.versions)-1].version }

// visible returns the version that the catalogue has for others than who makes another.
func (t *simTable) visible() *version {
	for _, d := range slices.Backward(t.versions) {
		if !d.seen.After(time.Now()) {
			return d.version
		}
	}
	return t.versions[0].version
}

// altering reports whether somebody who has not committed for others has altered it.
func (t *simTable) altering() bool { return t.visible() != t.now() }

// of returns the version that the state of a table was read from, the latest if several
// could be it; nil if none could.
func (t *simTable) of(s replicator.TableState) *version {
	for _, d := range slices.Backward(t.versions) {
		if d.gives(s) {
			return d.version
		}
	}
	return nil
}

func (v *version) gives(s replicator.TableState) bool {
	if v.rel.OID != s.OID || v.row != s.Row || v.rel.Heap.File != s.Heap.File || v.rel.Heap.Last != s.Heap.Last {
		return false
	}
	for _, c := range s.Shape {
		a := v.attribute(c.Attnum)
		if a == nil || a.Name != c.Name || a.XMin != c.XMin || c.Key != 1+slices.Index(v.key, c.Attnum) {
			return false
		}
	}
	return v.table.choice.All == false || len(s.Shape) == len(v.rel.Attributes)
}

// simTables are a table with a plain key, one whose key has another order than its columns
// and that has a column list, and one whose replica identity is the whole row. They are the
// same in each world, so they are made once.
var simTables = sync.OnceValue(func() (tables []*simTable) {
	for i, identity := range []schema.Identity{schema.IdentityDefault, schema.IdentityIndex, schema.IdentityFull} {
		t := &simTable{name: schema.Name{Schema: "public", Table: fmt.Sprint("t", i)}}
		t.choice = schema.Choice{Name: t.name, All: true}
		if identity == schema.IdentityIndex {
			t.choice = schema.Choice{Name: t.name, Columns: columnNames[:listed]}
		}
		v := t.anew(uint32(11+i), identity, 1)
		v.row = replicator.PublicationID{OID: uint32(i + 1), XMin: 1}
		if _, err := v.resolve(nil); err != nil {
			panic(err)
		}
		t.versions = []dated{{version: v}}
		tables = append(tables, t)
	}
	return tables
})

// theirOwn returns tables that a world may alter.
func theirOwn() (tables []*simTable) {
	for _, t := range simTables() {
		mine, v := *t, *t.now()
		v.table, v.made = &mine, maps.Clone(v.made)
		mine.versions = []dated{{version: &v}}
		tables = append(tables, &mine)
	}
	return tables
}

// OIDs of types.
const (
	oidText    = 25
	oidVarchar = 1043
)

func textType() schema.Type {
	return schema.Type{OID: oidText, Base: oidText, Typmod: -1, Name: "text", Category: 'S'}
}

// anew returns the table as it is made first: its last column is toastable, and the one
// before is a varchar.
func (t *simTable) anew(oid uint32, identity schema.Identity, xid uint32) *version {
	v := &version{table: t, list: [listed]int16{1, 2, 3, 4}, key: []int16{1}, made: map[string]*schema.Table{}}
	v.rel = schema.Relation{OID: oid, Name: t.name, Kind: 'r', Persistence: 'p', Identity: identity, Heap: schema.Heap{File: oid, Last: listed}}
	for i, name := range columnNames[:listed] {
		v.rel.Attributes = append(v.rel.Attributes, schema.Attribute{
			Attnum: int16(i + 1), Name: name, XMin: xid, Type: textType(), NotNull: i < 2, Toastable: i == 3,
		})
	}
	v.rel.Attributes[2].Type = schema.Type{OID: oidVarchar, Base: oidVarchar, Typmod: 104, Name: "varchar", Category: 'S'}
	if identity == schema.IdentityIndex {
		v.key = []int16{2, 1}
	}
	v.keyed()
	return v
}

// keyed gives the table its key.
func (v *version) keyed() {
	v.rel.Primary, v.rel.Replica = v.key, v.key
	switch v.rel.Identity {
	case schema.IdentityIndex:
		v.rel.Primary = nil
	case schema.IdentityFull:
		v.rel.Replica = nil
	}
}

// keyless reports whether it has lost its key.
func (v *version) keyless() bool { return len(v.rel.Primary)+len(v.rel.Replica) == 0 }

// writable reports whether PostgreSQL lets rows be updated and deleted: not those of a table
// that is published and has no replica identity.
func (v *version) writable() bool {
	return v.row.OID == 0 || !v.keyless() || v.rel.Identity == schema.IdentityFull
}

// other returns a copy that may be changed.
func (v *version) other() *version {
	n := *v
	n.rel.Attributes = slices.Clone(v.rel.Attributes)
	n.rel.Heap.Dropped = slices.Clone(v.rel.Heap.Dropped)
	n.made = map[string]*schema.Table{}
	return &n
}

func (v *version) attribute(n int16) *schema.Attribute {
	i := slices.IndexFunc(v.rel.Attributes, func(a schema.Attribute) bool { return a.Attnum == n })
	if i < 0 {
		return nil
	}
	return &v.rel.Attributes[i]
}

func (v *version) named(name string) *schema.Attribute {
	i := slices.IndexFunc(v.rel.Attributes, func(a schema.Attribute) bool { return a.Name == name })
	if i < 0 {
		return nil
	}
	return &v.rel.Attributes[i]
}

// keyOf returns the key of a row, as a tuple's bytes.
func (v *version) keyOf(r row) (k replicator.Tuple) {
	for _, n := range v.key {
		k = k.Append(value(r[n-1]))
	}
	return k
}

// sends reports whether a column is published.
func (v *version) sends(a schema.Attribute) bool {
	return v.table.choice.All || slices.Contains(v.list[:], a.Attnum)
}

// tuple returns what the log has of a row, with unsent for values that are not sent.
func (v *version) tuple(r row, unsent func(schema.Attribute) replicator.Kind) (t replicator.Tuple) {
	for _, a := range v.rel.Attributes {
		if !v.sends(a) {
			continue
		}
		val := value(r[a.Attnum-1])
		if unsent != nil && val.Kind == replicator.Text {
			if kind := unsent(a); kind != 0 {
				val = replicator.Value{Kind: kind}
			}
		}
		t = t.Append(val)
	}
	return t
}

var errDropped = errors.New("the table was dropped")

// resolve returns what the config makes of the table, whose columns were known with
// those shapes.
func (v *version) resolve(known []schema.Shape) (*schema.Table, error) {
	if v.rel.OID == 0 {
		return nil, errDropped
	}
	choice := v.table.choice
	if !choice.All {
		choice = choice.Follow(known, v.rel)
	}
	key := strings.Join(choice.Columns, ",")
	if t, ok := v.made[key]; ok {
		return t, nil
	}
	t, err := choice.Resolve(v.rel, 16)
	if err == nil {
		v.made[key] = t
	}
	return t, err
}

// knownIn returns the shapes that are remembered of this table, and not of another one of
// its name.
func (v *version) knownIn(known map[schema.Name]replicator.TableState) []schema.Shape {
	if s := known[v.table.name]; s.OID == v.rel.OID {
		return s.Shape
	}
	return nil
}

// sight is what can be seen of the tables, by their places.
type sight struct {
	at    []*version
	table []*schema.Table // nil: it cannot be replicated
	unfit []*replicator.Halt
}

// see looks at the catalogue with what is remembered of the tables; the lock is held.
func (w *world) see(known map[schema.Name]replicator.TableState) (s sight) {
	for _, t := range w.source.tables {
		v := t.visible()
		table, err := v.resolve(v.knownIn(known))
		var why *replicator.Halt
		switch {
		case err != nil:
			why = &replicator.Halt{Reason: replicator.TableUnfit, Found: err.Error()}
		case v.row.OID == 0:
			why = &replicator.Halt{Reason: replicator.PublicationDiffers, Found: "the table is out of the publication"}
		}
		if why != nil {
			table = nil
		}
		s.at, s.table, s.unfit = append(s.at, v), append(s.table, table), append(s.unfit, why)
	}
	return s
}

// differs reports whether something is not as it was.
func (s sight) differs(now sight) bool {
	for i, is := range now.table {
		was := s.table[i]
		switch {
		case s.at[i] == now.at[i]:
		case (was == nil) != (is == nil):
			return true
		case was == nil:
			if s.unfit[i].Reason != now.unfit[i].Reason {
				return true
			}
		case was.OID != is.OID || s.at[i].row != now.at[i].row || !schema.Compare(was.Shape(), was.Heap, is).Empty():
			return true
		}
	}
	return false
}

// tell fills in what an opening tells of the tables.
func (s sight) tell(o *replicator.Opened, known map[schema.Name]replicator.TableState, b bug) {
	for i, t := range s.table {
		if t == nil {
			name := s.at[i].table.name
			o.Unfit = append(o.Unfit, replicator.Unfit{OID: known[name].OID, Name: name, Why: s.unfit[i]})
			continue
		}
		row := s.at[i].row
		if b == overlookGap {
			row = replicator.PublicationID{OID: 1, XMin: 1}
		}
		o.Tables = append(o.Tables, replicator.Published{Table: t, Row: row})
	}
}

// align brings the publication in line with what can be replicated, where the daemon may:
// it puts in tables that can be, and takes the others out. It returns false if somebody is
// altering one of them.
func (n *node) align() bool {
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	if n.publicationIsTheirs() {
		return true
	}
	var due []*simTable
	for _, t := range n.source.tables {
		v := t.now()
		_, err := v.resolve(v.knownIn(n.known))
		if v.rel.OID == 0 || (err == nil) == (v.row.OID != 0) {
			continue
		}
		if t.altering() {
			return false
		}
		due = append(due, t)
	}
	if len(due) > 0 {
		n.tall.count("publication is brought in line")
		n.transact(0, func(w *writer) {
			for _, t := range due {
				w.publish(t, t.now().row.OID == 0)
			}
		})
	}
	return true
}

// publicationIsTheirs reports whether only people alter the publication in this world.
func (w *world) publicationIsTheirs() bool { return w.seed/2%2 == 1 }
