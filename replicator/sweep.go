package replicator

import (
	"context"
	"time"
)

// sweepEvery is how often the bucket is swept.
const sweepEvery = time.Hour

// sweep deletes what crashed daemons left in the bucket, and what earlier passes of this one
// could not delete, at once and then every sweepEvery: objects of epochs before the pass at
// hand and before the haul that is under way. Those of the pass may have to wait for hours,
// like those of a huge transaction, and a newer daemon's are not its to delete.
func (d *daemon) sweep(ctx context.Context) {
	if d.Sweeper == nil {
		return
	}
	for {
		n, err := d.Sweeper.Sweep(ctx, Epoch(d.loads.needs.Load()))
		if ctx.Err() != nil {
			return
		}
		tell(d.Listener.Swept, Deletion{Objects: n, Err: err})
		if sleep(ctx, sweepEvery) != nil {
			return
		}
	}
}
