package schema

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Content is what a type's texts are made of beside a row's own: the labels of an enum and
// the attributes of a composite, those too of what the type is an array, a domain, a range
// or a composite of. ALTER TYPE changes them, and so the text of every value, and writes no
// row.
// https://www.postgresql.org/docs/current/sql-altertype.html
type Content []Piece

// Piece is one of them.
type Piece struct {
	OID  uint32 // of the label, which no new name changes; 0: attributes
	Text string // the label, or the attributes with their types
}

// digest is what is remembered of the content: the highest label's OID, and a hash of all
// up to it. Labels that are added do not change that, for they have later OIDs. Where the
// counter of OIDs began again they may not, and then are a difference that is none.
func (c Content) digest() string {
	if len(c) == 0 {
		return ""
	}
	last := slices.MaxFunc(c, func(a, b Piece) int { return cmp.Compare(a.OID, b.OID) }).OID
	return c.upTo(last)
}

// upTo is the digest of what was there when that label was the last.
func (c Content) upTo(last uint32) string {
	sorted := slices.SortedFunc(slices.Values(c), func(a, b Piece) int {
		return cmp.Or(cmp.Compare(a.OID, b.OID), strings.Compare(a.Text, b.Text))
	})
	hash := sha256.New()
	for _, p := range slices.Compact(sorted) {
		if p.OID <= last {
			fmt.Fprintf(hash, "%d %q\n", p.OID, p.Text)
		}
	}
	return fmt.Sprintf("%d:%s", last, hex.EncodeToString(hash.Sum(nil)[:8]))
}

// keeps tells whether all that a digest is of is there as it was.
func (c Content) keeps(digest string) bool {
	label, _, _ := strings.Cut(digest, ":")
	last, err := strconv.ParseUint(label, 10, 32)
	return err == nil && c.upTo(uint32(last)) == digest
}
