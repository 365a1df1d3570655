package replicator_test

import (
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"rowshift/replicator"
)

// move makes another cluster the source: its tables have other OIDs and rows, its log
// begins elsewhere, mostly below the positions of the one before, and it has no slot.
// Nobody may be at work.
func (w *world) move() {
	w.mu.Lock()
	s := &w.source
	s.system, s.least = s.system+"0", 200
	s.slot, s.maker, s.log, s.snapshots, s.now = nil, nil, nil, nil, rows{}
	s.flushed = replicator.LSN(10 + w.rng.IntN(1000))
	for _, b := range w.warehouse.books {
		clear(b.ledger) // its positions are of the other log
	}
	for i, t := range s.tables {
		v := t.anew(s.least+uint32(i), t.versions[0].rel.Identity, s.xid)
		if w.publicationIsTheirs() {
			s.published++
			v.row = replicator.PublicationID{OID: 100 + s.published, XMin: s.xid}
		}
		t.versions = []dated{{version: v}}
	}
	w.mu.Unlock()
	for n := 0; n < 4 || len(s.log) == 0; n++ { // to write can come to nothing
		w.write(0)
	}
}

// A daemon halts, and changes nothing, if its source has become another cluster. The reset
// that follows may be killed anywhere: the tables are then loaded from the new cluster into
// the targets that they had, and once the slot is the new cluster's nothing is known by the
// old OIDs.
func TestAResetOntoAnotherCluster(t *testing.T) {
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, 2*seed, 0.01, noBug, &tally{n: map[string]int{}})
			first := w.begin(t.Context())
			for range 10 {
				w.nap("write", 20*time.Second)
				w.write(0)
			}
			time.Sleep(time.Minute)
			end(t, first)
			w.move()
			was := *w.warehouse.checkpoint
			l := w.begin(t.Context())
			time.Sleep(time.Minute)
			end(t, l)
			if now := *w.warehouse.checkpoint; l.node.halt != replicator.SourceChanged || !reflect.DeepEqual(now, was) {
				t.Errorf("seed %d: halted for %q, with the checkpoint %+v", seed, l.node.halt, now)
			}
			for range 3 {
				l := w.beginWith(t.Context(), "moved")
				w.nap("kill", 30*time.Second)
				w.write(0)
				l.node.kill()
				end(t, l)
			}
			w.mu.Lock()
			w.p = 0
			w.mu.Unlock()
			l = w.beginWith(t.Context(), "moved")
			time.Sleep(11 * time.Minute)
			end(t, l)
			w.settled(seed)
			if cp := w.warehouse.checkpoint; cp.System != w.source.system || w.warehouse.resets["moved"] != "done" {
				t.Errorf("seed %d: %q is %s", seed, cp.System, w.warehouse.resets["moved"])
			}
		})
	}
}

// end stops a daemon and waits until it is gone.
func end(t *testing.T, l *life) {
	t.Helper()
	l.stop()
	if err := <-l.done; err != nil {
		t.Error(err)
	}
}
