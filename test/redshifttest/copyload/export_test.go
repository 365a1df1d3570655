package copyload

import (
	"slices"
	"testing"
)

// CheckCuts cuts off the first row of text from every prefix of it.
func CheckCuts(t *testing.T, text string) {
	t.Helper()
	p := newSplitter(&Spec{Format: CSV, Delimiter: ',', Quote: '"'})
	cutOff := func(b string, last bool) (int, cut, []string) {
		n, state := p.split([]byte(b), last)
		var fields []string
		if state == whole {
			for _, f := range p.fields {
				fields = append(fields, string(f))
			}
		}
		return n, state, fields
	}
	n, state, fields := cutOff(text, true)
	for i := range len(text) + 1 {
		gotN, gotState, gotFields := cutOff(text[:i], false)
		if gotState == needsMore {
			if i > n {
				t.Errorf("%q: %d bytes are not enough for a row of %d", text, i, n)
			}
			continue
		}
		if gotN != n || gotState != state || !slices.Equal(gotFields, fields) {
			t.Errorf("%q: from %d bytes %d %v %q, from all %d %v %q", text, i, gotN, gotState, gotFields, n, state, fields)
		}
	}
}
