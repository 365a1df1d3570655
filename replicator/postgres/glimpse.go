package postgres

import (
	"sync"

	"rowshift/replicator"
	"rowshift/schema"
)

// glimpses records how the catalogue's view of tables changed while streams were open, in
// steps that each left the tables' rows as they were. The warehouse does not remember them:
// a daemon that begins looks at the catalogue itself, and writes down what it finds.
type glimpses struct {
	mutex sync.Mutex
	by    map[uint32]replicator.SameRows
}

// take records a step from tables as they were to tables as they are, with the same rows.
func (g *glimpses) take(was, is []*schema.Table) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	now := byOID(is)
	for _, t := range was {
		if now[t.OID] == nil {
			continue
		}
		step := replicator.SameRows{Was: looks(t), Is: looks(now[t.OID])}
		if step.Was.Equal(step.Is) {
			continue
		}
		if before, ok := g.by[t.OID]; ok && before.Is.Equal(step.Was) {
			step.Was = before.Was
		}
		if g.by == nil {
			g.by = map[uint32]replicator.SameRows{}
		}
		g.by[t.OID] = step
	}
}

// of returns what was seen of a table, nil if nothing was.
func (g *glimpses) of(oid uint32) *replicator.SameRows {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if seen, ok := g.by[oid]; ok {
		return &seen
	}
	return nil
}

func looks(t *schema.Table) replicator.Looks {
	return replicator.Looks{Shape: t.Shape(), Heap: t.Heap}
}
