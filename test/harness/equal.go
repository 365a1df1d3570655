package harness

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// MustBecomeEqual waits until the warehouse has caught up with the source and compares
// all rows. Nothing may write to the source meanwhile.
func (w *World) MustBecomeEqual(t testing.TB, pairs ...Pair) {
	t.Helper()
	if err := w.BecomeEqual(t.Context(), patience, pairs...); err != nil {
		t.Fatal(err)
	}
}

// BecomeEqual waits until pairs, by default the account tables, are equal row for row.
func (w *World) BecomeEqual(ctx context.Context, most time.Duration, pairs ...Pair) error {
	if len(pairs) == 0 {
		pairs = AccountPairs
	}
	var last []string
	behind := 0 // index of the pair that differed last, which is compared first
	err := Await(ctx, most, "source and warehouse to be equal", func() (ok bool, err error) {
		for n := range pairs {
			at := (behind + n) % len(pairs)
			if last, err = w.Difference(ctx, pairs[at:at+1]); err != nil || len(last) > 0 {
				behind = at
				return false, err
			}
		}
		return true, nil
	})
	if err != nil && len(last) > 0 {
		return errors.New(strings.Join(append(last, err.Error()), "\n"))
	}
	return err
}
