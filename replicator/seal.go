package replicator

import (
	"context"
	"time"
)

// sealIfDue hands the batch over if it is due. A batch that has reached no limit waits, and
// grows, while the sink is busy. With now, it is offered though it may not be due.
func (r *reader) sealIfDue(ctx context.Context, now bool) error {
	switch {
	case r.tablesChange():
		r.changeTables()
		return r.handOver(ctx)
	case !r.batch.Commit || r.batch.End <= r.sealed && r.batch.Changes == 0:
		return nil
	case r.batch.Changes >= r.limits.Rows || r.batchBytes() >= r.limits.Bytes || r.ends():
		return r.handOver(ctx)
	case now || time.Since(r.refusedAt) >= offerEvery && r.due():
		return r.offer(ctx)
	}
	return nil
}

// ends reports whether this is the last batch.
func (r *reader) ends() bool { return r.until > 0 && r.position >= r.until && !r.loading() }

// due reports whether the batch should go as soon as the sink can take it.
func (r *reader) due() bool {
	if r.inside {
		return true // parts of its transaction wait for it in the bucket
	}
	if r.batch.Changes > 0 {
		return r.aged() || r.tail() || r.worth() || r.idle() && r.rested()
	}
	return r.stale()
}

// aged reports whether the batch is old enough to go beside the merge of the one before it,
// but no further ahead: while the warehouse is slow, changes that fold cost it less than
// more batches.
func (r *reader) aged() bool {
	return time.Since(r.began) >= r.limits.MaxAge && r.single()
}

// tail reports whether the batch is what is left of a backlog. Nothing more comes for which
// it would have to wait, so it is staged beside the merges before it. Until the backlog of
// the beginning is over, a pause counts only while the warehouse is idle: the server may
// only have had something else to do.
func (r *reader) tail() bool {
	if r.backlog > r.position {
		return r.paused && r.idle()
	}
	return r.pressed && (r.paused || r.backlog > 0)
}

// mostTables is how many tables a full batch may have and still be rows enough for each: a
// fold costs two objects and the statements of a merge, however few rows are in it.
const mostTables = 250

// worth reports whether the batch is worth a merge of its own before the backlog of the
// beginning is over, so that a warehouse that merges as fast as we read need not rest. If
// the warehouse is idle an eighth of a full batch is enough, and a half beside the merge of
// the one before it. A batch of many tables has to have rows for each.
func (r *reader) worth() bool {
	if r.backlog == 0 || !r.single() || r.batch.Changes < len(r.folds)*(r.limits.Rows/mostTables) {
		return false
	}
	part := 2
	if r.idle() {
		part = 8
	}
	return r.batch.Changes >= r.limits.Rows/part || r.batchBytes() >= r.limits.Bytes/part
}

// single reports whether no more than one batch is on its way into the warehouse.
func (r *reader) single() bool { return r.merged() >= r.before }

// idle reports whether the warehouse has everything that was handed over.
func (r *reader) idle() bool { return !r.inside && r.merged() >= r.sealed }

// rested reports whether the minimum interval since the last seal has passed.
func (r *reader) rested() bool { return time.Since(r.sealedAt) >= r.limits.MinInterval }

// stale reports whether a batch without changes should move the checkpoint, so that the
// slot lets go of log that holds nothing for us.
func (r *reader) stale() bool {
	if !r.idle() {
		return false
	}
	return r.refresh > 0 && time.Since(r.sealedAt) >= r.refresh ||
		r.sealed.Behind(r.position) >= r.refreshBytes
}

// wait returns how long the source may keep silent before the reader has to look at the
// clock; 0 means the source's heartbeat interval.
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
	if left <= 0 {
		return sinkEvery // aged, and the warehouse is two batches behind
	}
	return max(left, time.Millisecond)
}

// offer hands the batch over if the sink is waiting for one.
func (r *reader) offer(ctx context.Context) error {
	sealed := r.seal()
	select {
	case r.out <- r.batch:
		r.handedOver(sealed)
		return r.acknowledge(ctx)
	default:
		r.refusedAt = time.Now()
		return nil
	}
}

// handOver waits until the sink takes the batch, and keeps the slot's connection
// alive meanwhile. This wait is the pipeline's backpressure.
func (r *reader) handOver(ctx context.Context) error {
	tick := time.NewTicker(aliveEvery)
	defer tick.Stop()
	sealed := r.seal()
	for {
		select {
		case r.out <- r.batch:
			r.handedOver(sealed)
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

// seal returns what is to be told of the batch. It is called before the batch is handed
// over, since from then on the batch is the sink's.
func (r *reader) seal() SealedBatch {
	b := r.batch
	sealed := SealedBatch{
		End: b.End, Commit: b.Commit, Transactions: b.Transactions,
		Changes: b.Changes, Bytes: r.batchBytes(),
	}
	for _, f := range b.Folds {
		sealed.Rows += f.Len()
	}
	if b.Changes > 0 {
		sealed.Age = time.Since(r.began)
	}
	return sealed
}

// handedOver opens the next batch after the sink has taken one.
func (r *reader) handedOver(sealed SealedBatch) {
	r.tablesChanged(r.batch)
	r.sealedAt = time.Now()
	if r.position >= r.backlog {
		r.backlog = 0
	}
	full := sealed.Changes+r.tx.changes.length >= r.limits.Rows || sealed.Bytes+r.tx.size() >= r.limits.Bytes
	r.pressed = r.inside || full || r.backlog > 0
	r.inside = !sealed.Commit
	if sealed.Commit {
		r.before, r.sealed = r.sealed, sealed.End
	}
	told := r.batch.told
	r.open()
	tell(r.listener.Sealed, sealed)
	close(told)
}
