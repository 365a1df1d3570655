package replicator

import (
	"context"
	"slices"
	"time"
)

// leaveFor is how long the end of a pass, or of a haul that is given up, may take to delete
// what it leaves in the bucket. What is still there by then is swept.
const leaveFor = 5 * time.Second

// objects returns the objects that the merge of a batch reads.
func (s *Staged) objects() (all []string) {
	for _, f := range s.Folds {
		all = append(append(all, f.Files.Objects...), f.Ledger.Objects...)
	}
	return all
}

// discardLater hands the objects of merged batches to discard. If that is far behind, they
// wait for the next merge.
func (p *pipeline) discardLater(staged []*Staged) {
	for _, s := range staged {
		p.over = append(p.over, s.objects()...)
	}
	if len(p.over) == 0 {
		return
	}
	select {
	case p.done <- p.over:
		p.over = nil
	default:
	}
}

// discard deletes the objects of merged batches. If that fails, it costs nothing but room
// in the bucket.
func (p *pipeline) discard(ctx context.Context) error {
	for objects := range p.done {
		err := ctx.Err()
		if err == nil {
			err = p.Stager.Discard(ctx, objects)
		}
		if ctx.Err() != nil {
			p.late = append(p.late, objects...) // to delete what is gone does no harm
			continue
		}
		tell(p.Listener.Discarded, Deletion{Objects: len(objects), Err: err})
	}
	return nil
}

// leave deletes what the pass has put into the bucket and does not need any more, once all
// of its goroutines have ended. That includes the batches that it has not merged: the next
// pass stages them anew, so that a stream which keeps breaking inside a huge transaction
// would fill the bucket.
//
// A merge that failed may have been committed all the same, and the rows that it refused
// are then in quarantine, so those are never deleted. Its other objects are left to the next
// pass, whose fence waits for the transaction to end.
func (p *pipeline) leave(ctx context.Context) {
	objects := slices.Concat(p.over, p.late)
	rest := p.andStaged(p.pending)
	if p.unsent != nil {
		rest = append(rest, p.unsent)
	}
	for _, s := range rest {
		if s.applied {
			p.unsure = append(p.unsure, s.objects()...)
			continue
		}
		objects = slices.Concat(objects, s.objects(), s.Kept)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveFor)
	defer cancel()
	p.discardNow(ctx, objects)
}

// leave deletes what the haul has put into the bucket for tables that it has not loaded,
// once nobody works for it any more. Each try of a load writes its own files.
func (h *haul) leave(ctx context.Context) {
	var objects []string
	for _, t := range h.tables {
		if !t.discarded {
			objects = slices.Concat(objects, t.objects())
		}
	}
	if ctx.Err() != nil { // it was given up, and somebody waits for that
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveFor)
		defer cancel()
		ctx = within
	}
	h.discardNow(ctx, objects)
}

// objects returns what is in the bucket for the load of a table and is needed by nobody once
// the load is over. If the load may be remembered, the rows that it refused will be in
// quarantine, so they are left out.
func (t *tableLoad) objects() (all []string) {
	switch {
	case t.files == nil:
		return nil
	case !t.remembered:
		return t.files.Objects()
	}
	for _, f := range t.staged {
		all = slices.Concat(all, f.Objects, f.Ledger.Objects)
	}
	return all
}

// discard deletes what is in the bucket for the load, which is over. If that was cut off, it is
// left to the end of the haul: to delete what is gone does no harm.
func (t *tableLoad) discard(ctx context.Context) {
	t.haul.discardNow(ctx, t.objects())
	t.discarded = ctx.Err() == nil
}

// discardNow deletes objects, and tells of that.
func (o *Options) discardNow(ctx context.Context, objects []string) {
	if len(objects) > 0 {
		err := o.Stager.Discard(ctx, objects)
		tell(o.Listener.Discarded, Deletion{Objects: len(objects), Err: err})
	}
}
