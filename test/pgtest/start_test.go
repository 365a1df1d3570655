package pgtest_test

import (
	"testing"

	"rowshift/test/pgtest"
)

func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		s, err := pgtest.New(b.Context(), pgtest.Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
