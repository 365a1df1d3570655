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

// Content is what the texts of a type's values depend on besides the rows: the labels of an
// enum and the attributes of a composite. Those of types count too that the type is an
// array, a domain, a range or a composite of. ALTER TYPE changes them, and so the text of
// every value, without writing any row.
// https://www.postgresql.org/docs/current/sql-altertype.html
type Content []Piece

// Piece is one label of a Content, or the attributes of one composite.
type Piece struct {
	OID  uint32 // of the label, which keeps it when it is renamed; 0: attributes
	Text string // the label, or the attributes with their types
}

// digest returns what is remembered of the content: the highest OID of a label, and a hash
// of everything up to it. Labels that are added later have higher OIDs, so the digest still
// holds (see keeps). Once the counter of OIDs has wrapped around they may have lower ones,
// which looks like a difference though there is none.
func (c Content) digest() string {
	if len(c) == 0 {
		return ""
	}
	last := slices.MaxFunc(c, func(a, b Piece) int { return cmp.Compare(a.OID, b.OID) }).OID
	return c.upTo(last)
}

// upTo returns the digest as of when the label with that OID was the last.
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

// keeps reports whether everything that a digest is of is still there as it was.
func (c Content) keeps(digest string) bool {
	label, _, _ := strings.Cut(digest, ":")
	last, err := strconv.ParseUint(label, 10, 32)
	return err == nil && c.upTo(uint32(last)) == digest
}
