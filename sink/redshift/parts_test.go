package redshift

import (
	"cmp"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"rowshift/replicator"
	"rowshift/schema"
)

// somePartitions are n partitions whose OIDs go up by at most step, as made after one another.
func somePartitions(n, step int) []schema.Part {
	random := rand.New(rand.NewPCG(1, 2))
	parts := make([]schema.Part, n)
	oid, xmin := uint32(16384), uint32(700)
	for i := range parts {
		oid += 1 + random.Uint32N(uint32(step))
		xmin += random.Uint32N(9)
		parts[i] = schema.Part{OID: oid, File: oid, XMin: xmin}
	}
	return parts
}

// rewritten gives partitions other files, as VACUUM FULL of one after another does.
func rewritten(parts []schema.Part, step int) []schema.Part {
	random := rand.New(rand.NewPCG(3, 4))
	file := parts[len(parts)-1].OID
	for i := range parts {
		file += 1 + random.Uint32N(uint32(step))
		parts[i].File = file
	}
	return parts
}

// scattered are partitions with numbers by chance, as in an old database.
func scattered(n int) []schema.Part {
	random := rand.New(rand.NewPCG(5, 6))
	parts := make([]schema.Part, n)
	for i := range parts {
		parts[i] = schema.Part{OID: random.Uint32(), File: random.Uint32(), XMin: random.Uint32()}
	}
	slices.SortFunc(parts, func(a, b schema.Part) int { return cmp.Compare(a.OID, b.OID) })
	return parts
}

func TestPartsComeBack(t *testing.T) {
	for name, parts := range map[string][]schema.Part{
		"none":      {},
		"extremes":  {{}, {OID: 1, File: 1<<32 - 1, XMin: 3}, {OID: 1<<32 - 1, File: 1, XMin: 1<<32 - 1}, {OID: 1<<32 - 1}, {OID: 7, XMin: 1}, {OID: 7, File: 7}},
		"new":       somePartitions(500, 12),
		"rewritten": rewritten(somePartitions(500, 12), 3),
		"scattered": scattered(500),
	} {
		b := appendParts(nil, parts)
		got, err := readParts(b)
		if err != nil || !sameParts(got, parts) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		for n := range b {
			if got, err := readParts(b[:n]); err == nil {
				t.Fatalf("%s: %d bytes of %d are taken for %d partitions", name, n, len(b), len(got))
			}
		}
		if _, err := readParts(append(b, 0)); err == nil {
			t.Errorf("%s: a byte too many is taken", name)
		}
	}
	for _, bad := range [][]byte{{0xff, 0xff, 0xff, 0xff, 0x7f}, {1, 1, 0, 0}, {1, 2, 1 + 3, 0}} { // too many; an OID, and a file, below 0
		if got, err := readParts(bad); err == nil {
			t.Errorf("%v is taken for %v", bad, got)
		}
	}
}

// What an earlier layout has packed, partitions and all, is read as before; and what is packed
// now is no JSON to those who do not know it.
func TestPackedDetailOfBefore(t *testing.T) {
	table := replicator.TableState{OID: 1, Shape: keyed().Shape(), Parts: somePartitions(3000, 12)}
	b, err := marshalDetail(table)
	if err != nil {
		t.Fatal(err)
	}
	for _, detail := range []string{packed + pack(b), detailOf(table)} {
		d, err := readDetail(detail)
		if err != nil || !sameParts(d.Parts, table.Parts) || len(d.Shape) != len(table.Shape) {
			t.Errorf("%d bytes: %d partitions come back, %v", len(detail), len(d.Parts), err)
		}
	}
	if now := detailOf(table); !strings.HasPrefix(now, packedApart) || json.Valid([]byte(now)) {
		t.Errorf("packed as %.30q", now)
	}
	for _, bad := range []string{packedApart, packedApart + "x", packedApart + pack(nil), packedApart + pack([]byte{9, '{', '}'}), packedApart + pack([]byte("\x02{}")), packedApart + pack([]byte("\x02{}\x01"))} {
		if d, err := readDetail(bad); err == nil {
			t.Errorf("%q is taken for %+v", bad, d)
		}
	}
}

// The README says how many partitions there is room for.
func TestRoomForPartitions(t *testing.T) {
	for name, test := range map[string]struct {
		parts func(n int) []schema.Part
		fit   int
		whole int // with the transactions that attached them
	}{
		"made one after another":            {func(n int) []schema.Part { return somePartitions(n, 12) }, 90_000, 47_000},
		"made one after another, rewritten": {func(n int) []schema.Part { return rewritten(somePartitions(n, 12), 12) }, 40_000, 28_000},
		"scattered":                         {scattered, 6_000, 3_800},
	} {
		s := replicator.TableState{OID: 1, Name: schema.Name{Schema: "public", Table: "events"}, Shape: composite().Shape(), Parts: test.parts(100_000)}
		u, ok := errors.AsType[*replicator.Unfit](roomFor(s, detailOf(s)))
		if !ok {
			t.Errorf("%s: 100,000 fit", name)
			continue
		}
		t.Log(name, u.Why.Found)
		s.Parts = test.parts(test.fit)
		if err := roomFor(s, detailOf(s)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		s.Parts = test.parts(test.whole)
		if d := packedDetail(s); len(d) > maxDetail {
			t.Errorf("%s: %d with the transactions have %d bytes", name, test.whole, len(d))
		}
	}
}

func sameParts(a, b []schema.Part) bool {
	return slices.EqualFunc(a, b, func(a, b schema.Part) bool { return a.OID == b.OID && a.File == b.File && a.XMin == b.XMin })
}

// The state of a table with ten thousand partitions is written, and comes back.
func TestStateOfManyPartitions(t *testing.T) {
	w := newWorld(t)
	r := w.warehouse(nil)
	w.fence(r)
	m := w.merging()
	m.Checkpoint.Tables = first(keyed()).Tables
	m.Checkpoint.Tables[0].Parts = rewritten(somePartitions(10_000, 100), 100)
	if _, err := r.Merge(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	c, err := r.Checkpoint(t.Context())
	if err != nil || !replicator.SameTables(c.Tables, m.Checkpoint.Tables) {
		t.Errorf("%d partitions come back, %v", len(c.Tables[0].Parts), err)
	}
}

// A table with more partitions than there is room for is parked alone, and nothing is written
// until it is; check and plan say so beforehand.
func TestTooManyPartitions(t *testing.T) {
	w := newWorld(t)
	r, table, other := w.warehouse(nil), keyed(), plain()
	w.fence(r)
	m := w.merging()
	m.Checkpoint.Tables = first(other, table).Tables
	slices.SortFunc(m.Checkpoint.Tables, replicator.ByOID)
	state := m.Checkpoint.Table(table.OID)
	state.Parts = scattered(8000)
	_, err := r.Merge(t.Context(), m)
	u, ok := errors.AsType[*replicator.Unfit](err)
	if !ok || u.OID != table.OID || u.Name != table.Configured || u.Why.Reason != replicator.TableUnfit || !strings.Contains(u.Why.Found, "public.words has 8000 partitions") ||
		!strings.Contains(u.Why.Found, "at most 6") || !strings.Contains(u.Why.Repair, "rowshift resync public.words") {
		t.Fatalf("not parked: %v", err)
	}
	w.unmoved()
	many := *table
	many.Parts = state.Parts
	planned, err := r.Plan(t.Context(), []*schema.Table{&many, other}, replicator.Foreseen{})
	if err != nil || len(planned) < 2 || !strings.HasPrefix(planned[1], "-- public.words is parked: public.words has 8000 partitions") {
		t.Errorf("planned %.200q, %v", planned, err)
	}
	findings := r.Check(t.Context(), []*schema.Table{other, &many}, "")
	if f := findings[len(findings)-1]; f.Verdict != replicator.Failure || !strings.HasPrefix(f.Found, u.Why.Found) || f.Repair != u.Why.Repair {
		t.Errorf("found %+v", f)
	}
	many.Parts = scattered(5000)
	findings = r.Check(t.Context(), []*schema.Table{&many}, "")
	if f := findings[len(findings)-1]; f.Verdict != replicator.Warning || !strings.HasPrefix(f.Found, "5000, too many to remember which transaction") {
		t.Errorf("found %+v", f)
	}
	state.State, state.Parts, state.Why = replicator.Parked, nil, u.Why.Found // as the core does
	if _, err := r.Merge(t.Context(), m); err != nil {
		t.Error(err)
	}
}
