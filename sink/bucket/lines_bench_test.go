package bucket

import (
	"strings"
	"testing"

	"rowshift/replicator"
)

// BenchmarkQuoting writes a value of many quotes, and one as long without any.
func BenchmarkQuoting(b *testing.B) {
	for name, value := range map[string]string{
		"quotes": strings.Repeat(`"k": "v", `, 40),
		"none":   strings.Repeat(`'k': 'v', `, 40),
	} {
		b.Run(name, func(b *testing.B) {
			l := newLines(person(b), "null0123456789abcdef", nil)
			row := replicator.Row{Key: tuple("acme", 4711), New: tuple(4711, "acme", value, nil)}
			dst, err := l.folded(nil, row)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(dst)))
			b.ReportAllocs()
			for b.Loop() {
				if dst, err = l.folded(dst[:0], row); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
