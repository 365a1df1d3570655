package replicator_test

import (
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
)

// world is a source, a bucket and a warehouse in memory, with faults. It checks that the
// daemons that run in it keep their promises. Its clock is synctest's.
type world struct {
	t    *testing.T
	bug  bug
	tall *tally

	mu   sync.Mutex
	seed uint64
	rng  *rand.Rand            // of the writer
	dice map[string]*rand.Rand // by kind of fault, so that the order of goroutines does not matter
	p    float64               // chance of a fault per call

	source    simSource
	bucket    map[string]object
	warehouse simWarehouse
	objects   int
	failed    bool // a promise was broken
}

// simSource is the source database.
type simSource struct {
	system string // its cluster's identifier
	least  uint32 // tables of earlier clusters had lower OIDs

	tables []*simTable
	log    []*tx
	now    rows // after the whole log

	files, oids, published uint32 // how many were given out
	snapshots              []*snapshot

	xid     uint32
	flushed replicator.LSN
	slot    *slot
	maker   *node         // who makes it
	next    chan struct{} // closed when the log grows
}

// slot is the replication slot.
type slot struct {
	confirmed replicator.LSN
	saved     replicator.LSN // what a crash of the server takes it back to
	active    *node
	broken    bool // it cannot decode: it was made beside running DDL, or the log is damaged
	failed    int  // how often a stream ended for that
}

// tx is a transaction of the log.
type tx struct {
	xid    uint32
	commit replicator.LSN // where its commit record starts
	end    replicator.LSN
	at     time.Time
	seen   time.Time // from when on snapshots see it: later than at if a standby is waited for
	steps  []step
	sent   bool // the log has some of them
	after  asOf
}

// rows are the rows of all tables by OID and key.
type rows map[uint32]map[string]row

// row is a row's values by column; null is NULL, and a column that is not there is empty.
type row [slots]string

const null = "\x00"

func value(s string) replicator.Value {
	if s == null {
		return replicator.Value{Kind: replicator.Null}
	}
	return replicator.Value{Kind: replicator.Text, Text: []byte(s)}
}

func (rs rows) clone() rows {
	c := rows{}
	for oid, m := range rs {
		c[oid] = maps.Clone(m)
	}
	return c
}

// newWorld returns a world whose source has some rows and no slot.
func newWorld(t *testing.T, seed uint64, p float64, b bug, tall *tally) *world {
	w := &world{
		t: t, bug: b, tall: tall, p: p,
		seed: seed, rng: rand.New(rand.NewPCG(seed, 7)), dice: map[string]*rand.Rand{},
		bucket: map[string]object{},
	}
	w.source = simSource{system: "7", xid: 1<<32 - 40, flushed: 100, next: make(chan struct{})} // ids wrap soon
	w.source.tables = theirOwn()
	w.source.now = rows{}
	w.warehouse = newWarehouse()
	for range 4 {
		w.write(0)
	}
	return w
}

// fault reports whether something goes wrong now, and counts it.
func (w *world) fault(kind string) bool {
	w.mu.Lock()
	p := w.p
	w.mu.Unlock()
	return w.chance(kind, p)
}

// often is fault for what does not happen often.
func (w *world) often(kind string) bool {
	w.mu.Lock()
	p := w.p
	w.mu.Unlock()
	return w.chance(kind, 8*p)
}

// chance reports whether something happens now, and counts it.
func (w *world) chance(kind string, p float64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.p == 0 || w.die(kind).Float64() >= p {
		return false
	}
	w.tall.count(kind)
	return true
}

// die returns the source of chance for one kind of thing.
func (w *world) die(kind string) *rand.Rand {
	r := w.dice[kind]
	if r == nil {
		h := fnv.New64()
		h.Write([]byte(kind))
		r = rand.New(rand.NewPCG(w.seed, h.Sum64()))
		w.dice[kind] = r
	}
	return r
}

// upTo returns a duration below d.
func (w *world) upTo(what string, d time.Duration) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Duration(w.die(what).Int64N(int64(d)))
}

// nap lets up to d pass.
func (w *world) nap(what string, d time.Duration) { time.Sleep(w.upTo(what, d)) }

// say tells what happens, with -story.
func (w *world) say(format string, args ...any) {
	if *story {
		w.t.Logf("%v %s", time.Now().Format("04:05.000"), fmt.Sprintf(format, args...))
	}
}

// broken says that a promise was broken.
func (w *world) broken(promise int, format string, args ...any) {
	w.failed = true
	if w.bug == noBug {
		w.t.Errorf("%v: promise %d: %s", time.Now().Format("04:05.000"), promise, fmt.Sprintf(format, args...))
	}
}

// node is one daemon's view of the world. A dead one does nothing more, except what it had
// already asked of the warehouse.
type node struct {
	*world
	mu   sync.Mutex
	dead bool

	token string            // of a reset that it is told to carry out
	halt  replicator.Reason // for which it halted last
	known map[schema.Name]replicator.TableState
	since map[string]time.Time // when it first waited for a target's reader
}

var (
	errDead     = errors.New("this daemon is dead")
	errInjected = errors.New("injected")
)

// retryable is an injected error that left nothing behind.
type retryable struct{}

func (retryable) Error() string   { return "injected, nothing was done" }
func (retryable) Retryable() bool { return true }

func (n *node) isDead() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dead
}

// kill is kill -9: the connections end, and the warehouse may not have noticed.
func (n *node) kill() {
	n.mu.Lock()
	n.dead = true
	n.mu.Unlock()
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	if s := n.source.slot; s != nil && s.active == n {
		s.active = nil
	}
}
