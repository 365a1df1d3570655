package replicator_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
)

func (n *node) Snapshot(ctx context.Context, tables []*schema.Table) (replicator.Snapshot, error) {
	if n.isDead() {
		return nil, errDead
	}
	if n.fault("snapshot fails") {
		return nil, errInjected
	}
	if n.bug != snapshotWithoutWait {
		time.Sleep(time.Until(n.oldest()))
	}
	for !n.lockTables(tables) {
		time.Sleep(time.Second)
	}
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	s := &n.source
	now := time.Now()
	v := s.sees(now)
	tables, err := n.again(tables)
	if err != nil {
		return nil, err
	}
	image := s.replay(func(t *tx) bool { return !t.seen.After(now) })
	s.flushed += 5
	taken := replicator.Taken{Tables: tables, Seen: *v, HandOver: s.flushed}
	for _, t := range tables {
		if len(image[t.OID]) > 0 {
			taken.Ranges = append(taken.Ranges, replicator.Range{Table: t}, replicator.Range{Table: t, First: 1}, replicator.Range{Table: t, First: 2}, replicator.Range{Table: t, First: 3})
		}
	}
	sn := &snapshot{node: n, taken: taken, image: image}
	s.snapshots = append(slices.DeleteFunc(s.snapshots, func(o *snapshot) bool { return o.yielded || o.isDead() }), sn)
	return sn, nil
}

// sees returns what a snapshot would see that is taken now. The lock is held.
func (s *simSource) sees(now time.Time) *replicator.Visibility {
	v := &replicator.Visibility{XMax: s.wide(s.xid) + 1}
	v.XMin = v.XMax
	for _, t := range s.log {
		if t.seen.After(now) {
			v.InProgress = append(v.InProgress, s.wide(t.xid))
			v.XMin = min(v.XMin, s.wide(t.xid))
		}
	}
	slices.Sort(v.InProgress)
	return v
}

// lockTables reports whether nobody alters the tables.
func (n *node) lockTables(tables []*schema.Table) bool {
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	return !slices.ContainsFunc(n.source.tables, func(t *simTable) bool {
		return t.altering() && slices.ContainsFunc(tables, func(of *schema.Table) bool { return of.Configured == t.name })
	})
}

// again returns the tables as they are now, or an error if one is not what it was.
func (n *node) again(tables []*schema.Table) (now []*schema.Table, err error) {
	see := n.see(n.known)
	for _, t := range tables {
		i := slices.IndexFunc(see.at, func(v *version) bool { return v.rel.OID == t.OID })
		if i >= 0 {
			is, err := see.at[i].resolve(see.at[i].knownIn(n.known))
			if err == nil && schema.Compare(t.Shape(), t.Heap, is).Empty() {
				now = append(now, is)
				continue
			}
		}
		n.tall.count("table is altered while its load begins")
		return nil, &replicator.Altered{Found: fmt.Sprintf("%v was altered while its load began", t.Name)}
	}
	return now, nil
}

// oldest returns when the last transaction that is running now will be seen by
// snapshots. A transaction that the slot's stream left out, because it had
// committed before, may be among them.
func (n *node) oldest() (at time.Time) {
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	for _, t := range n.source.log {
		if t.seen.After(at) {
			at = t.seen
		}
	}
	return at
}

// wide returns an id as the server counts them, with the epoch that the 32 bits lack.
func (s *simSource) wide(xid uint32) uint64 {
	if xid >= 1<<31 {
		return 3<<32 | uint64(xid)
	}
	return 4<<32 | uint64(xid)
}

// snapshot is a Snapshot of four ranges a table, by the last bits of the keys. It is given
// up if somebody wants to alter one of its tables.
type snapshot struct {
	*node
	taken   replicator.Taken
	image   rows
	yielded bool
}

func (s *snapshot) Taken() replicator.Taken { return s.taken }

func (s *snapshot) Close() error {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	s.yielded = true
	return nil
}

func (s *snapshot) Copy(_ context.Context, r replicator.Range, write func(replicator.Tuple) error) error {
	s.nap("copy", 3*time.Second)
	if s.isDead() {
		return errDead
	}
	if s.fault("snapshot is given up") || s.gone() {
		return replicator.ErrYielded
	}
	for k, at := range s.image[r.Table.OID] {
		if k[len(k)-1]%4 != byte(r.First) {
			continue
		}
		var t replicator.Tuple
		for _, c := range r.Table.Columns {
			t = t.Append(value(at[c.Attnum-1]))
		}
		if err := write(t); err != nil {
			return err
		}
	}
	return nil
}

func (s *snapshot) gone() bool {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	return s.yielded
}
