package replicator_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rowshift/replicator"
	"rowshift/schema"
)

var (
	schedules = flag.Int("schedules", 0, "how many schedules to simulate; 0: 10,000, or 500 under the race detector")
	firstSeed = flag.Uint64("seed", 0, "the first schedule's seed")
	story     = flag.Bool("story", false, "log what happens in each schedule")
)

// bug is a bug that is planted in a world, to see that the simulation finds it.
type bug int

const (
	noBug bug = iota
	acknowledgeBeforeMerge
	skipFence
	mergeInsideTransaction
	forgetDelete
	nullForTOAST
	fillByNewKey
	snapshotWithoutWait
	applySeen
	keepApplied
	joinEarly
	emptyLoad
	joinWithoutItsBatch
	resetKeepsTables
	makeTogether
	forgetLedger
	renameIsAdd
	keepOfDropped
	readByPosition
	overlookRewrite
	overlookGap
	forgetMissing
	forgetParked
	forgetRenaming
	unfitStops
	mergeTheLast
	lookAtAll
	keepDiscarded
	discardEarly
)

// tally counts what came up.
type tally struct {
	mu sync.Mutex
	n  map[string]int
}

func (t *tally) count(kind string) { t.counted(kind, 1) }

func (t *tally) counted(kind string, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n[kind] += n
}

// kinds are what must come up in a run of 500 schedules or more for it to count. Each comes
// up a hundred times in such a run.
var kinds = []string{
	"merge", "batch", "batches merge as one", "batch ends inside a transaction", "large transaction", "key change", "key swap",
	"unchanged TOAST", "TRUNCATE", "table loaded", "more is copied into a load table", "table joins", "commit not seen yet", "keepalive anywhere",
	"create fails", "slot cannot decode", "open fails", "slot is active elsewhere", "slot is made by another", "stream breaks",
	"merge meets a conflict", "merge fails", "preparing a merge fails", "answer to COMMIT is lost", "fence fails", "fenced",
	"held fold", "held fold applied", "held change that the snapshot sees", "held table cannot be made", "apply is refused for good", "load table is made late", "load outlives a pass",
	"checkpoint moves while a table loads", "slot reset", "table is asked for", "table loaded on request",
	"kill -9", "second daemon", "standby", "daemon with a token",

	"column added", "column added with a default", "column dropped", "column renamed", "several alterations in a transaction",
	"alteration behind a row", "alteration is seen", "alteration of a target fails", "alteration waits for a snapshot",
	"rows of another shape", "rows are read by an earlier shape", "unfit row", "target's column added",
	"table is altered while its load begins", "table repaired", "checkpoint moves while a table is parked",
	"out of the publication", "back in the publication",
}

// rare are what must come up in a run of 10,000 schedules. In a shorter one each may well
// be missing.
var rare = []string{
	"dies between drop and make", "server shuts down", "slot goes back", "slot is lost and reset unasked", "slot cannot decode any more and is reset unasked", "another source",
	"snapshot fails", "snapshot is given up", "load begins again", "load cannot be staged",
	"COPY of a load meets a conflict", "COPY of a load fails", "bucket is slow down", "stage fails",
	"apply meets a conflict", "apply fails", "answer to the COMMIT of held changes is lost", "apply is fenced", "making of a target is fenced",
	"COPY refuses a row", "row leans on a refused one", "discard fails", "sweep fails", "object swept",
	"a dead daemon's merge goes on", "a dead daemon's apply goes on", "reset ends another's stream",

	"column made longer", "column retyped", "names swapped", "table written anew", "key altered", "key lost", "key is back",
	"table dropped", "table recreated", "listed column dropped", "columns are renamed back", "publication is brought in line",
	"publication waits for an alteration", "a pipeline cannot begin", "merge before an alteration is seen",
	"merge fails behind its alterations", "target's column renamed", "target's column renamed before a load", "target's column emptied",
	"alterations of a target are stopped", "alteration of a target is refused", "table stays parked",
	"alteration of a target waits for a reader", "table is parked for a reader of its target",
}

// check checks the promises after a merge.
func (n *node) check(m *replicator.Merge) {
	w := &n.warehouse
	cp := w.checkpoint
	if cp.Phase == replicator.Creating {
		if w.streaming && cp.Reset == "" {
			n.broken(1, "the pipeline was reset")
		}
		return
	}
	defer func() { w.system = cp.System }()
	w.streaming = true
	var want asOf
	boundary := true
	for _, t := range n.source.log {
		switch {
		case t.end <= cp.LSN:
			want = t.after
		case t.commit < cp.LSN:
			boundary = false
		}
	}
	if !boundary {
		n.broken(3, "the checkpoint %v lies inside a transaction", cp.LSN)
	}
	if cp.LSN < m.Expect && w.system == cp.System {
		n.broken(1, "the checkpoint went back from %v to %v", m.Expect, cp.LSN)
	}
	for _, t := range cp.Tables {
		if t.State != replicator.Parked && (t.Reason != "" || t.Repair != "") || t.State == replicator.Live && t.Why != "" {
			n.broken(4, "%v is %s, and said to be parked: %s", t.Name, t.State, t.Why)
		}
		n.standsStill(t)
		n.checkTable(t, want)
		if t.State == replicator.Loading && cp.LSN > m.Expect {
			n.tall.count("checkpoint moves while a table loads")
		}
		if t.State == replicator.Parked && cp.LSN > m.Expect {
			n.tall.count("checkpoint moves while a table is parked")
		}
	}
}

// checkTable checks the promises for one table.
func (n *node) checkTable(t replicator.TableState, want asOf) {
	w := &n.warehouse
	at := w.checkpoint.LSN
	switch {
	case w.spoiled[t.Target] || t.State == replicator.Parked:
	case t.State == replicator.Live && len(t.Renaming) > 0 && w.targets[t.Target] != nil:
		n.tall.count("merge while columns get their names") // another table's: the target may have these names or those
	case t.State == replicator.Live && w.targets[t.Target] == nil:
		n.broken(3, "%v is live, and has no target", t.Name)
	case t.State == replicator.Live && !n.excused(t, want):
		if !same(w.targets[t.Target], w.books[t.Target].open, t, want) {
			n.broken(3, "%v is not what the source had at %v", t.Name, at)
		}
		if n.die("balance").IntN(8) == 0 {
			n.balanced(t, want)
		}
	case t.Load != nil && t.Load.Loaded && at >= t.Load.HandOver && !n.excused(t, want):
		if rows, open := n.caughtUp(t); !same(rows, open, t, want) {
			n.broken(2, "the load table and the held changes of %v are not what the source had at %v", t.Name, at)
		}
	}
}

// caughtUp returns a load table with all that is held for it applied, and what is then
// refused.
func (n *node) caughtUp(t replicator.TableState) (*sheet, map[string]bool) {
	at, b := n.warehouse.loads[t.Load.Into].clone(), n.warehouse.loadBooks[t.Load.Held]
	if at == nil || b == nil {
		n.broken(5, "there is no load table %s", t.Load.Into)
		return nil, nil
	}
	b = b.clone()
	for _, o := range n.warehouse.held[t.Load.Held] {
		if o.xid == 0 || !t.Load.Seen.Sees(o.xid) {
			n.applyRows(at, b, o, false)
		}
	}
	return at, b.open
}

// run is one daemon's life.
func (n *node) run(ctx context.Context) <-chan error {
	done := make(chan error, 1)
	refresh := 30 * time.Second
	if n.seed%8 == 7 {
		refresh = -1
	}
	go func() {
		done <- replicator.Run(ctx, replicator.Options{
			HaltRetry: time.Second, Listener: replicator.Listener{Halted: n.halted},
			Pipeline: "p", Origin: n, Stager: n, Sweeper: n, Warehouse: n, Loader: loader{n},
			Limits:     replicator.Limits{Rows: 12, Bytes: 1 << 20, MaxAge: 3 * time.Second, MinInterval: 500 * time.Millisecond},
			ResyncLost: n.seed%3 == 0, ResetSlot: n.token,
			Refresh: refresh, RefreshBytes: 3000, Drain: 20 * time.Second, Workers: 2,
			Backoff: replicator.Backoff{Min: 100 * time.Millisecond, Max: 2 * time.Second},
		})
	}()
	return done
}

// halted checks that a daemon had a reason to halt.
func (n *node) halted(h *replicator.Halt) {
	n.world.mu.Lock()
	defer n.world.mu.Unlock()
	cp := n.warehouse.checkpoint
	n.halt = h.Reason
	if h.Reason == replicator.SlotMissing && cp != nil && cp.Phase == replicator.Creating {
		n.broken(5, "a daemon halts while the slot is made")
	}
	if h.Reason == replicator.TableUnfit && cp != nil && (cp.Phase == replicator.Streaming || cp.Reset != "") {
		n.broken(5, "a pipeline that has begun halts for a table: %s", h.Found)
	}
}

// simulate runs one schedule: a source under load, with daemons that die and are replaced;
// and then peace, in which the warehouse must become equal.
func simulate(t *testing.T, seed uint64, b bug, tall *tally) (failed bool) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, seed, float64(seed%5)*0.02+0.005, b, tall)
		pause := 4 * time.Second
		if w.alters() { // tables are live now and then, so that it matters what becomes of them
			pause *= 2
			w.p /= 4
		}
		var running []*life
		running = append(running, w.begin(t.Context()))
		for range 30 {
			w.nap("write", pause)
			if w.chance("commit is late", 0.2) {
				w.write(w.upTo("late", 20*time.Second))
			} else {
				w.write(0)
			}
			running = w.disturb(t.Context(), running)
		}
		w.mend()
		w.mu.Lock()
		w.p = 0
		w.unstick()
		w.mu.Unlock()
		time.Sleep(11 * time.Minute) // without refreshes, requests are looked for every 5 minutes
		for _, l := range running {
			l.stop()
			if err := <-l.done; err != nil {
				t.Errorf("seed %d: Run: %v", seed, err)
			}
		}
		w.settled(seed)
		failed = w.failed
	})
	return failed
}

// life is a daemon that runs.
type life struct {
	node *node
	stop context.CancelFunc
	done <-chan error
}

func (w *world) begin(ctx context.Context) *life { return w.beginWith(ctx, "") }

// beginWith begins a daemon that is told to reset the slot.
func (w *world) beginWith(ctx context.Context, token string) *life {
	n := &node{world: w, token: token}
	ctx, stop := context.WithCancel(ctx)
	return &life{node: n, stop: stop, done: n.run(ctx)}
}

// disturb now and then kills a daemon, starts a second one beside it, or crashes
// the source.
func (w *world) disturb(ctx context.Context, running []*life) []*life {
	if w.alters() && w.upTo("calm", 3) > 0 {
		return running
	}
	switch {
	case w.chance("kill -9", 0.06):
		last := running[len(running)-1]
		last.node.kill()
		last.stop()
		<-last.done
		running[len(running)-1] = w.begin(ctx)
	case len(running) < 2 && w.chance("second daemon", 0.05):
		running = append(running, w.begin(ctx))
		w.crash() // the first one loses the slot, and may be merging still
	case w.chance("table is asked for", 0.06):
		w.spoil()
	case w.chance("slot is to be reset", 0.03):
		w.loseSlot()
	case len(running) < 2 && w.chance("daemon with a token", 0.03):
		running = append(running, w.beginWith(ctx, fmt.Sprint("flag ", w.upTo("token", 3))))
	case len(running) < 2 && w.chance("standby", 0.05):
		running = append(running, w.begin(ctx))
	case w.alters() && w.chance("alterations of a target are stopped", 0.05):
		w.stick()
	case w.alters() && w.chance("target is read for long", 0.08):
		w.beginReading()
	case w.chance("source crashes", 0.04):
		w.crash()
	}
	return running
}

// settled checks what must hold once all is quiet.
func (w *world) settled(seed uint64) {
	cp := w.warehouse.checkpoint
	if cp == nil || len(cp.Tables) != len(w.source.tables) {
		w.broken(5, "seed %d: not begun", seed)
		return
	}
	parked := map[schema.Name]bool{}
	for _, t := range w.source.tables {
		parked[t.name] = w.settledTable(seed, t)
	}
	for name, state := range w.warehouse.requests {
		if state != "done" && !parked[name] {
			w.broken(5, "seed %d: the request for %v is %s", seed, name, state)
		}
	}
	for token, state := range w.warehouse.resets {
		if state != "done" {
			w.broken(5, "seed %d: reset %q is %s", seed, token, state)
		}
	}
	last := w.source.log[len(w.source.log)-1].end
	idle := w.alters() && w.seed%8 == 7 // there is no refresh, and the last may be of nothing that is replicated
	if w.source.slot == nil || w.source.slot.confirmed < last && !idle {
		w.broken(4, "seed %d: the slot is %+v, the last commit is %v", seed, w.source.slot, last)
	}
	w.tidy()
	if len(w.warehouse.loads) > 0 && w.bug == noBug {
		for name := range w.warehouse.loads {
			if named(*cp, name) {
				w.broken(5, "seed %d: load table %s is left", seed, name)
			}
		}
	}
}

// settledTable checks one table, and reports whether it is parked and has to be.
func (w *world) settledTable(seed uint64, t *simTable) bool {
	s := w.warehouse.known()[t.name]
	v := t.now()
	if _, err := v.resolve(v.knownIn(w.warehouse.known())); err != nil || v.row.OID == 0 {
		w.tall.count("table stays parked")
		if s.State != replicator.Parked {
			w.broken(5, "seed %d: %v cannot go on, and is %s", seed, t.name, s.State)
		}
		return true
	}
	as := asOf{rows: w.source.now, at: []*version{v}}
	if s.State != replicator.Live || w.warehouse.targets[s.Target] == nil || !same(w.warehouse.targets[s.Target], w.warehouse.books[s.Target].open, s, as) {
		w.broken(5, "seed %d: %v (%s, %s) is not equal in the end", seed, t.name, s.State, s.Why)
	}
	return false
}

func TestSimulation(t *testing.T) {
	collectSeldom(t)
	n := *schedules
	if n == 0 {
		n = defaultSchedules
	}
	tall := &tally{n: map[string]int{}}
	t.Run("schedules", func(t *testing.T) {
		workers := runtime.GOMAXPROCS(0)
		for first := range workers {
			t.Run(fmt.Sprint("core ", first), func(t *testing.T) {
				t.Parallel()
				seed := *firstSeed + uint64(first)
				defer func() { // a failed bubble ends this goroutine
					if t.Failed() {
						t.Logf("to see it again, if chance has it: go test ./replicator -run TestSimulation -schedules 1 -story -seed %d", seed)
					}
				}()
				for ; seed < *firstSeed+uint64(n); seed += uint64(workers) {
					simulate(t, seed, noBug, tall)
				}
			})
		}
	})
	var report []string
	for _, kind := range slices.Sorted(maps.Keys(tall.n)) {
		report = append(report, fmt.Sprintf("%s: %d", kind, tall.n[kind]))
	}
	t.Logf("%d schedules, %d merges; %s", n, tall.n["merge"], strings.Join(report, ", "))
	var must []string
	if n >= 500 {
		must = kinds
	}
	if n >= 10000 {
		must = slices.Concat(kinds, rare)
	}
	for _, kind := range must {
		if tall.n[kind] == 0 {
			t.Errorf("%q never came up", kind)
		}
	}
}

// collectSeldom lets garbage lie for longer than the small heap of a world would have it,
// until the test ends.
func collectSeldom(t *testing.T) {
	usual := debug.SetGCPercent(400)
	t.Cleanup(func() { debug.SetGCPercent(usual) })
}

// TestPlantedBugs shows that the world finds what it is there to find.
func TestPlantedBugs(t *testing.T) {
	collectSeldom(t)
	if !seeksPlanted {
		t.Skip("it is run without the race detector")
	}
	for name, b := range map[string]bug{
		"acknowledge before merge":    acknowledgeBeforeMerge,
		"skip the fence":              skipFence,
		"merge inside a transaction":  mergeInsideTransaction,
		"forget a delete":             forgetDelete,
		"NULL for TOAST":              nullForTOAST,
		"fill TOAST by the new key":   fillByNewKey,
		"snapshot without the wait":   snapshotWithoutWait,
		"apply what the snapshot saw": applySeen,
		"apply a held change twice":   keepApplied,
		"join before all is applied":  joinEarly,
		"empty a load table late":     emptyLoad,
		"join at another position":    joinWithoutItsBatch,
		"reset that keeps tables":     resetKeepsTables,
		"two make the slot at a time": makeTogether,
		"forget entries":              forgetLedger,
		"keep what is discarded":      keepDiscarded,
		"discard what is tried again": discardEarly,

		"take a rename for an addition":     renameIsAdd,
		"keep what a dropped column had":    keepOfDropped,
		"read another shape by position":    readByPosition,
		"overlook a rewrite":                overlookRewrite,
		"overlook a gap of publication":     overlookGap,
		"forget a default's value":          forgetMissing,
		"forget that a table is parked":     forgetParked,
		"forget that a rename was begun":    forgetRenaming,
		"stop at a row that cannot be read": unfitStops,
		"merge the last batch only":         mergeTheLast,
		"halt a reset for a parked table":   lookAtAll,
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(2000) { // the rarest is found by one in some hundreds
				if simulate(t, seed, b, &tally{n: map[string]int{}}) {
					t.Logf("found by seed %d", seed)
					return
				}
			}
			t.Error("2,000 schedules did not find it")
		})
	}
}
