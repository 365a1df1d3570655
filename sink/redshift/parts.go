package redshift

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sort"

	"rowshift/replicator"
	"rowshift/schema"
)

// appendParts writes partitions so that they compress well: the numbers of one kind together,
// each as the step from the one before. Partitions that were made one after another have OIDs
// with small steps. The file of one that was never written anew has its OID for a number, and the
// files of those that were written anew one after another go up as their OIDs do. So it is the
// distance of the file from the OID whose steps are written. A file or a transaction that is 0
// is none, and no step.
func appendParts(b []byte, parts []schema.Part) []byte {
	b = binary.AppendUvarint(b, uint64(len(parts)))
	var last int64
	for _, p := range parts {
		b = binary.AppendVarint(b, int64(p.OID)-last)
		last = int64(p.OID)
	}
	for _, column := range partColumns {
		last = 0
		for _, p := range parts {
			is := *column.of(&p)
			if is == 0 {
				b = append(b, 0)
				continue
			}
			n := int64(is) - column.from(p)
			b = binary.AppendUvarint(b, 1+zigzag(n-last))
			last = n
		}
	}
	return b
}

// partColumns are the numbers of a partition beside its OID, and what each is counted from.
var partColumns = []struct {
	of   func(*schema.Part) *uint32
	from func(schema.Part) int64
}{
	{func(p *schema.Part) *uint32 { return &p.File }, func(p schema.Part) int64 { return int64(p.OID) }},
	{func(p *schema.Part) *uint32 { return &p.XMin }, func(schema.Part) int64 { return 0 }},
}

// zigzag writes a number that may be negative as one that is not, small ones as small ones.
func zigzag(n int64) uint64 { return uint64(n<<1) ^ uint64(n>>63) }

var errParts = errors.New("redshift: the partitions cannot be read")

// readParts reads what appendParts wrote.
func readParts(b []byte) ([]schema.Part, error) {
	ok := true
	next := func() uint64 {
		n, length := binary.Uvarint(b)
		if length <= 0 {
			ok = false
			return 0
		}
		b = b[length:]
		return n
	}
	number := func(n int64) uint32 {
		ok = ok && n >= 0 && n <= 1<<32-1
		return uint32(n)
	}
	step := func(n uint64) int64 { return int64(n>>1) ^ -int64(n&1) }
	count := next()
	if count > uint64(len(b)) { // each has a byte at least
		return nil, errParts
	}
	parts := make([]schema.Part, count)
	var last int64
	for i := range parts {
		last += step(next())
		parts[i].OID = number(last)
	}
	for _, column := range partColumns {
		last = 0
		for i := range parts {
			n := next()
			if n == 0 {
				continue
			}
			last += step(n - 1)
			*column.of(&parts[i]) = number(last + column.from(parts[i]))
		}
	}
	if !ok || len(b) > 0 {
		return nil, errParts
	}
	return parts, nil
}

// roomFor returns a *replicator.Unfit for a table whose detail does not fit into its column. That
// is so only with very many partitions, because those of each table have to be remembered: the
// log does not show what is done to them.
func roomFor(t replicator.TableState, detail string) error {
	if len(detail) <= maxDetail || len(t.Parts) == 0 {
		return nil
	}
	all := t.Parts
	most := sort.Search(len(all), func(n int) bool {
		t.Parts = all[:n+1]
		return len(detailOf(t)) > maxDetail
	})
	return &replicator.Unfit{OID: t.OID, Name: t.Name, Why: &replicator.Halt{
		Reason: replicator.TableUnfit,
		Found:  fmt.Sprintf("%v has %d partitions; what rowshift has to remember of them has room for at most %d", t.Name, len(all), most),
		Means:  "the log does not show which partitions come, go or are emptied, and rowshift could not notice it",
		Repair: fmt.Sprintf("detach or merge partitions until there are at most %d, or name in the config, instead of this table, the tables below it that are partitioned again; then %s", most, resyncNamed(t.Name)),
	}}
}

// roomForTable is roomFor a table as it would be remembered by now.
func roomForTable(t *schema.Table) error {
	if len(t.Parts) == 0 {
		return nil
	}
	s := partitioned(t)
	return roomFor(s, detailOf(s))
}

// forgetful reports whether there is room for a table's partitions only without the transactions
// that attached them.
func forgetful(t *schema.Table) bool {
	if len(t.Parts) == 0 {
		return false
	}
	s := partitioned(t)
	return len(packedDetail(s)) > maxDetail && len(detailOf(s)) <= maxDetail
}

// partitioned returns what would be remembered by now of a table that has partitions.
func partitioned(t *schema.Table) replicator.TableState {
	return replicator.TableState{OID: t.OID, Name: t.Configured, Shape: t.Shape(), Heap: t.Heap, Parts: t.Parts}
}
