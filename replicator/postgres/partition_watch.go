package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
)

// partitionWatch is a stream of tables of which some are partitioned. Beside it a
// goroutine reads, once in a heartbeat, which partitions they have: that one was
// attached, detached, dropped or truncated alone is nowhere in the log. The stream then
// ends, so that the catalogue is read again and what is remembered compared with it.
type partitionWatch struct {
	replicator.Source
	begin   func() // called before the first change: what was opened is known to the core
	altered atomic.Pointer[error]
	inside  bool // a transaction is being received
	stop    context.CancelFunc
	done    chan struct{}
}

// watchPartitions returns the stream, watched if one of the tables is partitioned.
func (o *Origin) watchPartitions(s replicator.Source, tables []replicator.Published) replicator.Source {
	var roots []*schema.Table
	for _, p := range tables {
		if p.Table.Partitioned {
			roots = append(roots, p.Table)
		}
	}
	if len(roots) == 0 {
		return s
	}
	ctx, stop := context.WithCancel(context.Background())
	w := &partitionWatch{Source: s, begin: sync.OnceFunc(o.partitions.told), stop: stop, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		for rest(ctx, o.options.Heartbeat) == nil {
			if err := o.lookAtPartitions(ctx, roots); err != nil {
				w.altered.Store(&err)
				return
			}
		}
	}()
	return w
}

// announced remembers the partitions that the stream has named and that were not known:
// by their OIDs their root's, and whether the core was told of those that are gone. The
// log may name one again, as long as it is read.
type announced struct {
	root map[uint32]uint32
	gone map[uint32]bool
}

// looks returns what takes a partition that is not known, and tells whether the catalogue
// has been read since a stream named it first.
func (a *announced) looks() func(partition, root uint32) bool {
	before := maps.Clone(a.root)
	return func(partition, root uint32) bool {
		if a.root == nil {
			a.root, a.gone = map[uint32]uint32{}, map[uint32]bool{}
		}
		a.root[partition] = root
		_, looked := before[partition]
		return looked
	}
}

// missed tells whether a partition of t was named that t does not have, and the core was
// not told yet.
func (a *announced) missed(t *schema.Table) bool {
	for partition, root := range a.root {
		have := slices.ContainsFunc(t.Parts, func(p schema.Part) bool { return p.OID == partition })
		if root == t.OID && !have && !a.gone[partition] {
			return true
		}
	}
	return false
}

// told says that the core knows what was missed.
func (a *announced) told() {
	for partition := range a.root {
		a.gone[partition] = true
	}
}

// errPartitions ends a stream whose tables have other partitions than when it was
// opened.
var errPartitions = errors.New("the partitions are not what they were")

// lookAtPartitions returns an error if partitions came or went. That the source cannot
// be asked is none: the stream will tell.
func (o *Origin) lookAtPartitions(ctx context.Context, roots []*schema.Table) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	conn, err := o.connect(ctx)
	if err != nil {
		return nil
	}
	defer shut(conn)
	changed, err := otherParts(ctx, conn, roots)
	if err != nil || changed == nil {
		return nil
	}
	return &replicator.Altered{Found: fmt.Sprintf("partitions of %v came, went or were emptied", changed.Name), Cause: errPartitions}
}

// otherParts returns a table whose partitions are not, or are not held by the files, or were
// not attached when t says; nil if there is none.
func otherParts(ctx context.Context, q querier, tables []*schema.Table) (*schema.Table, error) {
	var roots []schema.Relation
	for _, t := range tables {
		if t.Partitioned {
			roots = append(roots, schema.Relation{OID: t.OID, Kind: 'p'})
		}
	}
	now, err := readParts(ctx, q, roots)
	if err != nil {
		return nil, err
	}
	same := func(a, b schema.Part) bool { return a.OID == b.OID && a.File == b.File && a.XMin == b.XMin }
	for _, t := range tables {
		if !slices.EqualFunc(t.Parts, now[t.OID], same) {
			return t, nil
		}
	}
	return nil, nil
}

// Next implements replicator.Source. A transaction is brought to its end first: one that
// takes longer to receive than partitions take to come would else never get through.
func (w *partitionWatch) Next(ctx context.Context, wait time.Duration) (replicator.Change, error) {
	w.begin()
	if err := w.altered.Load(); err != nil && !w.inside {
		return replicator.Change{}, *err
	}
	c, err := w.Source.Next(ctx, wait)
	if err == nil && (c.Op == replicator.Begin || c.Op == replicator.Commit) {
		w.inside = c.Op == replicator.Begin
	}
	return c, err
}

// Close implements replicator.Source.
func (w *partitionWatch) Close() error {
	w.stop()
	<-w.done
	return w.Source.Close()
}
