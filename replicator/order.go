package replicator

import (
	"context"
	"slices"
)

// order is what the load tells the reader to do. The reader obeys between
// transactions.
type order struct {
	hold    []Hold          // hold the changes of these tables from the end of the batch on
	taken   *Taken          // the snapshot of tables whose changes are held is known
	learned chan<- struct{} // closed once that is taken in
	join    bool            // let all tables that are held join, once the stream has passed their hand-over position
}

// obey does what the load has ordered, if no transaction is open.
func (r *reader) obey(ctx context.Context) error {
	if r.tx.open {
		return nil
	}
	select {
	case o := <-r.orders:
		r.holds = append(r.holds, o.hold...)
		if o.taken != nil {
			if err := r.learn(o.taken); err != nil {
				return err
			}
			close(o.learned)
		}
		r.joining = r.joining || o.join
		return r.sealIfDue(ctx, false)
	default:
		return nil
	}
}

// learn takes in what a snapshot sees: its transactions are left out from here on,
// and out of the folds that are not handed over. What is held already tells its
// transactions, and is left out when it is applied. The error is of a transaction that
// the snapshot does not see, and whose rows could not be read.
func (r *reader) learn(taken *Taken) error {
	for _, t := range taken.Tables {
		to := r.routes[t.OID]
		for _, xid := range to.unfit {
			if !taken.Seen.Sees(xid) {
				return to.why
			}
		}
		to.unfit = nil
		to.load.Seen, to.load.HandOver = taken.Seen, taken.HandOver
		to.rule = r.position < taken.HandOver
	}
	r.joinsAt = max(r.joinsAt, taken.HandOver)
	r.survey()
	r.batch.Folds = slices.DeleteFunc(r.batch.Folds, func(f *Fold) bool {
		to := r.routes[f.Table.OID]
		if f.XID == 0 || to.load.HandOver == 0 {
			return false
		}
		if to.load.Seen.Sees(f.XID) {
			if r.folds[f.Table.OID] == f {
				delete(r.folds, f.Table.OID)
			}
			r.bytes -= f.size()
			return true
		}
		f.XID = 0
		return false
	})
	return nil
}

// turns tells whether tables are to change between live and loading at the end of
// the batch: only between transactions, and only if the batch is a whole merge. Parts
// of its transaction that were handed over before would be held, and not in the load
// tables that join.
func (r *reader) turns() bool {
	return !r.tx.open && !r.inside && (len(r.holds) > 0 || r.joinable())
}

// joinable tells whether the tables that are loading can join at the batch's end.
func (r *reader) joinable() bool { return r.joining && r.position >= r.joinsAt }

// turn makes the batch the one with which tables change. It may be empty.
func (r *reader) turn() {
	r.batch.Commit = true
	r.batch.Holds = r.holds
	for i, h := range r.holds {
		if load := r.routes[h.Table.OID].load; load != nil {
			r.batch.Holds[i].Before = *load
		}
	}
	if r.joinable() {
		r.join()
	}
}

// join lets the tables that are loading join with the batch: its changes of them go
// straight to their load tables.
func (r *reader) join() {
	for _, to := range r.routes {
		if to.load != nil {
			r.batch.Joins = append(r.batch.Joins, Join{Table: to.table, From: to.load.Into, Held: to.load.Held})
		}
	}
	slices.SortFunc(r.batch.Joins, func(a, b Join) int { return int(int64(a.Table.OID) - int64(b.Table.OID)) })
	for _, f := range r.batch.Folds {
		if f.Held != "" {
			f.Into, f.Held = r.routes[f.Table.OID].load.Into, ""
		}
	}
}

// turned sends the changes that follow where the tables stand behind the batch.
func (r *reader) turned(b *Batch) {
	for _, j := range b.Joins {
		to := r.routes[j.Table.OID]
		to.load, to.rule = nil, false
	}
	if len(b.Joins) > 0 {
		r.joining, r.joinsAt = false, 0
	}
	for _, h := range b.Holds {
		to := r.routes[h.Table.OID]
		to.load, to.rule, to.unfit = &LoadState{Into: h.Into, Held: h.Held}, false, nil
	}
	if len(b.Holds) > 0 {
		r.holds = nil
	}
	if len(b.Joins)+len(b.Holds) > 0 {
		r.survey()
	}
}

// survey looks at all routes, whenever one of them has become another.
func (r *reader) survey() {
	r.loads, r.rulesPast = 0, 0
	for _, to := range r.routes {
		if to.load != nil {
			r.loads++
		}
		if to.rule && (r.rulesPast == 0 || to.load.HandOver < r.rulesPast) {
			r.rulesPast = to.load.HandOver
		}
	}
}

// loading tells whether a table is not live, or will not be.
func (r *reader) loading() bool { return r.loads > 0 || len(r.holds) > 0 }
