package replicator

import (
	"context"
	"time"
)

// sweepEvery is how often the bucket is swept.
const sweepEvery = time.Hour

// sweep deletes what crashed daemons left in the bucket, at once and then every sweepEvery:
// objects of epochs before first, which is this process's first. Objects of this process
// may have to wait for hours, like those of a huge transaction, and a newer daemon's are
// not its to delete.
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
