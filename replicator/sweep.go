package replicator

import (
	"context"
	"time"
)

// sweepEvery is how often the bucket is swept.
const sweepEvery = time.Hour

// sweep deletes what crashed daemons left in the bucket, at once and then now and
// then: objects of epochs before this process's first. Its own may wait for hours,
// as a huge transaction's do, and a newer daemon's are not its to delete.
func (d *daemon) sweep(ctx context.Context, first Epoch) {
	if d.Sweeper == nil {
		return
	}
	for {
		n, err := d.Sweeper.Sweep(ctx, first)
		if ctx.Err() != nil {
			return
		}
		tell(d.Listener.Swept, Deletion{Objects: n, Err: err})
		if sleep(ctx, sweepEvery) != nil {
			return
		}
	}
}
