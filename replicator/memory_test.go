package replicator

import (
	"context"
	"encoding/binary"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rowshift/schema"
)

// TestATransactionLargerThanTheBudget reads a transaction of three times the budget, and a
// second one that changes the same rows, while staging always takes longer than reading.
// Whenever the reader can go no further, it looks at the bytes that are counted, and at the
// heap.
func TestATransactionLargerThanTheBudget(t *testing.T) {
	const budget = 32 << 20
	const slack = 2 << 20 // one row more, the room that grew by doubling, and what the test itself has
	synctest.Test(t, func(t *testing.T) {
		table := &schema.Table{OID: 1, Target: "t", Key: []int{0}, Columns: make([]schema.Column, 2)}
		w := &measured{table: table, changes: 400_000}
		o := &Options{Stager: w, Warehouse: w, Limits: Limits{Bytes: budget, Rows: math.MaxInt}, Once: true}
		o.EnsureDefaults()
		opened := Opened{End: w.end(), Tables: []Published{{Table: table}}}
		cp := Checkpoint{LSN: 1, Tables: []TableState{{OID: 1, State: Live}}}
		p := newPipeline(o, w, opened, cp, &loads{}, &refusals{})
		w.reader = p.reader
		w.before = inUse()
		if err := p.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if w.staged != 2*w.changes || w.merges != 2 {
			t.Fatalf("%d changes were staged of %d, in %d merges", w.staged, 2*w.changes, w.merges)
		}
		if w.parts < 2*5 || w.read < 6*budget {
			t.Errorf("%d parts of %d MiB", w.parts, w.read>>20)
		}
		if most := w.most.Load(); most > budget/4*3+slack {
			t.Errorf("%d MiB were held of %d", most>>20, budget/4*3>>20)
		}
		if w.heap > budget/4*3+slack {
			t.Errorf("%d MiB of heap were in use, and the budget for them is %d", w.heap>>20, budget/4*3>>20)
		}
		t.Logf("%d MiB in %d parts; %d MiB were held at most, %d MiB of heap in use", w.read>>20, w.parts, w.most.Load()>>20, w.heap>>20)
	})
}

// TestABatchIsToldInOrder shows that a listener is told that a batch is sealed, then that
// it is staged, and then that it is merged, however slow the listener is.
func TestABatchIsToldInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := &schema.Table{OID: 1, Target: "t", Key: []int{0}, Columns: make([]schema.Column, 2)}
		w := &measured{table: table, changes: 10}
		var mu sync.Mutex
		var heard []string
		hear := func(what string, after time.Duration) {
			_ = sleep(t.Context(), after) // whoever can go on meanwhile does
			mu.Lock()
			defer mu.Unlock()
			heard = append(heard, what)
		}
		o := &Options{Stager: w, Warehouse: w, Once: true, Listener: Listener{
			Sealed: func(b SealedBatch) { hear("sealed "+b.End.String(), time.Second) },
			Staged: func(b StagedBatch) { hear("staged "+b.Staged.End.String(), time.Millisecond) },
			Merged: func(b MergedBatch) { hear("merged "+b.Merge.Checkpoint.LSN.String(), 0) },
		}}
		o.EnsureDefaults()
		p := newPipeline(o, w, Opened{End: w.end(), Tables: []Published{{Table: table}}}, Checkpoint{LSN: 1, Tables: []TableState{{OID: 1, State: Live}}}, &loads{}, &refusals{})
		w.reader = p.reader
		if err := p.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i := 0; i+2 < len(heard); i += 3 {
			_, end, _ := strings.Cut(heard[i], " ")
			if got := heard[i : i+3]; !slices.Equal(got, []string{"sealed " + end, "staged " + end, "merged " + end}) {
				t.Errorf("heard in the order %v", got)
			}
		}
		if len(heard) == 0 || len(heard)%3 != 0 {
			t.Errorf("heard of %v", heard)
		}
	})
}

// inUse returns the bytes of heap that are in use after garbage collection, unused chunks
// included.
func inUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse)
}

// measured is a source of two large transactions, and the stager and the warehouse
// behind it.
type measured struct {
	Stager
	Warehouse
	table   *schema.Table
	reader  *reader
	changes int

	at      int // changes told
	told    int // since a transaction began, with its ends
	row     Tuple
	read    int
	staging atomic.Int64
	most    atomic.Int64

	before, heap          int64
	staged, parts, merges int
}

func (m *measured) end() LSN { return LSN(10 * (2*m.changes + 1)) }

func (m *measured) Next(ctx context.Context, wait time.Duration) (Change, error) {
	r := m.reader
	if held := m.staging.Load() + int64(r.bytes+r.batch.arena.used+r.tx.size()); held > m.most.Load() {
		m.most.Store(held)
	}
	lsn := LSN(10 * (m.at + 1))
	switch m.told++; {
	case m.at == 2*m.changes && m.told == 1:
		m.told = 0
		return Change{Op: Mark, LSN: m.end()}, sleep(ctx, wait)
	case m.told == 1:
		return Change{Op: Begin, LSN: lsn, XID: 7}, nil
	case m.told == m.changes+2:
		m.told = 0
		return Change{Op: Commit, LSN: lsn}, nil
	}
	var key [8]byte
	binary.BigEndian.PutUint64(key[:], uint64(m.at%m.changes))
	var value [250]byte
	m.row = m.row[:0].Append(Value{Kind: Text, Text: key[:]}).Append(Value{Kind: Text, Text: value[:250-m.at%2]})
	m.read += len(m.row)
	m.at++
	return Change{Op: Update, Table: m.table, New: m.row}, nil
}

func (m *measured) Acknowledge(context.Context, LSN) error { return nil }
func (m *measured) Close() error                           { return nil }

// Stage takes so long that the reader has gone as far as it can.
func (m *measured) Stage(_ context.Context, _ Epoch, b *Batch) (*Staged, error) {
	size := b.arena.used
	for _, f := range b.Folds {
		size += f.size()
	}
	m.staging.Store(int64(size))
	synctest.Wait()
	m.heap = max(m.heap, inUse()-m.before)
	m.staging.Store(0)
	m.staged += b.Changes
	m.parts++
	return &Staged{End: b.End, Commit: b.Commit, Changes: b.Changes}, nil
}

func (m *measured) Discard(context.Context, []string) error { return nil }

func (m *measured) Prepare(context.Context, *Staged) error { return nil }

func (m *measured) Merge(_ context.Context, merge *Merge) (Merged, error) {
	m.merges++
	return Merged{}, nil
}
