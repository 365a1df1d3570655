package replicator

import (
	"context"
	"time"
)

// sealIfDue hands the batch over if it is due. A batch that has reached no limit
// waits, and grows, while the sink is busy.
func (r *reader) sealIfDue(ctx context.Context, now bool) error {
	switch {
	case r.turns():
		r.turn()
		return r.handOver(ctx)
	case !r.batch.Commit || r.batch.End <= r.sealed && r.batch.Changes == 0:
		return nil
	case r.batch.Changes >= r.limits.Rows || r.bytes+r.batch.arena.used >= r.limits.Bytes || r.ends():
		return r.handOver(ctx)
	case now || r.due():
		return r.offer(ctx)
	}
	return nil
}

// ends tells whether this is the last batch.
func (r *reader) ends() bool { return r.until > 0 && r.position >= r.until && !r.loading() }

// due tells whether the batch should go as soon as the sink can take it.
func (r *reader) due() bool {
	if r.inside {
		return true // parts of its transaction wait for it in the bucket
	}
	if r.batch.Changes > 0 {
		return time.Since(r.began) >= r.limits.MaxAge || r.tail() || r.idle() && r.rested()
	}
	return r.stale()
}

// tail tells whether the batch is what is left of a backlog: nothing more comes for which
// it would have to wait, so it is staged beside the merges before it.
func (r *reader) tail() bool {
	return r.pressed && (r.paused || r.backlog > 0 && r.position >= r.backlog)
}

// idle tells whether the warehouse has everything that was handed over.
func (r *reader) idle() bool { return !r.inside && r.merged() >= r.sealed }

// rested tells whether the minimum interval since the last seal has passed.
func (r *reader) rested() bool { return time.Since(r.sealedAt) >= r.limits.MinInterval }

// stale tells whether a batch without changes should move the checkpoint, so that
// the slot lets go of log that holds nothing for us.
func (r *reader) stale() bool {
	if !r.idle() {
		return false
	}
	return r.refresh > 0 && time.Since(r.sealedAt) >= r.refresh ||
		r.sealed.Behind(r.position) >= r.refreshBytes
}

// wait returns how long the source may keep silent before the reader has to look
// at the clock; 0 for its heartbeat interval.
func (r *reader) wait() time.Duration {
	switch {
	case r.batch.Commit && r.batch.End > r.sealed && r.due():
		return sinkEvery // the sink was not ready for it
	case !r.batch.Commit || r.batch.Changes == 0:
		if r.acked < r.sealed {
			return aliveEvery
		}
		return 0
	}
	left := r.limits.MaxAge - time.Since(r.began)
	if r.pressed {
		left = min(left, pauseAfter)
	}
	if rest := r.limits.MinInterval - time.Since(r.sealedAt); r.idle() {
		left = min(left, rest)
	} else if rest < left {
		left = sinkEvery // the sink may be done at any moment
	}
	return max(left, time.Millisecond)
}

// offer hands the batch over if the sink is waiting for one.
func (r *reader) offer(ctx context.Context) error {
	select {
	case r.out <- r.batch:
		r.handedOver()
		return r.acknowledge(ctx)
	default:
		return nil
	}
}

// handOver waits until the sink takes the batch, and keeps the slot's connection
// alive meanwhile. This wait is the pipeline's backpressure.
func (r *reader) handOver(ctx context.Context) error {
	tick := time.NewTicker(aliveEvery)
	defer tick.Stop()
	for {
		select {
		case r.out <- r.batch:
			r.handedOver()
			return r.acknowledge(ctx)
		case <-tick.C:
			if err := r.acknowledge(ctx); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// handedOver opens the next batch behind one that the sink has taken.
func (r *reader) handedOver() {
	b := r.batch
	r.turned(b)
	sealed := SealedBatch{
		End: b.End, Commit: b.Commit, Transactions: b.Transactions,
		Changes: b.Changes, Bytes: r.bytes + b.arena.used,
	}
	for _, f := range b.Folds {
		sealed.Rows += f.Len()
	}
	if b.Changes > 0 {
		sealed.Age = time.Since(r.began)
	}
	r.sealedAt = time.Now()
	if r.position >= r.backlog {
		r.backlog = 0
	}
	r.pressed = r.inside || r.reached() || r.backlog > 0
	r.inside = !b.Commit
	if b.Commit {
		r.sealed = b.End
	}
	r.open()
	tell(r.listener.Sealed, sealed)
}
