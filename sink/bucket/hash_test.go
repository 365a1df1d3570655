package bucket

import (
	"strings"
	"testing"

	"rowshift/replicator"
	"rowshift/schema"
)

// hashed is a table of people whose keys and biographies are hashed. A row whose photo is
// malformed is refused.
func hashed(t testing.TB) *schema.Table {
	t.Helper()
	k, err := schema.NewHashKey([]byte("an example key of 32 bytes or so"))
	if err != nil {
		t.Fatal(err)
	}
	plain := person(t)
	r := schema.Relation{OID: plain.OID, Name: plain.Name, Kind: 'r', Persistence: 'p', Identity: schema.IdentityIndex, Replica: []int16{2, 1}}
	for _, c := range plain.Columns {
		r.Attributes = append(r.Attributes, c.Attribute)
	}
	table, err := schema.Choice{
		All: true, Hash: []string{"tenant", "bio"}, HashKey: k,
		Rules: map[string]map[string]schema.Rule{"photo": {schema.Malformed: schema.Quarantine}},
	}.Resolve(r, 15)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// Promise 7: whatever is written of a row has the hash in place of the value. That holds for
// rows that are loaded, folded, held, gone and filled, for the ledger, and for refused rows.
func TestWhateverIsWrittenIsHashed(t *testing.T) {
	const raw, hash = "ada@example.com", "b00c4ef80caf3ea992b09063964e39e0db3765ae28544bdcb327feec7204d926"
	l := newLines(hashed(t), "nullmark", []int{2})
	key, row := tuple(raw, 1), tuple(1, raw, raw, nil)
	moved := replicator.Row{Key: key, New: tuple(1, raw, unchanged, nil), Origin: tuple(raw, 2)}
	refused := replicator.Row{Key: key, New: tuple(1, raw, raw, "no photo")}
	why := &unfit{column: 3, kind: schema.Malformed, size: 8}
	for name, c := range map[string]struct {
		write func() ([]byte, error)
		times int
	}{
		"loaded":        {func() ([]byte, error) { return l.full(nil, row) }, 2},
		"folded":        {func() ([]byte, error) { return l.folded(nil, replicator.Row{Key: key, New: row}) }, 2},
		"filled":        {func() ([]byte, error) { return l.folded(nil, moved) }, 2},
		"gone":          {func() ([]byte, error) { return l.folded(nil, replicator.Row{Key: key}) }, 1},
		"held":          {func() ([]byte, error) { return l.held(nil, 1, 2, moved, false) }, 2},
		"in the ledger": {func() ([]byte, error) { return l.entry(nil, 0, 0, refused, entry{column: 3, kind: why.kind}) }, 1},
		"given as text": {func() ([]byte, error) { return l.given(nil, key), nil }, 1},
		"kept":          {func() ([]byte, error) { return l.kept(nil, refused, why), nil }, 3},
	} {
		got, err := c.write()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(string(got), raw) || strings.Count(string(got), hash) != c.times {
			t.Errorf("%s: wrote %s, with the hash in it %d times where %d are due", name, got, strings.Count(string(got), hash), c.times)
		}
	}
	if _, err := l.full(nil, refused.New); err == nil {
		t.Error("a photo that is none fits: what is kept was never refused")
	}
}
