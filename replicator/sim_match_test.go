package replicator_test

import (
	"fmt"
	"slices"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
)

// What follows plays the part of package postgres for a Relation message, which knows
// columns by their names: how a stream reads rows of one version of a table by the table
// that the catalogue had when the stream was opened.

// chosenTable is a table that a stream replicates.
type chosenTable struct {
	*schema.Table
	past *replicator.Past
}

// matched is how rows of a version are read.
type matched struct {
	table  *schema.Table
	places []int // by column as it is sent: the column of the table; -1: none
	unfit  error
}

// choose says what the stream replicates.
func (s *stream) choose(r replicator.OpenRequest, o replicator.Opened) {
	s.tables, s.matches, s.described = map[uint32]chosenTable{}, map[*version]*matched{}, map[uint32]*version{}
	for _, p := range o.Tables {
		is := chosenTable{Table: p.Table}
		if known, ok := s.known[p.Table.Configured]; ok && known.OID == p.Table.OID {
			_, is.past = known.Follow(p.Table, r.After, o.Read, o.Seen)
		}
		s.tables[p.Table.OID] = is
	}
}

// match returns how rows of a version are read; nil if they are not replicated. The lock
// is held.
func (s *stream) match(v *version, in *tx) *matched {
	m, ok := s.matches[v]
	if ok && s.described[v.rel.OID] == v {
		return m
	}
	if s.described[v.rel.OID] != nil { // described again
		s.lookAt = minTime(s.lookAt, time.Now().Add(time.Duration(s.die("look").Int64N(int64(time.Second)))))
	}
	s.described[v.rel.OID] = v
	if c, replicated := s.tables[v.rel.OID]; replicated {
		m = s.matchWith(c, v, in)
	}
	s.matches[v] = m
	return m
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (s *stream) matchWith(c chosenTable, v *version, in *tx) *matched {
	sent := slices.DeleteFunc(slices.Clone(v.rel.Attributes), func(a schema.Attribute) bool { return !v.sends(a) })
	m := &matched{table: c.Table}
	for i, a := range sent {
		place := c.column(a.Name)
		if s.bug == readByPosition && i < len(c.Columns) {
			place = i
		}
		m.places = append(m.places, place)
	}
	switch {
	case s.bug == readByPosition || !c.differs(v, sent, m.places):
	case c.past != nil && c.past.Tells(in.commit, in.xid) && c.earlier(v, sent, m.places):
		s.tall.count("rows are read by an earlier shape")
	default:
		s.tall.count("rows of another shape")
		m.unfit = &replicator.Altered{OID: c.OID, Found: fmt.Sprintf("%v has another shape in the stream", c.Name)}
	}
	return m
}

func (c chosenTable) column(name string) int {
	return slices.IndexFunc(c.Columns, func(of schema.Column) bool { return of.Name == name })
}

// differs reports whether rows as they are sent are no rows of the table.
func (c chosenTable) differs(v *version, sent []schema.Attribute, places []int) bool {
	last, found := -1, 0
	for i, a := range sent {
		p := places[i]
		isKey := slices.Contains(v.rel.Replica, a.Attnum)
		switch {
		case p < 0 && (v.table.choice.All || isKey):
			return true
		case p < 0:
			continue
		case p <= last || a.Type != c.Columns[p].Type || v.rel.Identity != schema.IdentityFull && isKey != slices.Contains(c.Key, p):
			return true
		}
		last = p
		found++
	}
	return found < len(c.Columns)
}

// earlier reports whether rows as they are sent are of the table as it was, or came to be,
// between its past and the catalogue, and corrects the places.
func (c chosenTable) earlier(v *version, sent []schema.Attribute, places []int) bool {
	var last int16
	gone := false // the last was dropped since
	seen := map[int16]bool{}
	for i, a := range sent {
		was := slices.IndexFunc(c.past.Shape, func(s schema.Shape) bool { return s.Name == a.Name })
		is := places[i]
		var attnum int16
		switch {
		case was < 0 && is < 0 && v.table.choice.All:
			return false
		case was < 0 && is < 0:
			continue
		case was >= 0:
			attnum = c.past.Shape[was].Attnum
			if is >= 0 && c.Columns[is].Attnum != attnum {
				return false
			}
			is = slices.IndexFunc(c.Columns, func(of schema.Column) bool { return of.Attnum == attnum })
		default:
			attnum = c.Columns[is].Attnum
		}
		if attnum <= last || is >= 0 && !c.typed(v, a, is, attnum) {
			return false
		}
		last, seen[attnum], places[i], gone = attnum, true, is, is < 0
	}
	return !slices.ContainsFunc(c.Columns, func(of schema.Column) bool {
		older := of.Attnum < last || slices.ContainsFunc(c.past.Shape, func(s schema.Shape) bool { return s.Attnum == of.Attnum })
		return (older || gone) && !seen[of.Attnum] // all types here are texts
	})
}

func (c chosenTable) typed(v *version, a schema.Attribute, is int, attnum int16) bool {
	keyed := v.rel.Identity == schema.IdentityFull || slices.Contains(v.rel.Replica, a.Attnum) == slices.Contains(c.Key, is)
	if a.Type == c.Columns[is].Type && keyed {
		return true
	}
	i := slices.IndexFunc(c.past.Shape, func(s schema.Shape) bool { return s.Attnum == attnum })
	return keyed && i >= 0 && a.Type.OID == c.past.Shape[i].Type && a.Type.Typmod == c.past.Shape[i].Typmod
}

// read returns a row as it is sent as a row of the table.
func (m *matched) read(sent replicator.Tuple) (t replicator.Tuple) {
	if sent == nil {
		return nil
	}
	values := make([]replicator.Value, len(m.table.Columns))
	for i := range values {
		values[i].Kind = replicator.Null
	}
	for _, p := range m.places {
		var v replicator.Value
		if v, sent = sent.Next(); p >= 0 {
			values[p] = v
		}
		if len(sent) == 0 {
			break
		}
	}
	for _, v := range values {
		t = t.Append(v)
	}
	return t
}

// decode returns the change that a step is to the stream; false if it is none. The lock is
// held.
func (s *stream) decode(t *tx, st step) (c replicator.Change, found bool, err error) {
	if !st.published() {
		return c, false, nil
	}
	m := s.match(st.v, t)
	if m == nil {
		return c, false, nil
	}
	c = replicator.Change{Op: st.op, Table: m.table, Misread: m.unfit}
	if m.unfit != nil {
		s.tall.count("unfit row")
		if s.bug == unfitStops {
			return c, false, m.unfit
		}
		return c, true, nil
	}
	c.New = m.read(st.new)
	if st.old != nil {
		old := m.read(st.old)
		for _, k := range m.table.Key {
			c.Key = c.Key.Append(old.At(k))
		}
		if st.v.rel.Identity == schema.IdentityFull && st.op == replicator.Update {
			c.Old = old
		}
	}
	return c, true, nil
}

// lookEvery is how often the catalogue is looked at.
const lookEvery = 6 * time.Second

// look returns an error if the tables are not what they were when the stream was opened.
// It looks every now and then, and soon after a table is described again.
func (s *stream) look() error {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	if s.change > 0 || s.lookAt.IsZero() || time.Now().Before(s.lookAt) {
		return nil
	}
	s.lookAt = time.Now().Add(lookEvery)
	if now := s.see(s.known); s.opened.differs(now) {
		s.tall.count("alteration is seen")
		return &replicator.Altered{Found: "the catalogue is another"}
	}
	return nil
}
