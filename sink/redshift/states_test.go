package redshift

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"rowshift/replicator"
	"rowshift/schema"
)

// manyStates are the states of live tables.
func manyStates(n int) []replicator.TableState {
	shape := first(composite()).Tables[0].Shape
	all := make([]replicator.TableState, n)
	for i := range all {
		name := fmt.Sprintf("t%05d", i)
		all[i] = replicator.TableState{OID: uint32(i + 1), Name: schema.Name{Schema: "public", Table: name}, Target: name, State: replicator.Live, Shape: slices.Clone(shape)}
	}
	return all
}

// A merge writes nothing for tables whose states did not change, however many there are, and
// only one row for a table whose state did.
func TestIdleTablesAreNotWritten(t *testing.T) {
	m := metadata("rowshift")
	all := manyStates(10_000)
	if got := m.writeStates(all, all, detailOf); len(got) > 0 {
		t.Errorf("%d statements for tables that are as they were, such as %.200s", len(got), got[0])
	}
	if n := testing.AllocsPerRun(10, func() { m.writeStates(all, slices.Clip(all), detailOf) }); n > 0 {
		t.Errorf("%v allocations for 10,000 tables that are as they were", n)
	}
	now := slices.Clone(all)
	now[5000].State = replicator.Parked
	got := m.writeStates(all, now, detailOf)
	if len(got) != 2 || !strings.HasSuffix(got[0], `WHERE "source_oid" IN (5001)`) || strings.Count(got[1], "'t0") != 2 {
		t.Errorf("one of 10,000 changed: %.300q", got)
	}
	if got := m.writeStates(nil, all, detailOf); len(got) != 1+10_000/mostTogether || strings.Contains(got[0], "WHERE") {
		t.Errorf("%d statements for 10,000 tables of which nothing is known", len(got))
	} else if longest := len(slices.MaxFunc(got, func(a, b string) int { return len(a) - len(b) })); longest > 1<<20 {
		t.Errorf("a statement of %d bytes", longest)
	}
}

// States whose literals are long are written by several statements, each far below the 16 MB that
// Redshift takes, and each state by one of them.
func TestLongStatesAreSplit(t *testing.T) {
	m := metadata("rowshift")
	all := manyStates(mostTogether)
	for i := range all {
		all[i].Why = strings.Repeat(`\'`, 15_000) // JSON doubles the backslash, and the literal all three
	}
	got, written := m.writeStates(nil, all, detailOf), 0
	for _, sql := range got[1:] {
		if written += strings.Count(sql, "'public'"); len(sql) > togetherBytes+1000 {
			t.Errorf("a statement of %d bytes", len(sql))
		}
	}
	if written != len(all) || len(got) > 1+len(all)/8 {
		t.Errorf("%d states of %d, in %d statements", written, len(all), len(got))
	}
}

func TestStatesThatChanged(t *testing.T) {
	was := manyStates(5)
	for _, c := range []struct {
		name          string
		change        func([]replicator.TableState) []replicator.TableState
		gone, changed string
	}{
		{"none", func(s []replicator.TableState) []replicator.TableState { return s }, "[]", "[]"},
		{"first", func(s []replicator.TableState) []replicator.TableState { s[0].Why = "x"; return s }, "[1]", "[1]"},
		{"what it points to is equal", func(s []replicator.TableState) []replicator.TableState {
			s[0].Shape = slices.Clone(s[0].Shape)
			return s
		}, "[]", "[]"},
		{"what it points to", func(s []replicator.TableState) []replicator.TableState { s[4].Shape = s[4].Shape[1:]; return s }, "[5]", "[5]"},
		{"removed", func(s []replicator.TableState) []replicator.TableState { return slices.Delete(s, 1, 2) }, "[2]", "[]"},
		{"added", func(s []replicator.TableState) []replicator.TableState {
			return append(s, replicator.TableState{OID: 9})
		}, "[9]", "[9]"},
		{"all", func([]replicator.TableState) []replicator.TableState { return nil }, "[1 2 3 4 5]", "[]"},
		{"no OID", func(s []replicator.TableState) []replicator.TableState {
			return slices.Insert(s, 0, replicator.TableState{})
		}, "all", "[]"},
	} {
		gone, changed := changedStates(was, c.change(slices.Clone(was)))
		told, oids := fmt.Sprint(gone), []uint32{}
		if gone == nil {
			told = "all"
		}
		for _, s := range changed {
			oids = append(oids, s.OID)
		}
		if told != c.gone || fmt.Sprint(oids) != c.changed {
			t.Errorf("%s: gone %v, changed %v", c.name, told, oids)
		}
	}
}

// A merge that writes the states of thousands of tables, and one that changes one of them, leave
// in the warehouse what they were given.
func TestManyStatesComeBack(t *testing.T) {
	w := newWorld(t)
	r := w.warehouse(nil)
	w.fence(r)
	tables := manyStates(2*mostTogether + 3)
	for _, change := range []func(){func() {}, func() { tables = slices.Delete(tables, 7, 300); tables[0].State = replicator.Parked }, func() { tables = nil }} {
		tables = slices.Clone(tables)
		change()
		m := w.merging()
		m.Checkpoint.Tables = tables
		if _, err := r.Merge(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		c, err := r.Checkpoint(t.Context())
		if err != nil || !replicator.SameTables(c.Tables, tables) && len(tables) > 0 || len(c.Tables) != len(tables) {
			t.Errorf("%d tables of %d, %v", len(c.Tables), len(tables), err)
		}
	}
	m := w.merging()
	for _, name := range []string{"b", "c", "a"} { // none is in the source, and rows have no order
		m.Checkpoint.Tables = append(m.Checkpoint.Tables, replicator.TableState{Name: schema.Name{Schema: "public", Table: name}, State: replicator.Parked})
	}
	if _, err := r.Merge(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	c, err := r.Checkpoint(t.Context())
	if err != nil || !slices.IsSortedFunc(c.Tables, replicator.ByOID) || len(c.Tables) != 3 {
		t.Errorf("tables that have no OID come back as %+v, %v", c.Tables, err)
	}
}

// BenchmarkStates measures what the states of 10,000 tables cost a merge that changes none, one
// that changes one, and the first one, which writes all.
func BenchmarkStates(b *testing.B) {
	m := metadata("rowshift")
	was := manyStates(10_000)
	one := slices.Clone(was)
	one[5000].State = replicator.Parked
	for _, c := range []struct {
		name     string
		was, now []replicator.TableState
	}{{"none", was, was}, {"one", was, one}, {"all", nil, was}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = m.writeStates(c.was, c.now, detailOf)
			}
		})
	}
}

// BenchmarkMergeSQL writes the statements that apply a fold of each of 200 tables.
func BenchmarkMergeSQL(b *testing.B) {
	target, stage := in("userdata", "accounts"), temporary("stage_1")
	f := replicator.StagedFold{Table: plain(), Unchanged: []int{3}}
	b.ReportAllocs()
	for b.Loop() {
		for range 200 {
			_ = createStage(stage, f)
			_ = fill(stage, target, f)
			_ = unfilled(stage, f)
			_ = deleteKeys(target, stage, f.Table)
			_ = insertStaged(target, stage, f.Table)
		}
	}
}

// BenchmarkMoveCheckpoint is the statement that moves the checkpoint with each merge.
func BenchmarkMoveCheckpoint(b *testing.B) {
	m, c := metadata("rowshift"), first(plain())
	b.ReportAllocs()
	for b.Loop() {
		_ = m.moveCheckpoint(c, c.LSN)
	}
}
