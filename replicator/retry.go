package replicator

import (
	"context"
	"math/rand/v2"
	"time"
)

// wait returns how long to wait before try n, counted from 0: a random time up to a bound
// that doubles, so that many that failed together do not come back together.
func (b Backoff) wait(n int) time.Duration {
	bound := b.Max
	if b.Min < b.Max>>n { // Min<<n may be more than a Duration holds
		bound = b.Min << n
	}
	return time.Duration(rand.Int64N(int64(bound))) + 1
}

// sleep waits for d, or returns ctx's error once it is done.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// again repeats a step until it succeeds, fails in a way that may have left something
// behind, or ctx is done; with Once, Tries times at most.
func again(ctx context.Context, o *Options, step string, do func() error) error {
	for n := 0; ; n++ {
		err := do()
		if err == nil || !Retryable(err) || ctx.Err() != nil || o.Once && n+1 >= o.Tries {
			return err
		}
		wait := o.Backoff.wait(n)
		tell(o.Listener.Retried, Retry{Step: step, Cause: err, Wait: wait})
		if sleep(ctx, wait) != nil {
			return err
		}
	}
}
