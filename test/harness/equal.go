package harness

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// MustBecomeEqual waits until the warehouse has caught up with the source and
// compares all rows. The source must be at rest.
func (w *World) MustBecomeEqual(t testing.TB, pairs ...Pair) {
	t.Helper()
	if err := w.BecomeEqual(t.Context(), patience, pairs...); err != nil {
		t.Fatal(err)
	}
}

// BecomeEqual waits until pairs, by default the account tables, are equal row for
// row.
func (w *World) BecomeEqual(ctx context.Context, most time.Duration, pairs ...Pair) error {
	if len(pairs) == 0 {
		pairs = AccountPairs
	}
	var last []string
	err := Await(ctx, most, "source and warehouse to be equal", func() (ok bool, err error) {
		last, err = w.Difference(ctx, pairs)
		return len(last) == 0, err
	})
	if err != nil && len(last) > 0 {
		return errors.New(strings.Join(append(last, err.Error()), "\n"))
	}
	return err
}
